import type { ResponseHead } from './response-parser.ts';

/** What `tunnel.fetch` understands of RequestInit, and our additions below the line. Everything else has no meaning here. */
export interface FetchInit {
  method?: string;
  /** Cookie and Host may be given here: a Request would lose them. */
  headers?: HeadersInit;
  body?: BodyInit | null;
  redirect?: RequestRedirect;
  /** `omit`: cookies are neither sent nor kept. */
  credentials?: RequestCredentials;
  signal?: AbortSignal | null;
  /** Needed by nobody; taken for the sake of code that says it for streams. */
  duplex?: 'half';

  /** Milliseconds of silence, before the response or within it, after which it fails: 300,000. */
  timeout?: number;
  /** Each head as it came, those of redirects and of status 1xx too, with Set-Cookie, which a Response hides. */
  onResponse?: (head: ResponseHead & { url: string }) => void;
}

/** A request that can be sent, once or more often. */
export interface PreparedRequest {
  method: string;
  url: URL;
  headers: Headers;
  body: PreparedBody | null;
  redirect: RequestRedirect;
  hasCookies: boolean;
  signal: AbortSignal | undefined;
  timeout: number;
  onResponse: FetchInit['onResponse'];
}

export interface PreparedBody {
  /** Undefined: a stream of unknown length, which can be sent once. */
  length: number | undefined;
  open(): ReadableStream<Uint8Array<ArrayBuffer>>;
}

const DEFAULT_TIMEOUT = 300_000;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NORMALIZED = /^(delete|get|head|options|post|put)$/i;
const FORBIDDEN = /^(connect|trace|track)$/i;

/** Fetch's arguments, checked as `new Request` checks them; rejects with a TypeError. */
export async function prepareRequest(
  input: RequestInfo | URL,
  init: FetchInit = {},
): Promise<PreparedRequest> {
  const request = input instanceof Request ? input : undefined;
  const method = methodOf(init.method ?? request?.method ?? 'GET');
  const headers = new Headers(init.headers ?? request?.headers);
  const body = await bodyOf(init, request, headers);
  if (body && (method === 'GET' || method === 'HEAD'))
    throw new TypeError(`A ${method} request cannot have a body.`);
  return {
    method,
    url: urlOf(request?.url ?? input),
    headers,
    body,
    redirect: redirectOf(init.redirect ?? request?.redirect ?? 'follow'),
    hasCookies: (init.credentials ?? request?.credentials) !== 'omit',
    signal: init.signal === undefined ? request?.signal : (init.signal ?? undefined),
    timeout: init.timeout ?? DEFAULT_TIMEOUT,
    onResponse: init.onResponse,
  };
}

/** Of the tunnel's network, so never relative to the page. */
export function urlOf(input: unknown, base?: URL): URL {
  const url = new URL(String(input), base);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError(`"${url.protocol}" cannot be fetched through the tunnel, only http: and https:.`);
  if (url.username !== '' || url.password !== '')
    throw new TypeError('The URL holds a name or a password: give them in a header.');
  return url;
}

function methodOf(method: string): string {
  if (!TOKEN.test(method)) throw new TypeError(`"${method}" is no HTTP method.`);
  if (FORBIDDEN.test(method)) throw new TypeError(`The method ${method} is forbidden.`);
  return NORMALIZED.test(method) ? method.toUpperCase() : method;
}

function redirectOf(redirect: RequestRedirect): RequestRedirect {
  if (redirect === 'follow' || redirect === 'error' || redirect === 'manual') return redirect;
  throw new TypeError('redirect must be "follow", "error" or "manual".');
}

/** A Response reads everything that a body may be, in every browser, and names its type. */
async function bodyOf(
  { body }: FetchInit,
  request: Request | undefined,
  headers: Headers,
): Promise<PreparedBody | null> {
  if (body instanceof ReadableStream)
    return { length: undefined, open: () => body as ReadableStream<Uint8Array<ArrayBuffer>> };
  if (body === undefined && !mayHaveBody(request)) return null;
  if (body === null) return null;
  const source = body === undefined ? request! : new Response(body);
  const type = source.headers.get('content-type');
  const blob = await source.blob();
  if (body === undefined && blob.size === 0) return null;
  if (type !== null && !headers.has('content-type')) headers.set('content-type', type);
  return { length: blob.size, open: () => blob.stream() as ReadableStream<Uint8Array<ArrayBuffer>> };
}

/** Not every browser says whether a Request has one. */
function mayHaveBody(request: Request | undefined): boolean {
  return (
    request !== undefined && request.method !== 'GET' && request.method !== 'HEAD' && request.body !== null
  );
}
