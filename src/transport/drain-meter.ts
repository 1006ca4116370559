import type { Instant, Millis } from '../core/time.ts';

/** What waits in a WebSocket delays everything behind it by this much and no more. */
const MAX_DELAY: Millis = 50;
const MIN_LIMIT = 16 * 1024;
const MAX_LIMIT = 2 * 1024 * 1024;
/** Before anything was measured. */
const FIRST_LIMIT = 64 * 1024;
/** bufferedAmount falls in steps; a shorter measurement would measure a step. */
const MIN_SAMPLE: Millis = 10;
const SMOOTHING = 0.25;

/**
 * How fast a WebSocket drains, from its `bufferedAmount`, and how much it may therefore hold. Only times in which it
 * never ran dry tell the rate; one that ran dry tells that the rate is at least so much.
 */
export class DrainMeter {
  /** Bytes per millisecond; 0 while unknown. */
  #rate = 0;
  #buffered = 0;
  #drained = 0;
  #since: Instant | undefined;

  /** How many bytes may wait in the WebSocket. */
  get limit(): number {
    if (this.#rate === 0) return FIRST_LIMIT;
    return Math.min(MAX_LIMIT, Math.max(MIN_LIMIT, this.#rate * MAX_DELAY));
  }

  /** `bytes` were given to the WebSocket just now. */
  sent(bytes: number, now: Instant): void {
    if (this.#buffered === 0) this.#begin(now);
    this.#buffered += bytes;
  }

  /** The WebSocket's `bufferedAmount` is `buffered`. */
  observe(buffered: number, now: Instant): void {
    this.#drained += Math.max(0, this.#buffered - buffered);
    this.#buffered = buffered;
    if (this.#since === undefined) return;
    const elapsed = now - this.#since;
    if (buffered === 0) {
      const atLeast = this.#drained / Math.max(1, elapsed);
      if (atLeast * MAX_DELAY > this.limit) this.#rate = this.#smooth(atLeast);
      this.#since = undefined;
    } else if (elapsed >= MIN_SAMPLE) {
      this.#rate = this.#smooth(this.#drained / elapsed);
      this.#begin(now);
    }
  }

  #begin(now: Instant): void {
    this.#since = now;
    this.#drained = 0;
  }

  #smooth(sample: number): number {
    return this.#rate === 0 ? sample : this.#rate + SMOOTHING * (sample - this.#rate);
  }
}
