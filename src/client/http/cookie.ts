/** One cookie (RFC 6265 §5.3); instants in ms since 1970. */
export interface Cookie {
  name: string;
  value: string;
  domain: string;
  isHostOnly: boolean;
  path: string;
  isSecure: boolean;
  expires: number;
}

const MAX_PAIR = 4096;
const MAX_ATTRIBUTE = 1024;
const ADDRESS = /^(\[.*\]|[\d.]+)$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;

/** The cookie of a Set-Cookie value that came from `url`, or undefined if it is none that we would keep (§5.2, §5.3). */
export function parseCookie(header: string, url: URL, now: number): Cookie | undefined {
  const [pair, ...rest] = header.split(';');
  const equals = pair!.indexOf('=');
  const name = equals < 0 ? '' : pair!.slice(0, equals).trim();
  const value = pair!.slice(equals + 1).trim();
  if (name === '' || name.length + value.length > MAX_PAIR || CONTROL.test(header)) return undefined;
  const attributes = attributesOf(rest);
  const isSecure = attributes.has('secure');
  const domain = domainOf(attributes.get('domain'), url.hostname);
  if (domain === undefined || (isSecure && url.protocol !== 'https:')) return undefined;
  const path = pathOf(attributes.get('path'), url.pathname);
  const cookie = { name, value, ...domain, path, isSecure, expires: expiryOf(attributes, now) };
  return keepsPromise(cookie, attributes) ? cookie : undefined;
}

/** Whether a request for `url` carries it (§5.4). */
export function isFor(cookie: Cookie, url: URL): boolean {
  const { domain, isHostOnly } = cookie;
  const host = isHostOnly ? url.hostname === domain : domainMatches(url.hostname, domain);
  return host && pathMatches(url.pathname, cookie.path) && (!cookie.isSecure || url.protocol === 'https:');
}

/**
 * Whether `cookie`, which anybody on the way could have set, would stand in for `other`, which only the server could
 * (RFC 6265bis §5.7).
 */
export function overlays(cookie: Cookie, other: Cookie): boolean {
  if (!other.isSecure || cookie.name !== other.name || !pathMatches(cookie.path, other.path)) return false;
  return domainMatches(cookie.domain, other.domain) || domainMatches(other.domain, cookie.domain);
}

function attributesOf(parts: readonly string[]): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const part of parts) {
    const [name, ...value] = part.split('=');
    const text = value.join('=').trim();
    if (text.length <= MAX_ATTRIBUTE) attributes.set(name!.trim().toLowerCase(), text);
  }
  return attributes;
}

/** A name of one label has no subdomains of the same owner: there is no list of public suffixes here. */
function domainOf(
  given: string | undefined,
  host: string,
): { domain: string; isHostOnly: boolean } | undefined {
  const domain = (given ?? '').replace(/^\./, '').toLowerCase();
  if (domain === '' || (domain === host && (ADDRESS.test(host) || !host.includes('.')))) {
    return { domain: host, isHostOnly: true };
  }
  if (!domain.includes('.') || !domainMatches(host, domain)) return undefined;
  return { domain, isHostOnly: false };
}

function domainMatches(host: string, domain: string): boolean {
  return host === domain || (host.endsWith(`.${domain}`) && !ADDRESS.test(host));
}

/** §5.1.4. */
function pathOf(given: string | undefined, requested: string): string {
  if (given?.startsWith('/')) return given;
  const slash = requested.lastIndexOf('/');
  return slash <= 0 ? '/' : requested.slice(0, slash);
}

function pathMatches(requested: string, path: string): boolean {
  if (requested === path) return true;
  return requested.startsWith(path) && (path.endsWith('/') || requested[path.length] === '/');
}

/** Names with these prefixes say what their attributes are (RFC 6265bis §4.1.3). */
function keepsPromise(cookie: Cookie, attributes: Map<string, string>): boolean {
  const name = cookie.name.toLowerCase();
  if (name.startsWith('__secure-')) return cookie.isSecure;
  if (!name.startsWith('__host-')) return true;
  return cookie.isSecure && !attributes.has('domain') && attributes.get('path') === '/';
}

/** Max-Age goes before Expires; Infinity: as long as the tunnel. */
function expiryOf(attributes: Map<string, string>, now: number): number {
  const maxAge = attributes.get('max-age') ?? '';
  if (/^-?\d+$/.test(maxAge)) return Number(maxAge) <= 0 ? 0 : now + Number(maxAge) * 1000;
  return parseCookieDate(attributes.get('expires') ?? '') ?? Number.POSITIVE_INFINITY;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** §5.1.1, which takes all that servers have ever written; ms since 1970. */
export function parseCookieDate(text: string): number | undefined {
  let [time, day, month, year]: [string[]?, number?, number?, number?] = [];
  for (const token of text.split(/[\t -/;-@[-`{-~]+/)) {
    const clock = /^(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\D|$)/.exec(token);
    const name = MONTHS.indexOf(token.slice(0, 3).toLowerCase());
    if (!time && clock) time = clock.slice(1);
    else if (day === undefined && /^\d{1,2}(?:\D|$)/.test(token)) day = Number.parseInt(token, 10);
    else if (month === undefined && name >= 0) month = name;
    else if (year === undefined && /^\d{2,4}(?:\D|$)/.test(token))
      year = fullYear(Number.parseInt(token, 10));
  }
  if (!time || day === undefined || month === undefined || year === undefined) return undefined;
  const [hour, minute, second] = time.map(Number) as [number, number, number];
  if (day < 1 || day > 31 || year < 1601 || hour > 23 || minute > 59 || second > 59) return undefined;
  return Date.UTC(year, month, day, hour, minute, second);
}

function fullYear(year: number): number {
  if (year >= 70 && year <= 99) return year + 1900;
  return year <= 69 ? year + 2000 : year;
}
