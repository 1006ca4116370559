import { createServer, type IncomingMessage, request, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';
import { TunnelError } from '../../core/errors.ts';
import { type Place, readPlace } from '../places.ts';
import { Door } from './door.ts';
import { answerHeaders, isPlainlyFramed, requestHeaders } from './http-messages.ts';
import { connectInside, type Inside } from './inside.ts';
import type { Login } from './login.ts';
import { splice } from './splice.ts';

/** Bytes of a request's or an answer's header. */
const MAX_HEADER_BYTES = 32 * 1024;
/** Milliseconds in which a client must have sent its header; idle connections end, too. */
const HEADER_TIMEOUT = 30_000;
/** Milliseconds that a host inside gets to end a connection whose answer is complete. */
const FAREWELL = 5_000;

/** An HTTP proxy before the tunnel: CONNECT, and requests in absolute form (RFC 9112 §3.2.2) for `http:`. */
export function httpProxy(inside: Inside, login?: Login): Door {
  const proxy = new HttpProxy(inside, login);
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADER_TIMEOUT, requestTimeout: 0, noDelay: true },
    proxy.serve,
  );
  server.keepAliveTimeout = HEADER_TIMEOUT;
  server.on('checkContinue', proxy.serve);
  server.on('connect', proxy.connect);
  return new Door(server);
}

class HttpProxy {
  readonly #inside: Inside;
  readonly #login: Login | undefined;

  constructor(inside: Inside, login: Login | undefined) {
    this.#inside = inside;
    this.#login = login;
  }

  /** RFC 9110 §9.3.6. */
  readonly connect = (asked: IncomingMessage, client: Socket, head: Buffer): void => {
    client.on('error', () => {});
    const gone = new AbortController();
    client.once('close', () => gone.abort());
    this.#lead(asked, gone.signal).then(
      (inner) => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        if (head.length > 0) client.unshift(head);
        splice(client, inner);
      },
      (error: unknown) => refuseTunnel(client, refusalOf(error)),
    );
  };

  readonly serve = (asked: IncomingMessage, answer: ServerResponse): void => {
    const gone = new AbortController();
    answer.once('close', () => gone.abort());
    this.#forward(asked, answer, gone.signal).catch((error: unknown) => refuse(answer, refusalOf(error)));
  };

  async #lead(asked: IncomingMessage, gone: AbortSignal): Promise<Duplex> {
    this.#admit(asked);
    return connectInside(this.#inside, authorityOf(asked.url!), gone);
  }

  async #forward(asked: IncomingMessage, answer: ServerResponse, gone: AbortSignal): Promise<void> {
    this.#admit(asked);
    const url = targetOf(asked.url!);
    const place = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) };
    if (!isPlainlyFramed(asked)) throw new Refusal(501, 'Of transfer codings this proxy knows chunked.');
    const inner = await connectInside(this.#inside, place, gone);
    const passedOn = request({
      method: asked.method!,
      path: `${url.pathname}${url.search}`,
      createConnection: () => inner,
      maxHeaderSize: MAX_HEADER_BYTES,
      headers: requestHeaders(url.host, asked),
    });
    gone.addEventListener('abort', () => passedOn.destroy());
    passedOn.once('close', () => {
      farewell(inner);
      // What is left of a body that the host did not want stands before the next request.
      asked.unpipe(passedOn).resume();
    });
    // Once there is an answer, it says by itself whether it came to its end.
    passedOn.on('error', () => answer.headersSent || refuse(answer, NOT_HTTP));
    passedOn.once('continue', () => answer.writeContinue());
    // Nobody asked for another protocol. Node would end the connection without a word to anybody.
    passedOn.once('upgrade', (_response, socket) => {
      socket.destroy();
      refuse(answer, NOT_HTTP);
    });
    passedOn.once('response', (response) => {
      if (!begins(answer, response)) passedOn.destroy();
      else pipeline(response, answer, () => {});
    });
    // A client that breaks off ends `passedOn` by `gone`. One whose host does not listen must still hear why.
    asked.on('error', () => {});
    // The host may have something to say before there is a body.
    passedOn.flushHeaders();
    asked.pipe(passedOn);
  }

  #admit({ headers }: IncomingMessage): void {
    if (this.#login && !this.#login.admitsBasic(headers['proxy-authorization']))
      throw new Refusal(407, 'This proxy wants a login.');
  }
}

/** An answer of the proxy's own. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

const NOT_HTTP = new Refusal(502, 'The host did not answer as HTTP is spoken.');

/** Passes the head of the answer on; false if it is none that can be, whoever sent it. */
function begins(answer: ServerResponse, response: IncomingMessage): boolean {
  const { statusCode, statusMessage } = response;
  try {
    if (statusCode! < 200 || !isPlainlyFramed(response)) throw NOT_HTTP;
    answer.sendDate = false;
    answer.writeHead(statusCode!, statusMessage, answerHeaders(response));
    return true;
  } catch {
    refuse(answer, NOT_HTTP);
    return false;
  }
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (!(error instanceof TunnelError)) return new Refusal(400, (error as Error).message);
  return new Refusal(error.code === 'ERR_TIMEOUT' ? 504 : 502, error.message);
}

function headersOf({ status, message }: Refusal): string[] {
  return [
    ...[
      'Content-Type',
      'text/plain; charset=utf-8',
      'Content-Length',
      String(Buffer.byteLength(message) + 1),
    ],
    ...(status === 407 ? ['Proxy-Authenticate', 'Basic realm="tabwire", charset="UTF-8"'] : []),
    ...['Connection', 'close'],
  ];
}

function refuse(answer: ServerResponse, refusal: Refusal): void {
  if (answer.headersSent) return void answer.destroy();
  // Its own words: those that were to be there may be what was wrong.
  answer.writeHead(refusal.status, STATUS_CODES[refusal.status]!, headersOf(refusal));
  answer.end(`${refusal.message}\n`);
}

function refuseTunnel(client: Socket, refusal: Refusal): void {
  const headers = headersOf(refusal);
  const lines = headers.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${headers[i + 1]}\r\n`] : []));
  const status = `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n`;
  client.end(`${status}${lines.join('')}\r\n${refusal.message}\n`);
  client.resume();
  const insist = setTimeout(() => client.destroy(), FAREWELL);
  client.once('close', () => clearTimeout(insist));
}

/** What CONNECT names. */
function authorityOf(authority: string): Place {
  try {
    return readPlace('CONNECT', authority);
  } catch (error) {
    throw new Refusal(400, (error as Error).message);
  }
}

/** What an absolute-form request names: no page can make one, which only knows the proxy's address. */
function targetOf(text: string): URL {
  const url = /^http:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (url && url.username === '' && url.password === '') return url;
  throw new Refusal(400, 'This is an HTTP proxy: ask it with CONNECT, or for a whole http: URL.');
}

function farewell(inner: Duplex): void {
  inner.on('error', () => {});
  inner.resume().end();
  const insist = setTimeout(() => inner.destroy(), FAREWELL);
  inner.once('close', () => clearTimeout(insist));
}
