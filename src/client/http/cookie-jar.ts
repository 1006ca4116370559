import { type Cookie, isFor, overlays, parseCookie } from './cookie.ts';

/** RFC 6265 §6.1 asks for at least 50 a domain and 3000 in all; we keep no more. */
export const MAX_COOKIES_OF_DOMAIN = 50;
export const MAX_COOKIES = 3000;

/** The cookies of one tunnel, in memory for as long as it is open. */
export class CookieJar {
  readonly #now: () => number;
  /** By name, domain and path; the one set longest ago first. */
  readonly #cookies = new Map<string, Cookie>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  get size(): number {
    return this.#cookies.size;
  }

  /** Keeps what an answer from `url` sets; what it sets to the past is gone. */
  store(url: URL, setCookie: readonly string[]): void {
    const now = this.#now();
    for (const header of setCookie) {
      const cookie = parseCookie(header, url, now);
      if (cookie && (url.protocol === 'https:' || !this.#hasSecure(cookie))) this.#put(cookie, now);
    }
  }

  /** The Cookie header of a request: longer paths first, then older ones (§5.4). */
  headerFor(url: URL): string | undefined {
    const now = this.#now();
    const fitting = [...this.#cookies.values()].filter(
      (cookie) => cookie.expires > now && isFor(cookie, url),
    );
    fitting.sort((one, other) => other.path.length - one.path.length);
    return fitting.length > 0 ? fitting.map(({ name, value }) => `${name}=${value}`).join('; ') : undefined;
  }

  #hasSecure(cookie: Cookie): boolean {
    return [...this.#cookies.values()].some((other) => overlays(cookie, other));
  }

  #put(cookie: Cookie, now: number): void {
    const key = JSON.stringify([cookie.name, cookie.domain, cookie.path]);
    if (cookie.expires <= now) {
      this.#cookies.delete(key);
      return;
    }
    // One that is there keeps its place, and with it its age.
    this.#cookies.set(key, cookie);
    this.#bound(cookie.domain, now);
  }

  #bound(domain: string, now: number): void {
    const siblings = [...this.#cookies].filter(([, cookie]) => cookie.domain === domain);
    if (siblings.length > MAX_COOKIES_OF_DOMAIN) this.#evict(siblings, now);
    if (this.#cookies.size > MAX_COOKIES) this.#evict([...this.#cookies], now);
  }

  #evict(among: readonly [string, Cookie][], now: number): void {
    const [key] = among.find(([, { expires }]) => expires <= now) ?? among[0]!;
    this.#cookies.delete(key);
  }
}
