import type { Millis } from '../../time.ts';
import type { RoundTrip } from './round-trip.ts';
import { ge } from './sequence.ts';
import type { Tcb } from './tcb.ts';

// RFC 9406 §4.3.
const MIN_RTT_THRESH: Millis = 4;
const MAX_RTT_THRESH: Millis = 16;
const MIN_RTT_DIVISOR = 8;
const N_RTT_SAMPLE = 8;
const CSS_GROWTH_DIVISOR = 4;
const CSS_ROUNDS = 5;
/** §4.2, L: segments an ACK may let the window grow by, without pacing. */
const SLOW_START_LIMIT = 8;

/**
 * HyStart++ (RFC 9406): slow start that looks for a queue building up, by the least RTT of each round. When it sees one
 * it goes on at a quarter of the pace (conservative slow start), and if the queue stays for five rounds, ends.
 */
export class HyStart {
  /** Only the first slow start of a connection looks (§4.3); later ones know where to stop. */
  isActive = true;
  #windowEnd = 0;
  #lastRoundMin: Millis = Number.POSITIVE_INFINITY;
  #roundMin: Millis = Number.POSITIVE_INFINITY;
  #samples = 0;
  #isConservative = false;
  #cssBaseline: Millis = Number.POSITIVE_INFINITY;
  #cssRounds = 0;

  begin(sndNxt: number, isFirst: boolean): void {
    this.isActive = isFirst;
    this.#windowEnd = sndNxt;
    this.#lastRoundMin = this.#roundMin = this.#cssBaseline = Number.POSITIVE_INFINITY;
    this.#samples = this.#cssRounds = 0;
    this.#isConservative = false;
  }

  /** One of this round's RTTs. */
  measured({ sample }: Pick<RoundTrip, 'sample'>): void {
    if (sample < this.#roundMin) this.#roundMin = sample;
    this.#samples++;
  }

  /**
   * Slow start: `bytes` were acknowledged, and the window grows. `afterTimeout`: by one segment for an ACK at most (RFC
   * 3465 §2.3).
   */
  acknowledged(tcb: Tcb, bytes: number, afterTimeout: boolean): void {
    const growth = Math.min(bytes, (afterTimeout ? 1 : SLOW_START_LIMIT) * tcb.mss);
    if (!this.isActive) {
      tcb.cwnd = Math.min(tcb.cwnd + growth, tcb.ssthresh);
      return;
    }
    tcb.cwnd = Math.min(
      tcb.cwnd + (this.#isConservative ? Math.floor(growth / CSS_GROWTH_DIVISOR) : growth),
      tcb.ssthresh,
    );
    if (this.#isConservative) this.#doubt();
    else if (this.#samples >= N_RTT_SAMPLE) this.#look();
    if (ge(tcb.sndUna, this.#windowEnd)) this.#endRound(tcb);
  }

  /** The queue was a passing one if a single RTT is below what began the suspicion: no further ones could prove less. */
  #doubt(): void {
    if (this.#roundMin >= this.#cssBaseline) return;
    this.#isConservative = false;
    this.#cssBaseline = Number.POSITIVE_INFINITY;
  }

  #look(): void {
    const threshold = Math.min(
      Math.max(this.#lastRoundMin / MIN_RTT_DIVISOR, MIN_RTT_THRESH),
      MAX_RTT_THRESH,
    );
    if (this.#roundMin < this.#lastRoundMin + threshold) return;
    this.#isConservative = true;
    this.#cssBaseline = this.#roundMin;
    this.#cssRounds = 0;
  }

  #endRound(tcb: Tcb): void {
    this.#lastRoundMin = this.#roundMin;
    this.#roundMin = Number.POSITIVE_INFINITY;
    const isWitnessed = this.#samples >= N_RTT_SAMPLE;
    this.#samples = 0;
    this.#windowEnd = tcb.sndNxt;
    // An end that was busy answers by few ACKs, late: such rounds say nothing about the path.
    if (!isWitnessed || !this.#isConservative || ++this.#cssRounds < CSS_ROUNDS) return;
    tcb.ssthresh = tcb.cwnd;
    this.isActive = false;
  }
}
