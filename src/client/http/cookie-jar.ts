/** Bounds, as RFC 6265 §6.1 names them: bytes of a cookie, cookies of a domain, cookies. */
export const MAX_COOKIE_BYTES = 4096;
export const MAX_PER_DOMAIN = 50;
export const MAX_COOKIES = 3000;

interface Cookie {
  name: string;
  value: string;
  domain: string;
  path: string;
  /** Also for hosts below the domain. */
  isForDomain: boolean;
  isSecure: boolean;
  /** Milliseconds since 1970; undefined: as long as the tunnel. */
  expires: number | undefined;
}

/**
 * The cookies of one tunnel's `fetch` and WebSocket (RFC 6265), in memory only. There is no list of public suffixes: a
 * cookie for a domain of one label is refused, one for "co.uk" is not.
 */
export class CookieJar {
  /** In the order in which they were made. */
  readonly #cookies: Cookie[] = [];
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Takes one Set-Cookie; what is malformed or not for this host is ignored (§5.3). */
  store(url: URL, setCookie: string): void {
    if (setCookie.length > MAX_COOKIE_BYTES) return;
    const cookie = parse(url, setCookie, this.#now());
    if (!cookie) return;
    const same = (other: Cookie) =>
      other.name === cookie.name && other.domain === cookie.domain && other.path === cookie.path;
    const old = this.#cookies.findIndex(same);
    const isOver = cookie.expires !== undefined && cookie.expires <= this.#now();
    if (old >= 0) this.#cookies.splice(old, 1, ...(isOver ? [] : [cookie]));
    else if (!isOver) this.#cookies.push(cookie);
    this.#limit(cookie.domain);
  }

  /** The value of the Cookie header (§5.4), or undefined. */
  cookieFor(url: URL): string | undefined {
    const now = this.#now();
    const due = this.#cookies.filter(
      (cookie) =>
        !(cookie.expires !== undefined && cookie.expires <= now) &&
        (cookie.isForDomain ? isWithin(url.hostname, cookie.domain) : url.hostname === cookie.domain) &&
        pathMatches(url.pathname, cookie.path) &&
        (!cookie.isSecure || url.protocol === 'https:' || url.protocol === 'wss:'),
    );
    due.sort((one, other) => other.path.length - one.path.length);
    return due.length === 0 ? undefined : due.map(({ name, value }) => `${name}=${value}`).join('; ');
  }

  #limit(domain: string): void {
    const ofDomain = this.#cookies.filter((cookie) => cookie.domain === domain);
    if (ofDomain.length > MAX_PER_DOMAIN) this.#cookies.splice(this.#cookies.indexOf(ofDomain[0]!), 1);
    if (this.#cookies.length > MAX_COOKIES) this.#cookies.shift();
  }
}

function parse(url: URL, setCookie: string, now: number): Cookie | undefined {
  const [pair, ...attributes] = setCookie.split(';');
  const equals = pair!.indexOf('=');
  if (equals <= 0 || hasControl(setCookie)) return undefined;
  const cookie: Cookie = {
    name: pair!.slice(0, equals).trim(),
    value: pair!.slice(equals + 1).trim(),
    domain: url.hostname,
    path: defaultPath(url.pathname),
    isForDomain: false,
    isSecure: false,
    expires: undefined,
  };
  let maxAge: number | undefined;
  for (const attribute of attributes) {
    const [name, ...rest] = attribute.split('=');
    const value = rest.join('=').trim();
    switch (name!.trim().toLowerCase()) {
      case 'domain':
        if (!ownDomain(cookie, url, value)) return undefined;
        break;
      case 'path':
        cookie.path = value.startsWith('/') ? value : defaultPath(url.pathname);
        break;
      case 'expires':
        cookie.expires = Number.isNaN(Date.parse(value)) ? cookie.expires : Date.parse(value);
        break;
      case 'max-age':
        if (/^-?\d+$/.test(value)) maxAge = Number(value);
        break;
      case 'secure':
        cookie.isSecure = true;
        break;
    }
  }
  if (maxAge !== undefined) cookie.expires = now + maxAge * 1000;
  return cookie;
}

/** Whether the host may set cookies for this domain. */
function ownDomain(cookie: Cookie, url: URL, value: string): boolean {
  const domain = value.replace(/^\./, '').toLowerCase();
  if (domain === '' || domain === url.hostname) {
    cookie.isForDomain = domain !== '' && !isAddress(url.hostname);
    return true;
  }
  if (!domain.includes('.') || isAddress(url.hostname) || !isWithin(url.hostname, domain)) return false;
  cookie.domain = domain;
  cookie.isForDomain = true;
  return true;
}

function isWithin(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`);
}

function isAddress(host: string): boolean {
  return host.startsWith('[') || /^[\d.]+$/.test(host);
}

/** §5.1.4 */
function defaultPath(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 1));
}

function pathMatches(path: string, of: string): boolean {
  return path === of || (path.startsWith(of) && (of.endsWith('/') || path[of.length] === '/'));
}

function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return true;
  }
  return false;
}
