import type { Duplex } from 'node:stream';
import { Buffer } from 'buffer';
import type { ResponseHead } from '../../client/http/response-head.ts';
import { bracketed } from '../../core/host-port.ts';
import { checkPort, codedError } from '../errors.ts';
import { nextTick } from '../next-tick.ts';
import { Writable } from '../streams.ts';
import type { Agent } from './agent.ts';
import { IncomingMessage } from './incoming-message.ts';
import {
  checkHeader,
  checkHost,
  checkMethod,
  checkPath,
  type RequestOptions,
  type ResponseListener,
} from './request-options.ts';
import { ResponseReader } from './response-reader.ts';

type Callback = (error?: Error | null) => void;

/** Node's http.ClientRequest: one request on a connection of its own, which may become another protocol's ('upgrade'). */
export class ClientRequest extends Writable {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly protocol: string;
  socket: Duplex | null = null;
  aborted = false;
  headersSent = false;
  /** Node's, for who looks at it. */
  readonly reusedSocket = false;
  readonly #headers = new Map<string, [name: string, value: string | string[]]>();
  readonly #reader: ResponseReader;
  #response: IncomingMessage | undefined;
  #isChunked = false;
  #isUpgraded = false;
  /** The first bytes wait for it. */
  #connected: Promise<Duplex>;

