import type { Environment } from '../environment.ts';
import type { Instant } from '../time.ts';
import { TokenBucket } from '../token-bucket.ts';

const PER_SECOND = 1000;
const BURST = 50;
const PER_SECOND_TO_ONE = 10;
const BURST_TO_ONE = 10;
/** Buckets for destinations; those that meet in one share its rate. */
const BUCKETS = 1024;

/**
 * How many ICMP errors may leave: first by destination, then in all. What is left of the common limit must not tell
 * anybody which of their guesses were answered elsewhere (CVE-2020-25705), so each error costs it one to three at
 * random, as in Linux.
 */
export class IcmpErrorLimit {
  readonly #environment: Environment;
  readonly #all = new TokenBucket(PER_SECOND, BURST);
  readonly #toOne: (TokenBucket | undefined)[] = new Array<TokenBucket | undefined>(BUCKETS).fill(undefined);
  readonly #seed = new Uint32Array(1);
  /** Random bytes for costs, used from the back. */
  readonly #random = new Uint8Array(64);
  #randomLeft = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
    environment.fillRandom(new Uint8Array(this.#seed.buffer));
  }

  /** Whether an error may go to the address at `offset`: an IPv4 address, or the /64 of an IPv6 address. */
  allows(memory: Uint8Array, offset: number, version: 4 | 6, now: Instant): boolean {
    const index = this.#indexOf(memory, offset, version === 4 ? 4 : 8);
    const toOne = (this.#toOne[index] ??= new TokenBucket(PER_SECOND_TO_ONE, BURST_TO_ONE));
    return toOne.take(1, now) && this.#all.take(1 + (this.#randomByte() % 3), now);
  }

  /** FNV-1a from a secret start, stirred: it need only keep others from aiming at a bucket. */
  #indexOf(memory: Uint8Array, offset: number, length: number): number {
    let hash = this.#seed[0]!;
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ memory[offset + i]!, 0x01000193);
    hash ^= hash >>> 15;
    hash = Math.imul(hash, 0x85ebca6b);
    return (hash ^ (hash >>> 13)) & (BUCKETS - 1);
  }

  #randomByte(): number {
    if (this.#randomLeft === 0) {
      this.#environment.fillRandom(this.#random);
      this.#randomLeft = this.#random.length;
    }
    return this.#random[--this.#randomLeft]!;
  }
}
