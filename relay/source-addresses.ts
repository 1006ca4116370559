import { parseAddress } from './address.ts';
import { RelayConfigError } from './config-error.ts';

/** This host's addresses that channels leave from, in turns: each has ports of its own. None: as the system chooses. */
export class SourceAddresses {
  readonly #addresses: Readonly<Record<4 | 6, string[]>> = { 4: [], 6: [] };
  #turns = 0;

  /** Throws RelayConfigError. */
  constructor(addresses: readonly string[] = []) {
    for (const text of addresses) {
      const kind = parseAddress(text)?.kind();
      if (kind === undefined) throw new RelayConfigError(`udpAddresses "${text}": expected an address`);
      this.#addresses[kind === 'ipv4' ? 4 : 6].push(text);
    }
  }

  /** Of which there are as many times the ports, for whichever family has more. */
  get count(): number {
    return Math.max(1, this.#addresses[4].length, this.#addresses[6].length);
  }

  /** For a channel to an endpoint of this family. */
  next(family: 4 | 6): string | undefined {
    const addresses = this.#addresses[family];
    return addresses[this.#turns++ % addresses.length];
  }
}
