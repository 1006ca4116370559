import type { Flight } from './flight.ts';
import type { Tcb } from './tcb.ts';

/** Larger windows than this help nobody, and sums of two stay exact in 31 bits. */
export const MAX_CWND: number = 1 << 29;

/**
 * How much may be in flight: what a congestion control algorithm decides. `cwnd` and `ssthresh` (bytes) are the control
 * block's own, since they outlast a pause; the rest of an algorithm's state lives as long as something is in flight.
 * During recovery `cwnd` is proportional rate reduction's (recovery.ts).
 */
export interface CongestionControl {
  readonly name: 'cubic' | 'new-reno';
  /** A connection begins to send, or begins again after a pause. */
  begin(tcb: Tcb): void;
  /** In congestion avoidance, `bytes` were acknowledged at `flight.now` while the window was what held us back. */
  acknowledged(tcb: Tcb, flight: Flight, bytes: number): void;
  /** Congestion: sets `ssthresh`. */
  reduce(tcb: Tcb): void;
  /** Nothing was sent for `gap` ms: time in which the path was not probed does not count. */
  paused(gap: number): void;
  /** Remembers itself before a reduction that may turn out to be a mistake. */
  save(): void;
  /** It was one. */
  restore(): void;
}

/** RFC 6928 §2: ten segments, or 14,600 bytes if they are large. */
export function initialWindow(mss: number): number {
  return Math.min(10 * mss, Math.max(2 * mss, 14_600));
}

/**
 * The window, as far as it was used lately: one that was not used earns no credit (RFC 9438 §4.6, which leaves the choice
 * between this and FlightSize). FlightSize at the moment of the loss is what an application that paused for some
 * milliseconds, or the ACKs of one batch, have left of it.
 */
export function usedWindow({ cwnd, outstanding, flight }: Tcb): number {
  if (!flight) return Math.min(cwnd, outstanding);
  return Math.min(cwnd, Math.max(outstanding + flight.justAcknowledged, flight.mostInAir));
}

/** Never less than two segments (RFC 5681 §3.1, equation 4; RFC 9438 §4.6). */
export function atLeastTwo(bytes: number, mss: number): number {
  return Math.max(bytes, 2 * mss);
}
