import { atLeastTwo, type CongestionControl, MAX_CWND, usedWindow } from './congestion.ts';
import type { Flight } from './flight.ts';
import type { Tcb } from './tcb.ts';

/** Congestion avoidance of RFC 5681 with byte counting (RFC 3465): the plain standard, to compare CUBIC with. */
export class NewReno implements CongestionControl {
  readonly name = 'new-reno';
  /** Bytes acknowledged since `cwnd` last grew. */
  #acked = 0;
  #savedAcked = 0;

  begin(): void {
    this.#acked = 0;
  }

  acknowledged(tcb: Tcb, _flight: Flight, bytes: number): void {
    this.#acked += bytes;
    if (this.#acked < tcb.cwnd) return;
    this.#acked -= tcb.cwnd;
    tcb.cwnd = Math.min(tcb.cwnd + tcb.mss, MAX_CWND);
  }

  reduce(tcb: Tcb): void {
    tcb.ssthresh = atLeastTwo(Math.floor(usedWindow(tcb) / 2), tcb.mss);
    this.#acked = 0;
  }

  paused(): void {
    // Nothing here depends on time.
  }

  save(): void {
    this.#savedAcked = this.#acked;
  }

  restore(): void {
    this.#acked = this.#savedAcked;
  }
}
