import { type Instant, NEVER } from '../time.ts';

/**
 * A lower bound of all peers' deadlines, so that nobody has to ask ten thousand peers after every batch of datagrams.
 * Who arms a timer sets it; who cancels one leaves it alone. So it may ring for nothing, once; then all are asked.
 */
export class Alarm {
  /** A field, so that who arms a timer for a packet can look at it without a call that would make an object of it. */
  at: Instant = NEVER;

  /** Something is due at `at`, or nothing at NEVER. */
  set(at: Instant): void {
    if (at < this.at) this.at = at;
  }

  clear(): void {
    this.at = NEVER;
  }
}
