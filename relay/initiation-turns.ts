import { TokenBucket } from '../src/core/token-bucket.ts';

/** A channel whose handshake initiation waits. */
export interface Waiter {
  /** Its turn has come. False if it has nothing to send any more: then the next one is asked. */
  turn(now: number): boolean;
}

/** Who a channel belongs to: the largest network first, the party last. */
export type Path = readonly string[];

/** Of a destination's tokens one is kept for whom it has answered before; at most this share of its rate goes to them that way. */
const KEPT_FOR_KNOWN = 1;
const KNOWN_SHARE = 1 / 3;

/**
 * Handshakes are dear for endpoints, which under load take twenty a second from one address, and to them a relay is one
 * address. So each destination gets no more than a rate, and when more want, networks take turns, within each the networks
 * in it, and so on: whoever has a thousand channels, or a thousand addresses, waits for all of them as long as another for
 * one. A channel that the destination has answered before need not wait behind strangers, whoever they are: its tunnel
 * would stand still meanwhile.
 */
export class InitiationTurns {
  readonly #rate: number;
  readonly #burst: number;
  readonly #now: () => number;
  readonly #destinations = new Map<string, Destination>();

  /** @param rate per second and destination; @param burst so many at once after a rest */
  constructor(rate: number, burst: number, now: () => number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#now = now;
  }

  /** Destinations about which there is something to remember. */
  get size(): number {
    return this.#destinations.size;
  }

  /**
   * Whether the channel may send now; otherwise it waits, and is told when its turn comes. `isKnown`: the destination has
   * answered it before.
   */
  take(place: string, path: Path, waiter: Waiter, isKnown: boolean, now: number): boolean {
    let destination = this.#destinations.get(place);
    if (destination === undefined) {
      destination = new Destination(this.#rate, this.#burst, this.#now);
      this.#destinations.set(place, destination);
    }
    return destination.take(path, waiter, isKnown, now);
  }

  /** The channel is gone. */
  withdraw(place: string, path: Path, waiter: Waiter): void {
    this.#destinations.get(place)?.withdraw(path, waiter);
  }

  /** Called once a second: forgets destinations that have rested. */
  tick(now: number): void {
    for (const [place, destination] of this.#destinations)
      if (destination.hasRested(now)) this.#destinations.delete(place);
  }

  close(): void {
    for (const destination of this.#destinations.values()) destination.close();
    this.#destinations.clear();
  }
}

class Destination {
  readonly #bucket: TokenBucket;
  readonly #most: number;
  readonly #interval: number;
  readonly #now: () => number;
  readonly #waiting: Branch = new Map();
  #timer: NodeJS.Timeout | undefined;
  #knownAt = Number.NEGATIVE_INFINITY;

  constructor(rate: number, burst: number, now: () => number) {
    this.#most = burst + KEPT_FOR_KNOWN;
    this.#bucket = new TokenBucket(rate, this.#most);
    this.#interval = 1000 / rate;
    this.#now = now;
  }

  take(path: Path, waiter: Waiter, isKnown: boolean, now: number): boolean {
    if ((this.#waiting.size === 0 && this.#takeAny(now)) || (isKnown && this.#takeKept(now))) return true;
    let branch = this.#waiting;
    for (const key of [...path, waiter]) {
      const next = branch.get(key) ?? new Map();
      branch.set(key, next);
      branch = next;
    }
    this.#timer ??= setTimeout(this.#serve, this.#interval);
    return false;
  }

  #takeAny(now: number): boolean {
    return this.#bucket.has(1 + KEPT_FOR_KNOWN, now) && this.#bucket.take(1, now);
  }

  #takeKept(now: number): boolean {
    if (now - this.#knownAt < this.#interval / KNOWN_SHARE || !this.#bucket.take(1, now)) return false;
    this.#knownAt = now;
    return true;
  }

  withdraw(path: Path, waiter: Waiter): void {
    prune(this.#waiting, [...path, waiter]);
  }

  hasRested(now: number): boolean {
    return this.#waiting.size === 0 && this.#bucket.has(this.#most, now);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  readonly #serve = (): void => {
    this.#timer = undefined;
    const now = this.#now();
    while (this.#waiting.size > 0 && this.#takeAny(now))
      while (this.#waiting.size > 0 && !pluck(this.#waiting).turn(now));
    if (this.#waiting.size > 0) this.#timer = setTimeout(this.#serve, this.#interval);
  };
}

/** Of a tree that has a path's names as its branches and a waiter as each leaf. Whose turn it is next comes first. */
interface Branch extends Map<string | Waiter, Branch> {}

/** Takes out the one whose turn it is; the branches that it was on are the last now. */
function pluck(branch: Branch): Waiter {
  const [key, within] = branch.entries().next().value!;
  branch.delete(key);
  if (typeof key !== 'string') return key;
  const waiter = pluck(within);
  if (within.size > 0) branch.set(key, within);
  return waiter;
}

function prune(branch: Branch, [key, ...rest]: readonly (string | Waiter)[]): void {
  const within = branch.get(key!);
  if (within === undefined) return;
  if (rest.length > 0) prune(within, rest);
  if (within.size === 0) branch.delete(key!);
}
