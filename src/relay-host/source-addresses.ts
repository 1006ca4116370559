import { type Address, printAddress } from '../../relay/address.ts';
import type { RelayConfig } from '../../relay/config.ts';

type Sources = RelayConfig['sources'];

/** This host's addresses that channels leave from, in turns: each has ports of its own. None: as the system chooses. */
export class SourceAddresses implements Sources {
  readonly #addresses: Readonly<Record<4 | 6, readonly string[]>>;
  #turns = 0;

  constructor(addresses: readonly Address[]) {
    const of = (kind: string) => addresses.filter((each) => each.kind() === kind).map(printAddress);
    this.#addresses = { 4: of('ipv4'), 6: of('ipv6') };
  }

  /** Of which there are as many times the ports, for whichever family has more. */
  get count(): number {
    return Math.max(1, this.#addresses[4].length, this.#addresses[6].length);
  }

  next(family: 4 | 6): string | undefined {
    const addresses = this.#addresses[family];
    return addresses[this.#turns++ % addresses.length];
  }
}
