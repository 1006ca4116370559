import { bodyOf, bodyOfRequest, type RequestBody } from './request-body.ts';
import type { ResponseHead } from './response-head.ts';

/** What a request through a tunnel may say beyond the fetch standard. */
export interface TunnelRequestOptions {
  /** Milliseconds for the connection to be established; 30,000 if absent. */
  connectTimeout?: number;
  /** Milliseconds from the end of the request to the end of the answer's header; 300,000 if absent. */
  headersTimeout?: number;
  /** Milliseconds without a byte of body while one is waited for; 300,000 if absent. */
  bodyTimeout?: number;
  /** Told every head that comes as it comes: of informational answers, of redirects, and with it every Set-Cookie. */
  onHead?: (head: ResponseHead) => void;
}

/** The fetch standard's RequestInit; `headers` may hold Cookie and Host too. */
export interface TunnelRequestInit extends RequestInit {
  /** A stream as body is sent as it comes; the standard asks for this member with it, we do not. */
  duplex?: 'half';
  /** What the standard does not know. */
  tunnel?: TunnelRequestOptions;
}

/** One request on its way: what is left of the caller's arguments. */
export interface HttpRequest {
  url: URL;
  method: string;
  headers: Headers;
  body: RequestBody | undefined;
  redirect: RequestRedirect;
  /** Whether the jar's cookies go along, and it takes new ones. */
  withCookies: boolean;
  signal: AbortSignal | undefined;
  options: Required<TunnelRequestOptions>;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~\w]+$/;
const NORMALIZED = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);
const FORBIDDEN = new Set(['CONNECT', 'TRACE', 'TRACK']);
/** Where one message ends and the connection with it is our affair. */
const OURS = [
  ...['connection', 'content-length', 'expect', 'http2-settings', 'keep-alive', 'proxy-connection'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade'],
];

/** The caller's arguments as the fetch standard reads them. Throws a TypeError for what it does not allow. */
export async function requestOf(
  input: RequestInfo | URL,
  init: TunnelRequestInit = {},
): Promise<HttpRequest> {
  const base = input instanceof Request ? input : undefined;
  const url = urlOf(base ? base.url : String(input));
  const method = methodOf(init.method ?? base?.method ?? 'GET');
  if (init.integrity) throw new TypeError('tunnel.fetch does not check `integrity`.');
  const signal = init.signal === undefined ? base?.signal : (init.signal ?? undefined);
  signal?.throwIfAborted();
  const headers = new Headers(init.headers ?? base?.headers);
  for (const name of OURS) headers.delete(name);
  const body = await givenBody(base, init.body, method);
  if (body?.type && !headers.has('content-type')) headers.set('content-type', body.type);
  return {
    url,
    method,
    headers,
    body,
    redirect: init.redirect ?? base?.redirect ?? 'follow',
    withCookies: (init.credentials ?? base?.credentials) !== 'omit',
    signal,
    options: optionsOf(init.tunnel),
  };
}

function urlOf(text: string): URL {
  if (!URL.canParse(text)) throw new TypeError('tunnel.fetch needs an absolute URL.');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TypeError('tunnel.fetch knows http: and https: only.');
  }
  if (url.username || url.password) throw new TypeError('A URL to fetch may not hold credentials.');
  return url;
}

function methodOf(given: string): string {
  const upper = given.toUpperCase();
  if (!TOKEN.test(given)) throw new TypeError('The method is not one.');
  if (FORBIDDEN.has(upper)) throw new TypeError(`fetch does not allow the method ${upper}.`);
  return NORMALIZED.has(upper) ? upper : given;
}

async function givenBody(
  base: Request | undefined,
  body: BodyInit | null | undefined,
  method: string,
): Promise<RequestBody | undefined> {
  const isBodiless = method === 'GET' || method === 'HEAD';
  if (isBodiless && body != null) throw new TypeError(`A ${method} request has no body.`);
  if (body != null) return bodyOf(body);
  if (isBodiless || body === null || !base) return undefined;
  return bodyOfRequest(base);
}

function optionsOf(given: TunnelRequestOptions = {}): Required<TunnelRequestOptions> {
  return {
    connectTimeout: given.connectTimeout ?? 30_000,
    headersTimeout: given.headersTimeout ?? 300_000,
    bodyTimeout: given.bodyTimeout ?? 300_000,
    onHead: given.onHead ?? (() => {}),
  };
}
