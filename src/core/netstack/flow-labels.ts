import type { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';

/**
 * IPv6 flow labels (RFC 6437 §3): one for each flow, so that routers which spread load keep its packets together; a
 * keyed hash, so that it tells nobody anything.
 */
export class FlowLabels {
  readonly #environment: Environment;
  readonly #key = new Uint8Array(16);

  constructor(environment: Environment) {
    this.#environment = environment;
    environment.fillRandom(this.#key);
  }

  /** 20 bits, not zero; zero for IPv4, which has none. Ports are whatever else tells flows apart. */
  of(
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    sourcePort: number,
    destinationPort: number,
  ): number {
    if (source.version === 4) return 0;
    const message = new Uint8Array(37);
    message.set(source.bytes);
    message.set(destination.bytes, 16);
    message.set([protocol, sourcePort >> 8, sourcePort, destinationPort >> 8, destinationPort], 32);
    return this.#environment.crypto.sipHash(this.#key, message)[0] & 0xfffff || 1;
  }
}
