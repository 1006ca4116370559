// In a page, of Node's `http` what the tables want of a server: over our `net`, and no more than they use.
import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { STATUS_CODES } from '../../../../src/shims/http/words.ts';

export { STATUS_CODES };

const CRLF = '\r\n';
const END = '0\r\n\r\n';

type Fields = Record<string, string | number | string[]>;
type Listener = (request: ServerRequest, response: ServerResponse) => unknown;

/** What came: its fields, and its body as a stream. */
class ServerRequest extends PassThrough {
  readonly method: string;
  readonly url: string;
  readonly httpVersion = '1.1';
  readonly headers: Record<string, string>;
  readonly socket: Socket;

  constructor(socket: Socket, head: string) {
    super();
    const [first, ...fields] = head.split(CRLF) as [string, ...string[]];
    [this.method, this.url] = first.split(' ') as [string, string];
    this.socket = socket;
    this.headers = Object.fromEntries(
      fields.map((field) => {
        const colon = field.indexOf(':');
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
      }),
    );
  }
}

class ServerResponse extends EventEmitter {
  statusCode = 200;
  readonly #socket: Socket;
  readonly #hasBody: boolean;
  readonly #ended: (isLast: boolean) => void;
  readonly #fields = new Map<string, [name: string, value: Fields[string]]>();
  #statusText: string | undefined;
  #isChunked = false;
  #isHeadSent = false;

  constructor(socket: Socket, method: string, ended: (isLast: boolean) => void) {
    super();
    this.#socket = socket;
    this.#hasBody = method !== 'HEAD';
    this.#ended = ended;
    socket.on('drain', () => this.emit('drain'));
  }

  setHeader(name: string, value: Fields[string]): this {
    this.#fields.set(name.toLowerCase(), [name, value]);
    return this;
  }

  writeHead(status: number, ...rest: [Fields?] | [string, Fields?]): this {
    this.statusCode = status;
    this.#statusText = typeof rest[0] === 'string' ? rest[0] : undefined;
    const fields = rest.find((each) => typeof each === 'object');
    for (const [name, value] of Object.entries(fields ?? {})) this.setHeader(name, value);
    return this;
  }

  writeEarlyHints(hints: Record<string, string>): void {
    const fields = Object.entries(hints).map(([name, value]) => `${name}: ${value}${CRLF}`);
    this.#socket.write(`HTTP/1.1 103 Early Hints${CRLF}${fields.join('')}${CRLF}`);
  }

  write(part: Uint8Array | string, told?: () => void): boolean {
    this.#sendHead(undefined);
    return this.#send(Buffer.from(part as string), told);
  }