  constructor(options: RequestOptions, listener: ResponseListener | undefined, agent: Agent) {
    super({ emitClose: false, autoDestroy: false });
    this.method = checkMethod(options.method ?? 'GET');
    this.path = checkPath(options.path || '/');
    this.protocol = options.protocol ?? agent.protocol;
    if (this.protocol !== agent.protocol)
      throw codedError(
        TypeError,
        'ERR_INVALID_PROTOCOL',
        `Protocol "${this.protocol}" not supported. Expected "${agent.protocol}"`,
      );
    this.host = checkHost(options.hostname, 'hostname') || checkHost(options.host, 'host') || 'localhost';
    const defaultPort = Number(options.defaultPort ?? agent.defaultPort);
    const port = checkPort(options.port || defaultPort);
    for (const [name, value] of Object.entries(options.headers ?? {})) this.setHeader(name, value);
    if (!this.hasHeader('host') && options.setHost !== false)
      this.setHeader('Host', this.#authority(port, defaultPort));
    if (options.auth && !this.hasHeader('authorization'))
      this.setHeader('Authorization', `Basic ${Buffer.from(options.auth).toString('base64')}`);
    if (listener) this.once('response', listener as (response: unknown) => void);
    this.#reader = new ResponseReader(this.method, {
      head: (head) => this.#headed(head),
      body: (part) => this.#pushed(part),
      upgraded: (head, first) => this.#upgraded(head, first),
      end: () => this.#ended(),
      failed: (error) => this.destroy(error),
    });
    this.#connected = this.#connect({ ...options, host: this.host, port, path: undefined }, agent);
    this.#connected.catch((error: Error) => this.destroy(error));
    options.signal?.addEventListener('abort', () => this.destroy(options.signal!.reason as Error), {
      once: true,
    });
  }

  setHeader(name: string, value: unknown): this {
    checkHeader(name, value);
    const text = Array.isArray(value) ? value.map(String) : String(value);
    this.#headers.set(name.toLowerCase(), [name, text]);
    return this;
  }

  getHeader(name: string): string | string[] | undefined {
    return this.#headers.get(name.toLowerCase())?.[1];
  }

  hasHeader(name: string): boolean {
    return this.#headers.has(name.toLowerCase());
  }

  removeHeader(name: string): void {
    this.#headers.delete(name.toLowerCase());
  }

  getHeaders(): Record<string, string | string[]> {
    return Object.fromEntries([...this.#headers].map(([key, [, value]]) => [key, value]));
  }

  get connection(): Duplex | null {
    return this.socket;
  }

  /** Before there is a connection, it is told when there is one. */
  setTimeout(milliseconds: number, listener?: () => void): this {
    if (listener) this.once('timeout', listener);
    this.#connected.then(
      (socket) => (socket as { setTimeout?: (ms: number) => void }).setTimeout?.(milliseconds),
      () => {},
    );
    return this;
  }

  setNoDelay(): void {}

  setSocketKeepAlive(): void {}

  /** Node's older name of `destroy`. */
  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    nextTick(() => this.emit('abort'));
    this.destroy();
  }

  flushHeaders(): void {
    this.#sendHead(false).catch((error: Error) => this.destroy(error));
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, callback: Callback): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
    this.#sendHead(false).then((socket) => {
      if (bytes.length === 0) callback();
      else if (this.#isChunked)
        socket.write(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, CRLF]), callback);
      else socket.write(bytes, callback);
    }, callback);
  }

  override _final(callback: Callback): void {
    this.#sendHead(true).then((socket) => {
      if (this.#isChunked) socket.write('0\r\n\r\n', callback);
      else callback();
    }, callback);
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#reader.stop();
    const hasAnswer = this.#response !== undefined || this.#isUpgraded;
    if (!this.#isUpgraded) this.socket?.destroy();
    if (this.#response && !this.#response.complete)
      this.#response.destroy(error ?? codedError(Error, 'ECONNRESET', 'aborted'));
    nextTick(() => this.emit('close'));
    callback(error ?? (hasAnswer ? null : codedError(Error, 'ECONNRESET', 'socket hang up')));
  }

  #authority(port: number, defaultPort: number): string {
    const name = bracketed(this.host);
    return port === defaultPort ? name : `${name}:${port}`;
  }

  async #connect(options: RequestOptions, agent: Agent): Promise<Duplex> {
    const socket = await new Promise<Duplex>((resolve, reject) => {
      const told = (error: Error | null, made?: Duplex) => (error ? reject(error) : resolve(made!));
      const create = options.createConnection ?? agent.createConnection.bind(agent);
      const made = create(options, told);
      if (made) resolve(made);
    });
    if (this.destroyed) socket.destroy();
    this.socket = socket;
    this.#listen(socket);
    nextTick(() => this.emit('socket', socket));
    if (options.timeout) (socket as { setTimeout?: (ms: number) => void }).setTimeout?.(options.timeout);
    return socket;
  }

  readonly #onData = (bytes: Uint8Array): void => {
    if (this.#reader.feed(bytes)) return;
    const socket = this.socket!;
    socket.pause();
    void this.#reader.ready.then(() => socket.resume());
  };
  readonly #onEnd = (): void => this.#reader.end();
  readonly #onError = (error: Error): void => void this.destroy(error);
  readonly #onClose = (): void => this.#reader.end();
  readonly #onTimeout = (): void => void this.emit('timeout');

  #listen(socket: Duplex): void {
    socket
      .on('data', this.#onData)
      .on('end', this.#onEnd)
      .on('error', this.#onError)
      .on('close', this.#onClose)
      .on('timeout', this.#onTimeout);
  }

  #unlisten(socket: Duplex): void {
    socket
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('error', this.#onError)
      .off('close', this.#onClose)
      .off('timeout', this.#onTimeout);
  }

  /** Once; `isAll` says that no body comes. */
  async #sendHead(isAll: boolean): Promise<Duplex> {
    if (this.headersSent) return this.#connected;
    this.headersSent = true;
    const hasLength = this.hasHeader('content-length') || this.hasHeader('transfer-encoding');
    if (!isAll && !hasLength) this.setHeader('Transfer-Encoding', 'chunked');
    if (isAll && !hasLength && !['GET', 'HEAD', 'DELETE', 'OPTIONS'].includes(this.method))
      this.setHeader('Content-Length', '0');
    if (!this.hasHeader('connection')) this.setHeader('Connection', 'close');
    this.#isChunked = /chunked/i.test(String(this.getHeader('transfer-encoding') ?? ''));
    const socket = await this.#connected;
    const fields = [...this.#headers.values()].flatMap(([name, value]) =>
      [value].flat().map((one) => `${name}: ${one}\r\n`),
    );
    socket.write(Buffer.from(`${this.method} ${this.path} HTTP/1.1\r\n${fields.join('')}\r\n`, 'latin1'));
    return socket;
  }

  #headed(head: ResponseHead): void {
    if (head.status < 200) {
      if (head.status === 100) this.emit('continue');
      this.emit('information', { statusCode: head.status, statusMessage: head.statusText });
      return;
    }
    const socket = this.socket!;
    this.#response = new IncomingMessage(socket, head, () => socket.resume());
    this.#response.req = this;
    if (!this.emit('response', this.#response)) this.#response.resume();
  }

  #pushed(part: Uint8Array): void {
    if (!this.#response!.push(Buffer.from(part.buffer, part.byteOffset, part.length))) this.socket!.pause();
  }

  #ended(): void {
    this.#response!.complete = true;
    this.#response!.push(null);
    this.socket!.destroy();
    nextTick(() => this.emit('close'));
  }

  #upgraded(head: ResponseHead, first: Buffer): void {
    const socket = this.socket!;
    this.#isUpgraded = true;
    this.#unlisten(socket);
    // Neither flows nor was paused, as if nobody had listened yet.
    (socket as { readableFlowing: boolean | null }).readableFlowing = null;
    const response = new IncomingMessage(socket, head);
    response.req = this;
    response.complete = true;
    if (!this.emit('upgrade', response, socket, first)) socket.destroy();
    nextTick(() => this.emit('close'));
  }
}

const CRLF = Buffer.from('\r\n');
