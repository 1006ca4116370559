import { TokenBucket } from '../src/core/token-bucket.ts';
import { networkOf, parseZoned } from './address.ts';
import type { Limits } from './config.ts';

/** Datagrams and bytes per second, with a quarter of a second's worth at once. */
export class RatePair {
  readonly #datagrams: TokenBucket;
  readonly #bytes: TokenBucket;

  constructor(limits: Readonly<Limits>) {
    const { datagramsPerSecond, bytesPerSecond, maxDatagram } = limits;
    this.#datagrams = new TokenBucket(datagramsPerSecond, Math.max(1, datagramsPerSecond / 4));
    this.#bytes = new TokenBucket(bytesPerSecond, Math.max(maxDatagram, bytesPerSecond / 4));
  }

  take(now: number, bytes: number): boolean {
    return this.#datagrams.take(1, now) && this.#bytes.take(bytes, now);
  }
}

/** How many there are of each kind, for kinds that come and go. */
export class Tally {
  /** Of all kinds. */
  total = 0;
  readonly #counts = new Map<string, number>();

  of(kind: string): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** Of the kind of which there are most. */
  get most(): number {
    return [...this.#counts.values()].reduce((most, count) => Math.max(most, count), 0);
  }

  add(kind: string): void {
    this.total++;
    this.#counts.set(kind, this.of(kind) + 1);
  }

  /** One that was added. */
  remove(kind: string): void {
    this.total--;
    const left = this.of(kind) - 1;
    if (left > 0) this.#counts.set(kind, left);
    else this.#counts.delete(kind);
  }
}

/**
 * A bucket for each key, but for no more than so many keys, so that a million cost no more. Those used least lately are
 * forgotten: when half of the places are taken, what was not used since the last time that they were.
 */
export class BucketTable {
  readonly #rate: number;
  readonly #burst: number;
  readonly #half: number;
  #recent = new Map<string, TokenBucket>();
  #former = new Map<string, TokenBucket>();

  constructor(rate: number, burst: number, places = 65_536) {
    this.#rate = rate;
    this.#burst = burst;
    this.#half = places / 2;
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#recent.size + this.#former.size;
  }

  /** Whether there is one, without taking it. */
  has(key: string, now: number): boolean {
    return this.#known(key)?.has(1, now) ?? this.#burst >= 1;
  }

  take(key: string, now: number): boolean {
    const bucket = this.#known(key) ?? new TokenBucket(this.#rate, this.#burst);
    if (!this.#recent.has(key) && this.#recent.size >= this.#half) {
      this.#former = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(key, bucket);
    this.#former.delete(key);
    return bucket.take(1, now);
  }

  #known(key: string): TokenBucket | undefined {
    return this.#recent.get(key) ?? this.#former.get(key);
  }
}

/** From what a provider has to what one customer gets. */
const PREFIXES = { ipv4: [24, 32], ipv6: [32, 48, 64] };

/** The networks that an address is in, the largest first. */
export function networksOf(text: string): string[] {
  const address = parseZoned(text);
  return address ? PREFIXES[address.kind()].map((length) => networkOf(address, length)) : [text];
}

/** What counts as one client address: an IPv4 address, or an IPv6 /64, which is what one customer gets. */
export function clientKey(text: string): string {
  const address = parseZoned(text);
  return address?.kind() === 'ipv6' ? networkOf(address, 64) : String(address ?? text);
}
