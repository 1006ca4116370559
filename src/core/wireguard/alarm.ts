import { type Instant, NEVER } from '../time.ts';

/**
 * A lower bound of all peers' deadlines, so that nobody has to ask ten thousand peers after every batch of datagrams.
 * Who arms a timer sets it; who cancels one leaves it alone. So it may ring for nothing, once; then all are asked.
 */
export class Alarm {
  #at: Instant = NEVER;

  get at(): Instant {
    return this.#at;
  }

  /** Something is due at `at`, or nothing at NEVER. */
  set(at: Instant): void {
    if (at < this.#at) this.#at = at;
  }

  clear(): void {
    this.#at = NEVER;
  }
}
