// Taking back what turned out to be a mistake: the segments had not been lost, only late. Four witnesses: the timestamp
// that the peer echoes (Eifel, RFC 3522), a report that a resent segment had been there before (DSACK, RFC 3708), the
// arrival of segments that were never sent again after a timeout (F-RTO, RFC 5682), and that of a segment deemed lost of
// which nothing was sent again yet, where one batch of ACKs brings both the suspicion and its end. On a path where a relay
// turns loss into delay, this is what keeps a stall from costing a window.
import { trustSize } from './black-hole.ts';
import { initialWindow } from './congestion.ts';
import type { Flight } from './flight.ts';
import { gt, lt } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/** An ACK arrived that moved SND.UNA or reported something. Whether the reduction was taken back. */
export function tryUndo(tcb: Tcb, flight: Flight, advanced: boolean): boolean {
  const { recovery } = flight;
  if (!recovery.mayUndo || recovery.phase === 'cwr') return false;
  const wasLate = advanced && recovery.undoResent > 0 && recovery.firstResentAt >= flight.unansweredFrom;
  const allNeedless = recovery.undoResent === 0;
  const originalsArrived = recovery.phase === 'loss' && recovery.doubt !== 'none' && flight.originalArrived;
  const onlyOriginals = recovery.phase === 'recovery' && recovery.undoResent < 0 && flight.lostArrived;
  if (!wasLate && !allNeedless && !originalsArrived && !onlyOriginals) return false;
  undo(tcb, flight);
  return true;
}

/**
 * [start, end) arrived twice. If it is of what was sent again, one needless retransmission is proved; a network that
 * repeats packets proves nothing (RFC 3708 §3).
 */
export function duplicateReported({ recovery }: Flight, start: number, end: number): void {
  if (lt(start, recovery.undoFrom) || gt(end, recovery.recover)) return;
  if (recovery.mayUndo && recovery.undoResent > 0) recovery.undoResent--;
}

/**
 * RFC 4015 §3.2, RFC 9438 §4.9: the window and its threshold are what they were, but the window opens no further
 * than by an initial window at once, so that no burst follows the silence.
 */
function undo(tcb: Tcb, flight: Flight): void {
  const { recovery, scoreboard, rack } = flight;
  scoreboard.findLost();
  const cautious = tcb.outstanding + initialWindow(tcb.mss);
  tcb.cwnd = Math.max(tcb.cwnd, Math.min(recovery.priorCwnd, cautious));
  // What is missing to the former window comes back by slow start.
  tcb.ssthresh = Math.max(recovery.priorSsthresh, tcb.cwnd < recovery.priorCwnd ? recovery.priorCwnd : 0);
  flight.congestion.restore();
  flight.hystart.isActive = recovery.priorHystart;
  // They came late, so that the path reorders, or stalls.
  rack.reorderingSeen = true;
  if (recovery.phase === 'loss') trustSize(tcb);
  recovery.phase = 'open';
  recovery.mayUndo = false;
  recovery.doubt = 'none';
  recovery.duplicateAcks = 0;
  tcb.undos++;
}
