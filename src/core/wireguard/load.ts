import type { Instant } from '../time.ts';
import { SECOND } from '../time.ts';
import { LOAD_ARRIVALS, LOAD_BACKLOG } from './constants.ts';

/**
 * Whether we are under load (WG §5.3): many handshake messages wait, or many came in the last second. It is
 * remembered for a second, so that a flood does not come in waves.
 */
export class Load {
  /** When the latest messages came: one more than may come in a second. A ring. */
  readonly #arrivals = new Float64Array(LOAD_ARRIVALS + 1).fill(Number.NEGATIVE_INFINITY);
  /** Where the oldest of them lies. */
  #oldest = 0;
  #lastHigh: Instant = Number.NEGATIVE_INFINITY;

  /** A handshake message came whose mac1 is right. */
  arrived(now: Instant): void {
    this.#arrivals[this.#oldest] = now;
    this.#oldest = (this.#oldest + 1) % this.#arrivals.length;
  }

  isHigh(waiting: number, now: Instant): boolean {
    if (waiting >= LOAD_BACKLOG || now - this.#arrivals[this.#oldest]! < SECOND) this.#lastHigh = now;
    return now - this.#lastHigh < SECOND;
  }
}
