// What a handshake message has to pass, once more: load, cookies, the limiter, and the queue with its budget of DHs.
import { TokenBucket } from '../../src/core/token-bucket.ts';
import type { Message } from './reference-message.ts';

/** What costs DHs. */
export type Handshake = Message & { kind: 'initiation' | 'response' };

/** What the gate needs of its device. */
export interface GateOwner {
  count(reason: string, times?: number): void;
  /** A number for a fresh secret. */
  secret(): number;
  refuseWithCookie(message: Handshake, cookie: string, to: string): void;
  /** Works on a message that has passed; returns how many DHs that took. */
  consume(message: Handshake, from: string, now: number): number;
}

export class ReferenceGate {
  readonly #owner: GateOwner;
  readonly #queue: { message: Handshake; from: string }[] = [];
  /** 800 DHs in a second, 32 at once. */
  readonly #dhs = new TokenBucket(800, 32);
  /** Twenty messages in a second from one address, five at once. */
  readonly #senders = new Map<string, TokenBucket>();
  #arrivals: number[] = [];
  #loadedUntil = 0;
  #secret = { number: 0, until: -1 };
  #lastSlice = Number.NEGATIVE_INFINITY;

  constructor(owner: GateOwner) {
    this.#owner = owner;
  }

  get deadline(): number {
    if (this.#queue.length === 0) return Number.POSITIVE_INFINITY;
    return Math.max(this.#lastSlice + 1, this.#dhs.availableAt(32));
  }

  poll(now: number): void {
    if (now >= this.deadline) this.#workOff(now);
  }

  receive(message: Handshake, from: string, now: number): void {
    const isUnderLoad = this.#isUnderLoad(now);
    if (isUnderLoad && (now > this.#secret.until || message.mac2 !== this.#cookie(from)))
      this.#refuse(message, from, now);
    else if (isUnderLoad && !this.#senderIsWithinLimit(from, now)) this.#owner.count('ratelimited');
    else if (this.#queue.length >= 1024) this.#owner.count('handshake_queue_full');
    else if (this.#queue.push({ message, from }) === 1) this.#workOff(now);
  }

  clear(reason: string): void {
    if (this.#queue.length > 0) this.#owner.count(reason, this.#queue.splice(0).length);
  }

  #isUnderLoad(now: number): boolean {
    this.#arrivals = [...this.#arrivals.filter((at) => now - at < 1000), now];
    if (this.#queue.length >= 128 || this.#arrivals.length > 100) this.#loadedUntil = now + 1000;
    return now < this.#loadedUntil;
  }

  #refuse(message: Handshake, from: string, now: number): void {
    if (now > this.#secret.until) this.#secret = { number: this.#owner.secret(), until: now + 120_000 };
    this.#owner.refuseWithCookie(message, this.#cookie(from), from);
    this.#owner.count('cookie_sent');
  }

  #cookie(from: string): string {
    return `${this.#secret.number} ${from}`;
  }

  #senderIsWithinLimit(from: string, now: number): boolean {
    const [address] = from.split(':') as [string];
    const bucket = this.#senders.get(address) ?? new TokenBucket(20, 5);
    this.#senders.set(address, bucket);
    return bucket.take(1, now);
  }

  #workOff(now: number): void {
    this.#lastSlice = now;
    while (this.#queue.length > 0 && this.#dhs.has(1, now)) {
      const { message, from } = this.#queue.shift()!;
      this.#dhs.charge(this.#owner.consume(message, from, now));
    }
  }
}
