import { type Instant, type Millis, NEVER, type Pollable } from '../../src/core/time.ts';
import type { SeededRandom } from './random.ts';

/** What happens to datagrams on their way. Shares are from 0 to 1. */
export interface Impairments {
  delay?: Millis;
  /** Up to this much more, each datagram on its own: they overtake each other. */
  jitter?: Millis;
  /** The share to which jitter applies; all by default. */
  reorder?: number;
  loss?: number;
  duplicate?: number;
  /** One bit flipped. */
  corrupt?: number;
  truncate?: number;
  /** Longer ones are lost, and nobody is told. */
  longest?: number;
}

interface Flight {
  readonly at: Instant;
  readonly order: number;
  readonly bytes: Uint8Array;
  readonly deliver: (bytes: Uint8Array) => void;
}

/** A network between engines in memory. The same seed gives the same history. */
export class VirtualLink implements Pollable {
  impairments: Impairments;
  /** While true, everything is lost. */
  isCut = false;
  readonly counts = { sent: 0, lost: 0, duplicated: 0, corrupted: 0, truncated: 0, delivered: 0 };
  readonly #random: SeededRandom;
  #flights: Flight[] = [];
  #order = 0;

  constructor(random: SeededRandom, impairments: Impairments = {}) {
    this.#random = random;
    this.impairments = impairments;
  }

  /** Takes a copy of the datagram on its way. `deliver` gets bytes of its own. */
  send(datagram: Uint8Array, deliver: (bytes: Uint8Array) => void, now: Instant): void {
    const { loss = 0, duplicate = 0, longest = Number.POSITIVE_INFINITY } = this.impairments;
    this.counts.sent++;
    if (this.isCut || datagram.length > longest || this.#random.fraction() < loss) {
      this.counts.lost++;
      return;
    }
    this.#launch(datagram, deliver, now);
    if (this.#random.fraction() < duplicate) {
      this.counts.duplicated++;
      this.#launch(datagram, deliver, now);
    }
  }

  pollAt(): Instant {
    return this.#flights[0]?.at ?? NEVER;
  }

  poll(now: Instant): void {
    while (this.#flights[0] && this.#flights[0].at <= now) {
      const { bytes, deliver } = this.#flights.shift()!;
      this.counts.delivered++;
      deliver(bytes);
    }
  }

  #launch(datagram: Uint8Array, deliver: (bytes: Uint8Array) => void, now: Instant): void {
    const { delay = 0, jitter = 0, reorder } = this.impairments;
    const isLate = reorder === undefined || this.#random.fraction() < reorder;
    const at = now + delay + (isLate ? this.#random.fraction() * jitter : 0);
    const flight: Flight = { at, order: this.#order++, bytes: this.#damage(datagram), deliver };
    let place = this.#flights.length;
    while (place > 0 && this.#flights[place - 1]!.at > at) place--;
    this.#flights.splice(place, 0, flight);
  }

  #damage(datagram: Uint8Array): Uint8Array {
    const { corrupt = 0, truncate = 0 } = this.impairments;
    const bytes = datagram.slice();
    if (bytes.length > 0 && this.#random.fraction() < corrupt) {
      this.counts.corrupted++;
      bytes[this.#random.below(bytes.length)]! ^= 1 << this.#random.below(8);
    }
    if (bytes.length > 0 && this.#random.fraction() < truncate) {
      this.counts.truncated++;
      return bytes.slice(0, this.#random.below(bytes.length));
    }
    return bytes;
  }
}
