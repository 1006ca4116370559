import type { IncomingMessage } from 'node:http';
import { hasAddress, type Network, parseAddress } from './address.ts';

/** Longer chains are not read further: no honest one has as many. */
const MAX_HOPS = 32;

/**
 * Whose request it is, behind proxies that we trust to say so. Everybody can write an X-Forwarded-For; only what a trusted
 * proxy appended to it, at the right, is worth anything.
 */
export class TrustedProxies {
  readonly #networks: readonly Network[];

  constructor(networks: readonly Network[]) {
    this.#networks = networks;
  }

  /** Nobody is trusted. */
  get isNobody(): boolean {
    return this.#networks.length === 0;
  }

  /** The first address from the right that is no trusted proxy's; junk ends the search at whoever passed it on. */
  addressOf({ socket, headers }: IncomingMessage): string {
    let address = socket.remoteAddress ?? '';
    if (!this.#trusts(address)) return address;
    const chain = String(headers['x-forwarded-for'] ?? '')
      .split(',')
      .slice(-MAX_HOPS);
    for (const entry of chain.reverse()) {
      const parsed = parseAddress(entry.trim());
      if (parsed === undefined) return address;
      address = entry.trim();
      if (!this.#trusts(address)) return address;
    }
    return address;
  }

  /** Whether the request comes from a trusted proxy itself. */
  includes({ socket }: Pick<IncomingMessage, 'socket'>): boolean {
    return this.#trusts(socket.remoteAddress ?? '');
  }

  #trusts(text: string): boolean {
    const address = parseAddress(text);
    return address !== undefined && this.#networks.some((network) => hasAddress(network, address));
  }
}
