import { httpError } from './http-error.ts';
import type { HttpRequest } from './request.ts';
import { type ResponseHead, valuesOf } from './response-head.ts';

export const MAX_REDIRECTS = 20;

const STATUSES = new Set([301, 302, 303, 307, 308]);
/** What is for one server's eyes. */
const PRIVATE = ['authorization', 'cookie', 'host', 'proxy-authorization'];
const OF_BODY = ['content-encoding', 'content-language', 'content-location', 'content-type'];

/** Where the answer sends the request; undefined if nowhere. */
export function locationOf(head: ResponseHead, request: HttpRequest): URL | undefined {
  const [location, ...others] = valuesOf(head, 'location');
  if (!STATUSES.has(head.status) || location === undefined) return undefined;
  if (others.some((other) => other !== location)) throw httpError('The server redirects to two places.');
  const url = URL.canParse(location, request.url) ? new URL(location, request.url) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw httpError('The server redirects to what is no http: or https: URL.');
  }
  url.username = url.password = '';
  if (!url.hash) url.hash = request.url.hash;
  return url;
}

/** The request that follows the redirect (fetch standard, HTTP-redirect fetch). */
export function redirected(request: HttpRequest, status: number, url: URL): HttpRequest {
  const headers = new Headers(request.headers);
  let { method, body } = request;
  if (body && !body.isRepeatable && status !== 303) {
    throw httpError('The server redirects a request whose body is a stream and cannot be sent again.');
  }
  const losesBody =
    status === 303 ? method !== 'GET' && method !== 'HEAD' : status < 303 && method === 'POST';
  if (losesBody) {
    method = 'GET';
    body = undefined;
    for (const name of OF_BODY) headers.delete(name);
  }
  if (url.origin !== request.url.origin) for (const name of PRIVATE) headers.delete(name);
  return { ...request, url, method, headers, body };
}
