import { RelayConfigError } from './config-error.ts';

/**
 * Which web pages may connect, by the Origin that their browser states (RFC 6454). It protects honest users from
 * hostile pages; it does not authenticate anyone, because every other program states what it likes.
 */
export class OriginPolicy {
  readonly #exact = new Set<string>();
  /** `https://*.example.com` as scheme and suffix. */
  readonly #suffixes: { readonly scheme: string; readonly suffix: string }[] = [];
  readonly #allowsNone: boolean;

  constructor(origins: readonly string[], allowsNone: boolean) {
    this.#allowsNone = allowsNone;
    for (const origin of origins) this.#add(origin);
  }

  #add(origin: string): void {
    const wildcard = /^(https?:\/\/)\*\.([^*/]+)$/i.exec(origin);
    const exact = normalizeOrigin(wildcard ? `${wildcard[1]}${wildcard[2]}` : origin);
    if (exact === undefined) {
      throw new RelayConfigError(
        `origin "${origin}": expected scheme://host[:port], such as https://console.example.com`,
      );
    }
    if (!wildcard) {
      this.#exact.add(exact);
      return;
    }
    const [scheme, host] = exact.split('://') as [string, string];
    this.#suffixes.push({ scheme: `${scheme}://`, suffix: `.${host}` });
  }

  /** Whether a request with this Origin header may pass. A page without an origin says `null`: never. */
  permits(header: string | undefined): boolean {
    if (header === undefined) return this.#allowsNone;
    const origin = header.toLowerCase();
    if (this.#exact.has(origin)) return true;
    return this.#suffixes.some(({ scheme, suffix }) => {
      if (!origin.startsWith(scheme) || !origin.endsWith(suffix)) return false;
      // One whole label in place of the star.
      return /^[a-z0-9-]+$/.test(origin.slice(scheme.length, -suffix.length));
    });
  }
}

/** The origin as browsers write it: lower case, no default port, no path; undefined if it is none. */
export function normalizeOrigin(text: string): string | undefined {
  if (!/^https?:\/\/[^/?#@\\\s*]+$/i.test(text)) return undefined;
  try {
    const { origin } = new URL(text);
    return origin === 'null' ? undefined : origin;
  } catch {
    return undefined;
  }
}
