import { TokenBucket } from '../src/core/token-bucket.ts';

/** A channel whose handshake initiation waits. */
export interface Waiter {
  /** Its turn has come. False if it has nothing to send any more: then the next one is asked. */
  turn(now: number): boolean;
}

/** Of a destination's tokens one is kept for whom it has answered before; at most this share of its rate goes to them that way. */
const KEPT_FOR_KNOWN = 1;
const KNOWN_SHARE = 1 / 3;

/**
 * Handshakes are dear for endpoints, which under load take twenty a second from one address, and to them a relay is one
 * address. So each destination gets no more than a rate, and when more want, one party after the other gets a turn:
 * whoever has a thousand channels waits for all of them as long as another for one. A channel that the destination has
 * answered before need not wait behind strangers, whoever they are: its tunnel would stand still meanwhile.
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
   * Whether the party's channel may send now; otherwise it waits, and is told when its turn comes. `isKnown`: the
   * destination has answered it before.
   */
  take(place: string, party: string, waiter: Waiter, isKnown: boolean, now: number): boolean {
    let destination = this.#destinations.get(place);
    if (destination === undefined) {
      destination = new Destination(this.#rate, this.#burst, this.#now);
      this.#destinations.set(place, destination);
    }
    return destination.take(party, waiter, isKnown, now);
  }

  /** The channel is gone. */
  withdraw(place: string, party: string, waiter: Waiter): void {
    this.#destinations.get(place)?.withdraw(party, waiter);
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
  readonly #interval: number;
  readonly #restTime: number;
  readonly #now: () => number;
  /** Whose turn it is next comes first. */
  readonly #parties = new Map<string, Set<Waiter>>();
  #timer: NodeJS.Timeout | undefined;
  #usedAt: number;
  #knownAt = Number.NEGATIVE_INFINITY;

  constructor(rate: number, burst: number, now: () => number) {
    const most = burst + KEPT_FOR_KNOWN;
    this.#bucket = new TokenBucket(rate, most);
    this.#interval = 1000 / rate;
    this.#restTime = most * this.#interval;
    this.#now = now;
    this.#usedAt = now();
  }

  take(party: string, waiter: Waiter, isKnown: boolean, now: number): boolean {
    if ((this.#parties.size === 0 && this.#takeAny(now)) || (isKnown && this.#takeKept(now))) return true;
    const waiters = this.#parties.get(party);
    if (waiters === undefined) this.#parties.set(party, new Set([waiter]));
    else waiters.add(waiter);
    this.#timer ??= setTimeout(this.#serve, this.#interval);
    return false;
  }

  #takeAny(now: number): boolean {
    if (!this.#bucket.has(1 + KEPT_FOR_KNOWN, now)) return false;
    this.#usedAt = now;
    return this.#bucket.take(1, now);
  }

  #takeKept(now: number): boolean {
    if (now - this.#knownAt < this.#interval / KNOWN_SHARE || !this.#bucket.take(1, now)) return false;
    this.#usedAt = this.#knownAt = now;
    return true;
  }

  withdraw(party: string, waiter: Waiter): void {
    const waiters = this.#parties.get(party);
    if (waiters?.delete(waiter) && waiters.size === 0) this.#parties.delete(party);
  }

  hasRested(now: number): boolean {
    return this.#parties.size === 0 && now - this.#usedAt > this.#restTime;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#parties.clear();
  }

  readonly #serve = (): void => {
    this.#timer = undefined;
    const now = this.#now();
    while (this.#parties.size > 0 && this.#takeAny(now))
      while (this.#parties.size > 0 && !this.#next().turn(now));
    if (this.#parties.size > 0) this.#timer = setTimeout(this.#serve, this.#interval);
  };

  /** The one that has waited longest of the party whose turn it is. */
  #next(): Waiter {
    const [party, waiters] = this.#parties.entries().next().value!;
    const waiter = waiters.values().next().value!;
    waiters.delete(waiter);
    this.#parties.delete(party);
    if (waiters.size > 0) this.#parties.set(party, waiters);
    return waiter;
  }
}
