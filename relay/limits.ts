import type { Limits } from './config.ts';

/** So many per second on average, so many at once. Refilled when asked, without a timer. */
export class TokenBucket {
  readonly #rate: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  /** @param rate tokens per second; @param now on a monotonic clock, in ms */
  constructor(rate: number, burst: number, now: number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  take(now: number, cost = 1): boolean {
    if (now > this.#at) {
      this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) * this.#rate) / 1000);
      this.#at = now;
    }
    if (this.#tokens < cost) return false;
    this.#tokens -= cost;
    return true;
  }
}

/** Datagrams and bytes per second, with a quarter of a second's worth at once. */
export class RatePair {
  readonly #datagrams: TokenBucket;
  readonly #bytes: TokenBucket;

  constructor(limits: Readonly<Limits>, now: number) {
    const { datagramsPerSecond, bytesPerSecond, maxDatagram } = limits;
    this.#datagrams = new TokenBucket(datagramsPerSecond, Math.max(1, datagramsPerSecond / 4), now);
    this.#bytes = new TokenBucket(bytesPerSecond, Math.max(maxDatagram, bytesPerSecond / 4), now);
  }

  take(now: number, bytes: number): boolean {
    return this.#datagrams.take(now) && this.#bytes.take(now, bytes);
  }
}

/** How many there are of each kind, for kinds that come and go. */
export class Tally {
  readonly #counts = new Map<string, number>();

  of(kind: string): number {
    return this.#counts.get(kind) ?? 0;
  }

  add(kind: string): void {
    this.#counts.set(kind, this.of(kind) + 1);
  }

  remove(kind: string): void {
    const left = this.of(kind) - 1;
    if (left > 0) this.#counts.set(kind, left);
    else this.#counts.delete(kind);
  }
}

const WAYS = 4;

/**
 * A bucket per key in a table of fixed size, so that a million keys cost no more than one. When the four places
 * for a key are taken, the longest unused is forgotten.
 */
export class BucketTable {
  readonly #rate: number;
  readonly #burst: number;
  readonly #sets: number;
  readonly #keys: Uint32Array;
  readonly #tokens: Float64Array;
  readonly #times: Float64Array;
  /** Makes places unpredictable, so that nobody can choose a key that evicts another's. */
  readonly #seed = (Math.random() * 0x1_0000_0000) >>> 0;

  constructor(rate: number, burst: number, slots = 65_536) {
    this.#rate = rate;
    this.#burst = burst;
    this.#sets = Math.max(1, Math.floor(slots / WAYS));
    this.#keys = new Uint32Array(this.#sets * WAYS);
    this.#tokens = new Float64Array(this.#sets * WAYS);
    this.#times = new Float64Array(this.#sets * WAYS).fill(Number.NEGATIVE_INFINITY);
  }

  take(key: string, now: number): boolean {
    const slot = this.#slotOf(key, now);
    const elapsed = Math.max(0, now - this.#times[slot]!);
    const tokens = Math.min(this.#burst, this.#tokens[slot]! + (elapsed * this.#rate) / 1000);
    this.#times[slot] = now;
    this.#tokens[slot] = tokens < 1 ? tokens : tokens - 1;
    return tokens >= 1;
  }

  #slotOf(key: string, now: number): number {
    const first = (hash(key, this.#seed) % this.#sets) * WAYS;
    const tag = hash(key, ~this.#seed);
    let oldest = first;
    for (let slot = first; slot < first + WAYS; slot++) {
      if (this.#keys[slot] === tag && this.#times[slot]! > Number.NEGATIVE_INFINITY) return slot;
      if (this.#times[slot]! < this.#times[oldest]!) oldest = slot;
    }
    this.#keys[oldest] = tag;
    this.#tokens[oldest] = this.#burst;
    this.#times[oldest] = now;
    return oldest;
  }
}

/** FNV-1a with a final mix. */
function hash(key: string, seed: number): number {
  let h = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 13)) >>> 0;
}

/** What counts as one client address: an IPv4 address, or an IPv6 /64, which is what one customer gets. */
export function clientKey(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '');
  if (!plain.includes(':')) return plain;
  const [head, tail] = plain.split('::') as [string, string | undefined];
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':');
    while (groups.length + rest.length < 8) groups.push('0');
    groups.push(...rest);
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}