  end(part: Uint8Array | string = ''): this {
    const bytes = Buffer.from(part as string);
    this.#sendHead(bytes.length);
    if (bytes.length > 0) this.#send(bytes);
    if (this.#isChunked) this.#socket.write(END);
    const [, connection] = this.#fields.get('connection') ?? [];
    this.#ended(connection === 'close');
    return this;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Once. `length`: of the body, where all of it is there. */
  #sendHead(length: number | undefined): void {
    if (this.#isHeadSent) return;
    this.#isHeadSent = true;
    const mayHaveBody = this.statusCode !== 204 && this.statusCode !== 304;
    if (mayHaveBody && !this.#fields.has('content-length')) {
      this.#isChunked = length === undefined;
      if (length === undefined) this.setHeader('Transfer-Encoding', 'chunked');
      else this.setHeader('Content-Length', length);
    }
    const fields = [...this.#fields.values()].flatMap(([name, value]) =>
      [value].flat().map((one) => `${name}: ${one}${CRLF}`),
    );
    const reason = this.#statusText ?? STATUS_CODES[this.statusCode] ?? 'unknown';
    this.#socket.write(
      Buffer.from(`HTTP/1.1 ${this.statusCode} ${reason}${CRLF}${fields.join('')}${CRLF}`, 'latin1'),
    );
  }

  #send(bytes: Buffer, told?: () => void): boolean {
    if (!this.#hasBody) return true;
    if (!this.#isChunked) return this.#socket.write(bytes, told);
    const size = Buffer.from(`${bytes.length.toString(16)}${CRLF}`);
    return this.#socket.write(Buffer.concat([size, bytes, Buffer.from(CRLF)]), told);
  }
}

/** One connection: what it says, request by request. */
class Conversation {
  readonly #socket: Socket;
  readonly #server: Server;
  #held = Buffer.alloc(0);
  #request: ServerRequest | undefined;
  /** Of the body, or of the chunk that is under way; undefined: the size of a chunk comes next. */
  #left: number | undefined;
  #isChunked = false;
  #isAnswered = true;
  #isOver = false;

  constructor(server: Server, socket: Socket) {
    this.#server = server;
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('data', this.#heard);
    socket.on('end', () => {
      if (this.#isAnswered) socket.end();
    });
  }

  readonly #heard = (bytes: Buffer): void => {
    this.#held = Buffer.concat([this.#held, bytes]);
    this.#read();
  };

  #read(): void {
    while (!this.#isOver && (this.#request ? this.#readBody(this.#request) : this.#readHead()));
  }

  #readHead(): boolean {
    const end = this.#held.indexOf(CRLF + CRLF);
    if (end < 0 || !this.#isAnswered) return false;
    const request = new ServerRequest(this.#socket, this.#held.toString('latin1', 0, end));
    this.#held = this.#held.subarray(end + 4);
    if (request.headers.upgrade && this.#server.listenerCount('upgrade') > 0) {
      this.#isOver = true;
      this.#socket.removeAllListeners('data').removeAllListeners('end');
      return !this.#server.emit('upgrade', request, this.#socket, this.#held);
    }
    this.#request = request;
    this.#isChunked = request.headers['transfer-encoding'] === 'chunked';
    this.#left = this.#isChunked ? undefined : Number(request.headers['content-length'] ?? 0);
    this.#isAnswered = false;
    const response = new ServerResponse(this.#socket, request.method, (isLast) => this.#ended(isLast));
    this.#server.emit('request', request, response);
    return true;
  }

  #readBody(request: ServerRequest): boolean {
    if (this.#left === undefined) return this.#readSize();
    const part = this.#held.subarray(0, this.#left);
    this.#held = this.#held.subarray(part.length);
    this.#left -= part.length;
    if (part.length > 0 && !request.write(part)) {
      this.#socket.pause();
      request.once('drain', () => this.#socket.resume());
    }
    if (this.#left > 0) return false;
    if (this.#isChunked) {
      // The end of the line behind a chunk is read with the next size.
      this.#left = undefined;
      return this.#held.length > 0;
    }
    return this.#wasLast(request);
  }

  #readSize(): boolean {
    const [line] = /^(?:\r\n)?[0-9a-f]+\r\n/.exec(this.#held.toString('latin1', 0, 20)) ?? [];
    if (line === undefined) return false;
    const size = Number.parseInt(line.trim(), 16);
    if (size === 0 && this.#held.length < line.length + 2) return false;
    this.#held = this.#held.subarray(line.length + (size === 0 ? 2 : 0));
    if (size === 0) return this.#wasLast(this.#request!);
    this.#left = size;
    return true;
  }

  #wasLast(request: ServerRequest): boolean {
    request.end();
    this.#request = undefined;
    return true;
  }

  #ended(isLast: boolean): void {
    this.#isAnswered = true;
    if (isLast) {
      // Whoever still sends is heard out: a reset would take the answer with it.
      this.#isOver = true;
      this.#socket.end();
    } else this.#read();
  }
}

export function createServer(listener?: Listener): Server {
  const server = createTcpServer({ allowHalfOpen: true });
  if (listener) server.on('request', listener);
  server.on('connection', (socket: Socket) => new Conversation(server, socket));
  return server;
}

export * as default from './http-server.ts';
