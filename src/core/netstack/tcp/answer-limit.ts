import type { Instant } from '../../time.ts';
import { TokenBucket } from '../../token-bucket.ts';

/** Answers to segments that belong to no connection, per second: in all, and to one source. */
const PER_SECOND = 200;
const PER_SECOND_TO_ONE = 100;
/** Buckets for sources; those that meet in one share its rate. */
const BUCKETS = 256;

/**
 * How often segments that are nobody's are answered with a reset, and empty ones in TIME-WAIT with an ACK. One source
 * alone cannot use up what is for all.
 */
export class AnswerLimit {
  readonly #all = new TokenBucket(PER_SECOND, PER_SECOND);
  readonly #toOne: (TokenBucket | undefined)[] = new Array<TokenBucket | undefined>(BUCKETS).fill(undefined);

  /** `hash` is a keyed hash of the source. */
  allows(hash: number, now: Instant): boolean {
    const toOne = (this.#toOne[hash & (BUCKETS - 1)] ??= new TokenBucket(
      PER_SECOND_TO_ONE,
      PER_SECOND_TO_ONE,
    ));
    return toOne.has(1, now) && this.#all.take(1, now) && toOne.take(1, now);
  }
}
