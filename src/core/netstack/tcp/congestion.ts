import type { Instant, Millis } from '../../time.ts';

/** Larger windows than this help nobody, and sums of two stay exact in 31 bits. */
export const MAX_CWND: number = 1 << 29;

/**
 * How much may be in flight: what a congestion control algorithm decides, in bytes. Loss recovery (recovery.ts)
 * borrows `cwnd` while it lasts, inflating it and deflating it, and gives it back at `ssthresh`.
 */
export interface CongestionControl {
  readonly name: string;
  cwnd: number;
  ssthresh: number;
  /** The path's segment size became known or changed. Sets the initial window when `isFirst`. */
  segmentSize(mss: number, isFirst: boolean): void;
  /** New data was acknowledged outside of recovery. `limited`: the window, not the application, held us back. */
  acknowledged(bytes: number, limited: boolean, rtt: Millis, now: Instant): void;
  /** Loss was found by duplicate ACKs; sets `ssthresh`. `flight`: bytes outstanding. */
  lost(flight: number, now: Instant): void;
  /** Recovery is over and `cwnd` is this algorithm's again. */
  recovered(now: Instant): void;
  /** The retransmission timer fired. `again`: for the same segment as the last time. */
  timedOut(flight: number, again: boolean, now: Instant): void;
  /** Nothing was sent for longer than a retransmission timeout. */
  idled(): void;
  /** More than one SYN was lost: the path deserves a careful start (RFC 6928 §2). */
  startCarefully(): void;
}

/** RFC 6928 §2: ten segments, or 14,600 bytes if they are large. */
export function initialWindow(mss: number): number {
  return Math.min(10 * mss, Math.max(2 * mss, 14_600));
}
