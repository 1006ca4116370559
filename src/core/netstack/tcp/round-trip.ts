import { type Instant, MINUTE, type Millis, SECOND } from '../../time.ts';
import type { InRow } from './number-rows.ts';

/** RFC 6298 §2.1: before anything was measured. */
const INITIAL_RTO = SECOND;
/** RFC 6298 §5.7: when the timer fired for the SYN and the data begins without a measurement. */
const RTO_AFTER_SYN_LOSS = 3 * SECOND;
/** The floor under the variance term, as Linux has it; RFC 8961 §4 leaves the minimum to the implementation. */
const MIN_VARIANCE = 200;
const MAX_RTO = 120 * SECOND;
/** Timestamps tick in milliseconds; a shorter measurement is none. */
const GRANULARITY = 1;
/** RFC 8985 §6.2: the window of the least RTT may be from seconds to minutes. */
const LEAST_LIFETIME: Millis = 5 * MINUTE;

// Its numbers, in the row of whom it belongs to.
const SMOOTHED = 0;
const VARIANCE = 1;
const LEAST = 2;
const LEAST_AT = 3;
const RTO = 4;
const BACKOFF = 5;
export const ROUND_TRIP_DOUBLES = 6;

/** The round-trip time as RFC 6298 estimates it, and the retransmission timeout that follows, with its back-off. */
export class RoundTrip {
  readonly #row: InRow;

  /** Has its numbers at the beginning of the row. */
  constructor(row: InRow) {
    this.#row = row;
    this.least = Number.POSITIVE_INFINITY;
    this.#put(RTO, INITIAL_RTO);
  }

  /** Smoothed, in ms; 0 until measured. */
  get smoothed(): Millis {
    return this.#get(SMOOTHED);
  }

  set smoothed(rtt: Millis) {
    this.#put(SMOOTHED, rtt);
  }

  get variance(): Millis {
    return this.#get(VARIANCE);
  }

  set variance(variance: Millis) {
    this.#put(VARIANCE, variance);
  }

  /** The least measured in the last minutes (RFC 8985 §6.2 step 1). */
  get least(): Millis {
    return this.#get(LEAST);
  }

  set least(rtt: Millis) {
    this.#put(LEAST, rtt);
  }

  /** The timeout now, backed off (RFC 6298 §5.5). */
  get timeout(): Millis {
    return Math.min(this.rto * 2 ** this.backoff, MAX_RTO);
  }

  /** The timeout without back-off. */
  get rto(): Millis {
    return this.#get(RTO);
  }

  get backoff(): number {
    return this.#get(BACKOFF);
  }

  /**
   * A measurement that no retransmission makes ambiguous (Karn's rule is the caller's). Ends the back-off. `samples`:
   * how many to expect in a round trip, of which each then counts for less (RFC 7323 appendix G).
   */
  measured(rtt: Millis, samples = 1): void {
    rtt = Math.max(rtt, GRANULARITY);
    if (this.smoothed === 0) {
      this.smoothed = rtt;
      this.variance = rtt / 2;
    } else {
      this.variance += (Math.abs(this.smoothed - rtt) - this.variance) / (4 * samples);
      this.smoothed += (rtt - this.smoothed) / (8 * samples);
    }
    this.#put(RTO, Math.min(this.smoothed + Math.max(MIN_VARIANCE, 4 * this.variance), MAX_RTO));
    this.#put(BACKOFF, 0);
  }

  /** Keeps the least RTT; an old one gives way, since paths change. */
  noteLeast(rtt: Millis, now: Instant): void {
    rtt = Math.max(rtt, GRANULARITY);
    if (rtt > this.least && now - this.#get(LEAST_AT) < LEAST_LIFETIME) return;
    this.least = rtt;
    this.#put(LEAST_AT, now);
  }

  backOff(): void {
    if (this.timeout < MAX_RTO) this.#put(BACKOFF, this.backoff + 1);
  }

  /** The handshake is over and its SYN had to be repeated. */
  startAfterSynLoss(): void {
    if (this.smoothed === 0) this.#put(RTO, RTO_AFTER_SYN_LOSS);
    this.#put(BACKOFF, 0);
  }

  #get(number: number): number {
    return this.#row.rowDoubles[this.#row.rowAt + number]!;
  }

  #put(number: number, value: number): void {
    this.#row.rowDoubles[this.#row.rowAt + number] = value;
  }
}
