// Node's `url`: the platform's URL, and the older functions that packages still call.
import { bracketed } from '../core/host-port.ts';
import * as querystring from './querystring.ts';

const { URL, URLSearchParams } = globalThis;

export { URL, URLSearchParams };

/** What `parse` makes of a text. */
export class Url {
  protocol: string | null = null;
  slashes: boolean | null = null;
  auth: string | null = null;
  host: string | null = null;
  port: string | null = null;
  hostname: string | null = null;
  hash: string | null = null;
  search: string | null = null;
  query: string | querystring.Query | null = null;
  pathname: string | null = null;
  path: string | null = null;
  href = '';
}

/** RFC 3986, appendix B, with what is in an authority. */
const PARTS =
  /^([a-z][a-z0-9.+-]*:)?(\/\/(?:([^/?#]*)@)?(\[[^\]]*\]|[^/?#:]*)(?::(\d*))?)?([^?#]*)(\?[^#]*)?(#.*)?$/i;
/** Schemes whose URLs have a path in any case. */
const WITH_PATH = /^(?:https?|ftp|wss?|file):$/;

/** Older than the standard: takes any scheme and what is none, and throws nothing but a TypeError. */
export function parse(text: string, parsesQuery = false): Url {
  if (typeof text !== 'string') throw new TypeError('The "url" argument must be of type string.');
  const [, protocol, authority, auth, host = '', port, pathname = '', search, hash] =
    PARTS.exec(text.trim()) ?? [];
  const url = new Url();
  url.protocol = protocol?.toLowerCase() ?? null;
  if (authority !== undefined) {
    url.slashes = true;
    url.auth = auth === undefined ? null : querystring.unescape(auth);
    url.hostname = host.replace(/^\[|\]$/g, '').toLowerCase();
    url.port = port || null;
    url.host = host.toLowerCase() + (port ? `:${port}` : '');
  }
  url.hash = hash ?? null;
  url.search = search ?? null;
  const query = search?.slice(1);
  url.query = parsesQuery ? querystring.parse(query ?? '') : (query ?? null);
  url.pathname = pathname || (url.slashes && WITH_PATH.test(url.protocol ?? '') ? '/' : null);
  url.path = `${url.pathname ?? ''}${search ?? ''}` || null;
  url.href = format(url);
  return url;
}

export function format(url: URL | string | Partial<Url>): string {
  if (typeof url === 'string') return parse(url).href;
  if (url instanceof URL) return url.href;
  const { protocol, slashes, auth, hostname, port, pathname, hash } = url;
  const scheme = protocol ? (protocol.endsWith(':') ? protocol : `${protocol}:`) : '';
  const name = hostname && bracketed(hostname);
  const host = url.host ?? (name ? `${name}${port ? `:${port}` : ''}` : '');
  const user = auth ? `${encodeURIComponent(auth).replace('%3A', ':')}@` : '';
  const authority = slashes || (host && WITH_PATH.test(scheme)) ? `//${user}${host}` : '';
  const search =
    url.search ?? (url.query && typeof url.query === 'object' ? `?${querystring.stringify(url.query)}` : '');
  return `${scheme}${authority}${pathname ?? ''}${search === '?' ? '' : search}${hash ?? ''}`;
}

/** As a browser follows a link. */
export function resolve(from: string, to: string): string {
  const base = new URL(from, 'resolve://');
  const url = new URL(to, base);
  return url.protocol === 'resolve:' ? `${url.pathname}${url.search}${url.hash}` : url.href;
}

export function fileURLToPath(url: string | URL): string {
  return decodeURIComponent(new URL(url).pathname);
}

export function pathToFileURL(path: string): URL {
  return new URL(encodeURI(path), 'file:///');
}

export function domainToASCII(domain: string): string {
  try {
    return new URL(`ws://${domain}`).hostname;
  } catch {
    return '';
  }
}

export function urlToHttpOptions(url: URL): object {
  const { protocol, hostname, hash, search, pathname, href, port, username, password } = url;
  return {
    protocol,
    hostname: hostname.replace(/^\[|\]$/g, ''),
    hash,
    search,
    pathname,
    path: `${pathname}${search}`,
    href,
    ...(port !== '' && { port: Number(port) }),
    ...((username || password) && {
      auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}`,
    }),
  };
}

export * as default from './url.ts';
