import type { Millis } from '../core/time.ts';

const FIRST: Millis = 250;
export const MAX_BACKOFF: Millis = 30_000;
/** A connection that lasted this long was a good one: the next wait is a short one. */
const STABLE_AFTER: Millis = 5000;

/** How long to wait for the next attempt. Full jitter, so that a thousand clients of a relay that restarts do not come at once. */
export class Backoff {
  readonly #random: () => number;
  #attempts = 0;

  /** @param random 0 ≤ x < 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Twice as long as the last time, at most, and then some chance. So many attempts after the first may be `quick`. */
  next(quick = 0): Millis {
    const doublings = Math.max(this.#attempts - quick, Math.min(this.#attempts, 1));
    this.#attempts++;
    return this.#random() * Math.min(MAX_BACKOFF, FIRST * 2 ** Math.min(doublings, 16));
  }

  /** A connection is lost that had been open for so long. */
  lost(age: Millis): void {
    if (age >= STABLE_AFTER) this.reset();
  }

  reset(): void {
    this.#attempts = 0;
  }
}
