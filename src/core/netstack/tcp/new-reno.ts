import type { Instant, Millis } from '../../time.ts';
import { type CongestionControl, initialWindow, MAX_CWND } from './congestion.ts';

/** RFC 3465's L, as HyStart++ allows without pacing (RFC 9406 §4.2): peers acknowledge whole batches at once. */
const SLOW_START_LIMIT = 8;

/** Slow start and congestion avoidance of RFC 5681 with byte counting (RFC 3465). */
export class NewReno implements CongestionControl {
  readonly name = 'new-reno';
  cwnd = 0;
  ssthresh: number = MAX_CWND;
  #mss = 0;
  /** Bytes acknowledged since `cwnd` last grew in congestion avoidance. */
  #acked = 0;
  /** Slow start after a timeout counts one segment per ACK at most (RFC 3465 §2.3). */
  #afterTimeout = false;

  segmentSize(mss: number, isFirst: boolean): void {
    this.#mss = mss;
    if (isFirst) this.cwnd = initialWindow(mss);
  }

  acknowledged(bytes: number, limited: boolean, _rtt: Millis, _now: Instant): void {
    // RFC 7661: a window that was not used says nothing about the path.
    if (!limited) return;
    if (this.cwnd < this.ssthresh) {
      const most = (this.#afterTimeout ? 1 : SLOW_START_LIMIT) * this.#mss;
      this.cwnd = Math.min(this.cwnd + Math.min(bytes, most), MAX_CWND);
      return;
    }
    this.#afterTimeout = false;
    this.#acked += bytes;
    if (this.#acked < this.cwnd) return;
    this.#acked -= this.cwnd;
    this.cwnd = Math.min(this.cwnd + this.#mss, MAX_CWND);
  }

  lost(flight: number, _now: Instant): void {
    // RFC 5681 §3.1, equation 4.
    this.ssthresh = Math.max(Math.floor(flight / 2), 2 * this.#mss);
  }

  recovered(_now: Instant): void {
    this.#acked = 0;
    this.#afterTimeout = false;
  }

  timedOut(flight: number, again: boolean, now: Instant): void {
    // RFC 5681 §3.1: the threshold is held while the same segment is tried again and again.
    if (!again) this.lost(flight, now);
    this.cwnd = this.#mss;
    this.#acked = 0;
    this.#afterTimeout = true;
  }

  idled(): void {
    // RFC 5681 §4.1.
    this.cwnd = Math.min(this.cwnd, initialWindow(this.#mss));
  }

  startCarefully(): void {
    this.cwnd = this.#mss;
  }
}
