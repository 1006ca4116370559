import { bracketed } from '../src/core/host-port.ts';
import { isLoopback } from './address.ts';

/** Where a connection arrived. */
export interface LocalAddress {
  readonly address: string;
  readonly port: number;
}

/**
 * Which web pages may connect, by the Origin that their browser states (RFC 6454). It protects honest users from
 * hostile pages; it does not authenticate anyone, because every other program states what it likes.
 */
export class OriginPolicy {
  /** As browsers write them; `https://*.example.com` has its star. Undefined: pages from the relay's own address. */
  readonly #origins: ReadonlySet<string> | undefined;
  /** Whether whoever states no origin may come: programs that are no browsers. */
  readonly allowsNone: boolean;

  constructor(origins: ReadonlySet<string> | undefined, allowsNone: boolean) {
    this.#origins = origins;
    this.allowsNone = allowsNone;
  }

  /** Whether a request with this Origin header may pass. A page without an origin says `null`: never. */
  permits(header: string | undefined, reached: LocalAddress): boolean {
    if (header === undefined) return this.allowsNone;
    const origin = header.toLowerCase();
    if (this.#origins === undefined) return sameOrigins(reached).includes(origin);
    // One whole label in place of the star; nobody's origin has a star itself.
    const starred = origin.replace(/^(https?:\/\/)[a-z0-9-]+\./, '$1*.');
    return !origin.includes('*') && (this.#origins.has(origin) || this.#origins.has(starred));
  }
}

/**
 * The origins of pages served from the very address that was reached. The names come from us and not from the
 * Host header: a hostile page whose name resolves to this address (DNS rebinding) sends its own name there.
 */
function sameOrigins({ address, port }: LocalAddress): string[] {
  const hosts = isLoopback(address) ? ['127.0.0.1', 'localhost', '[::1]'] : [];
  hosts.push(bracketed(address));
  const suffix = port === 80 ? '' : `:${port}`;
  return hosts.map((host) => `http://${host}${suffix}`);
}
