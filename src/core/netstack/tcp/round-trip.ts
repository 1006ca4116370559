import { type Instant, MINUTE, type Millis, SECOND } from '../../time.ts';
import { defineDoubles, type InRow } from './number-rows.ts';

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

/** The round-trip time as RFC 6298 estimates it, and the retransmission timeout that follows, with its back-off. */
export class RoundTrip implements InRow {
  // Its numbers lie in a row (number-rows.ts); `declare` is what stands of them here.
  rowDoubles!: Float64Array;
  rowInts!: Int32Array;
  rowAt = 0;
  rowIndex = 0;

  /** Smoothed, in ms; 0 until measured. */
  declare smoothed: Millis;
  declare variance: Millis;
  /** The least measured in the last minutes (RFC 8985 §6.2 step 1). */
  declare least: Millis;
  declare leastAt: Instant;
  /** The timeout without back-off. */
  declare rto: Millis;
  /** The timeout now, backed off (RFC 6298 §5.5). */
  declare timeout: Millis;
  /** What `measured` and `noteLeast` are told of: as an argument, a number with a fraction would be an object. */
  declare sample: Millis;

  /** It has its row now, and nothing was measured. */
  beginMeasuring(): void {
    this.least = Number.POSITIVE_INFINITY;
    this.rto = this.timeout = INITIAL_RTO;
  }

  /**
   * `sample` is a measurement that no retransmission makes ambiguous (Karn's rule is the caller's). Ends the back-off.
   * `samples`: how many to expect in a round trip, of which each then counts for less (RFC 7323 appendix G).
   */
  measured(samples = 1): void {
    const rtt = Math.max(this.sample, GRANULARITY);
    if (this.smoothed === 0) {
      this.smoothed = rtt;
      this.variance = rtt / 2;
    } else {
      this.variance += (Math.abs(this.smoothed - rtt) - this.variance) / (4 * samples);
      this.smoothed += (rtt - this.smoothed) / (8 * samples);
    }
    this.rto = this.timeout = Math.min(this.smoothed + Math.max(MIN_VARIANCE, 4 * this.variance), MAX_RTO);
  }

  /** Keeps the least RTT, if `sample` is that; an old one gives way, since paths change. */
  noteLeast(now: Instant): void {
    const rtt = Math.max(this.sample, GRANULARITY);
    if (rtt > this.least && now - this.leastAt < LEAST_LIFETIME) return;
    this.least = rtt;
    this.leastAt = now;
  }

  backOff(): void {
    this.timeout = Math.min(2 * this.timeout, MAX_RTO);
  }

  /** The handshake is over and its SYN had to be repeated. */
  startAfterSynLoss(): void {
    if (this.smoothed === 0) this.rto = RTO_AFTER_SYN_LOSS;
    this.timeout = this.rto;
  }
}

const DOUBLES = ['smoothed', 'variance', 'least', 'leastAt', 'rto', 'timeout', 'sample'] as const;

/** What it takes of the beginning of the row. */
export const ROUND_TRIP_DOUBLES: number = DOUBLES.length;

defineDoubles(RoundTrip.prototype, 0, DOUBLES);
