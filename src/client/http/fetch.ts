import type { TunnelError } from '../../core/errors.ts';
import type { Dialer } from '../dialer.ts';
import { tunnelErrorOf } from '../errors.ts';
import type { Exchanged, HttpConnection } from './connection.ts';
import { ACCEPTED_CODINGS, decodeContent } from './content-coding.ts';
import { CookieJar } from './cookie-jar.ts';
import { Llhttp } from './llhttp.ts';
import { ConnectionPool } from './pool.ts';
import { locationOf, MAX_REDIRECTS, redirected } from './redirect.ts';
import { type FetchInit, type PreparedRequest, prepareRequest } from './request.ts';
import { httpFault, type ResponseHead } from './response-parser.ts';

/** Compiles the WASM of the HTTP parser, wherever that lies. */
export type HttpParserLoader = () => Promise<WebAssembly.Module>;

/** What may be sent twice (RFC 9110 §9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** `fetch` of one tunnel: its connections, its cookies, and the parser, loaded when it is first needed. */
export class HttpClient {
  readonly cookies = new CookieJar();
  readonly #pool: ConnectionPool;
  readonly #load: HttpParserLoader;
  #llhttp: Promise<Llhttp> | undefined;

  constructor(dialer: Dialer, load: HttpParserLoader) {
    this.#pool = new ConnectionPool(dialer);
    this.#load = load;
  }

  /** Rejects with a TypeError whose `cause` is the TunnelError, or with the signal's reason. */
  async fetch(input: RequestInfo | URL, init?: FetchInit): Promise<Response> {
    let request = await prepareRequest(input, init);
    try {
      request.signal?.throwIfAborted();
      for (let redirects = 0; ; redirects++) {
        const exchanged = await this.#exchange(request);
        const target = request.redirect === 'manual' ? undefined : locationOf(exchanged, request.url);
        if (!target) return responseOf(exchanged, request.url, redirects > 0);
        await exchanged.body?.cancel();
        if (request.redirect === 'error') throw new TypeError('The server redirects, which was not wanted.');
        if (redirects === MAX_REDIRECTS) throw new TypeError('The server redirects too often.');
        request = redirected(request, exchanged.status, target);
      }
    } catch (error) {
      throw fetchError(error, request.signal);
    }
  }

  /** The parser, for who speaks HTTP only to leave it. */
  parser(): Promise<Llhttp> {
    this.#llhttp ??= this.#load().then((module) => new Llhttp(module));
    // A file that did not arrive may arrive the next time.
    this.#llhttp.catch(() => {
      this.#llhttp = undefined;
    });
    return this.#llhttp;
  }

  async #exchange(request: PreparedRequest): Promise<Exchanged> {
    const llhttp = await this.parser();
    const { url, signal } = request;
    const connection = await this.#pool.acquire(url, { llhttp, signal });
    try {
      return await this.#over(connection, request);
    } catch (error) {
      const isRepeatable =
        IDEMPOTENT.has(request.method) && (!request.body || request.body.length !== undefined);
      if (!connection.isStale || !isRepeatable) throw error;
    }
    return this.#over(await this.#pool.acquire(url, { llhttp, signal, isFresh: true }), request);
  }

  async #over(connection: HttpConnection, request: PreparedRequest): Promise<Exchanged> {
    const { method, url, body, signal, timeout, onResponse } = request;
    const told = (head: ResponseHead) => {
      if (request.hasCookies) this.#keepCookies(url, head);
      onResponse?.({ ...head, url: url.href });
    };
    const exchanged = await connection.exchange({
      method,
      url,
      headers: this.#headersOf(request),
      bodyLength: body === null ? null : body.length,
      body: body?.open() ?? null,
      signal,
      timeout,
      onInformational: onResponse && ((head) => onResponse({ ...head, url: url.href })),
    });
    const { status, statusText, headers } = exchanged;
    told({ status, statusText, headers });
    return exchanged;
  }

  #headersOf({ headers: given, url, hasCookies }: PreparedRequest): Headers {
    const headers = new Headers(given);
    if (!headers.has('accept')) headers.set('accept', '*/*');
    // A range is of the bytes as they are stored: a part of something compressed could not be decompressed.
    if (!headers.has('accept-encoding'))
      headers.set('accept-encoding', headers.has('range') ? 'identity' : ACCEPTED_CODINGS);
    const cookie = hasCookies && !headers.has('cookie') ? this.cookies.cookieFor(url) : undefined;
    if (cookie !== undefined) headers.set('cookie', cookie);
    return headers;
  }

  #keepCookies(url: URL, { headers }: ResponseHead): void {
    for (const [name, value] of headers)
      if (name.toLowerCase() === 'set-cookie') this.cookies.store(url, value);
  }
}

function responseOf(
  { status, statusText, headers: pairs, body }: Exchanged,
  url: URL,
  wasRedirected: boolean,
): Response {
  const headers = headersOf(pairs);
  let response: Response;
  try {
    const decoded = body && decodeContent(body, headers.get('content-encoding'));
    response = new Response(decoded, { status, statusText, headers });
  } catch (error) {
    body?.cancel(error).catch(() => {});
    throw httpFault(error instanceof Error ? error.message : String(error));
  }
  const href = url.href.split('#')[0]!;
  Object.defineProperties(response, {
    url: { value: href, configurable: true },
    redirected: { value: wasRedirected, configurable: true },
  });
  return response;
}

function headersOf(pairs: ResponseHead['headers']): Headers {
  const headers = new Headers();
  for (const [name, value] of pairs) headers.append(name, value);
  return headers;
}

function fetchError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  const cause: TunnelError | undefined = tunnelErrorOf(error);
  return cause ? new TypeError(cause.message, { cause }) : error;
}
