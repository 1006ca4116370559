import { type PreparedRequest, urlOf } from './request.ts';
import type { ResponseHead } from './response-parser.ts';

/** As the Fetch standard has it. */
export const MAX_REDIRECTS = 20;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const OF_BODY = [
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
  'content-length',
];
const OF_ORIGIN = ['authorization', 'proxy-authorization', 'cookie', 'host'];

/** Where a response leads, or undefined; throws a TypeError for a Location that leads nowhere. */
export function locationOf({ status, headers }: ResponseHead, url: URL): URL | undefined {
  if (!REDIRECTS.has(status)) return undefined;
  const location = headers.find(([name]) => name.toLowerCase() === 'location')?.[1];
  if (location === undefined) return undefined;
  const target = urlOf(location, url);
  if (target.hash === '') target.hash = url.hash;
  return target;
}

/** The request that follows (Fetch standard, HTTP-redirect fetch). */
export function redirected(request: PreparedRequest, status: number, url: URL): PreparedRequest {
  const { method } = request;
  const headers = new Headers(request.headers);
  if (url.origin !== request.url.origin) for (const name of OF_ORIGIN) headers.delete(name);
  const isGet =
    (status === 303 && method !== 'HEAD') || ((status === 301 || status === 302) && method === 'POST');
  if (isGet && method !== 'GET') {
    for (const name of OF_BODY) headers.delete(name);
    return { ...request, url, headers, method: 'GET', body: null };
  }
  if (request.body && request.body.length === undefined)
    throw new TypeError('The server redirects, but a stream can be sent only once.');
  return { ...request, url, headers };
}
