import type { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';

const COUNTERS = 1024;

/**
 * Identifications for packets that are fragmented (RFC 7739 §5.3): a counter for each destination, begun at a secret
 * place, so that they neither repeat soon nor tell one destination what is sent to another.
 */
export class FragmentIdentification {
  readonly #environment: Environment;
  readonly #key = new Uint8Array(16);
  readonly #counters = new Uint32Array(COUNTERS);

  constructor(environment: Environment) {
    this.#environment = environment;
    environment.fillRandom(this.#key);
    environment.fillRandom(new Uint8Array(this.#counters.buffer));
  }

  /** 32 bits; IPv4 uses the lower 16. */
  next(source: IpAddress, destination: IpAddress, protocol: number): number {
    const message = new Uint8Array(source.bytes.length * 2 + 1);
    message.set(source.bytes);
    message.set(destination.bytes, source.bytes.length);
    message[message.length - 1] = protocol;
    const [low, high] = this.#environment.crypto.sipHash(this.#key, message);
    const index = high % COUNTERS;
    return (low + this.#counters[index]!++) >>> 0;
  }
}
