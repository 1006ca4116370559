import type { Instant } from '../../time.ts';
import type { TcpSegment } from '../../wire/tcp.ts';
import { resendFirst } from './output.ts';
import { restartRetransmissionTimer } from './retransmission.ts';
import { ge, gt, lt } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/** RFC 5681 §3.2. */
const DUPLICATE_ACKS = 3;

/** Where loss recovery stands: NewReno's variables (RFC 6582). */
export class Recovery {
  active = false;
  /** SND.NXT when loss was last found; recovery lasts until all before it is acknowledged. */
  recover = 0;
  duplicateAcks = 0;
  /** Whether a partial ACK came already: only the first restarts the retransmission timer. */
  partial = false;

  /** Bytes that may be sent beyond the congestion window (RFC 3042): one segment for each of two duplicates. */
  limitedTransmit(mss: number): number {
    return this.active ? 0 : Math.min(this.duplicateAcks, DUPLICATE_ACKS - 1) * mss;
  }
}

/** RFC 5681 §2: no data, no window change, nothing new acknowledged while something is outstanding. */
export function isDuplicateAck(tcb: Tcb, segment: TcpSegment, windowChanged: boolean): boolean {
  if (segment.length !== 0 || segment.acknowledgment !== tcb.sndUna || tcb.outstanding === 0) return false;
  if (!tcb.sackPermitted) return !windowChanged;
  // With SACK a duplicate names what arrived (RFC 6675 §2); one that names old data reports a duplicate (RFC 2883).
  return segment.sackCount > 0 && gt(segment.sackBlocks[0]!, segment.acknowledgment);
}

export function duplicateAck(tcb: Tcb, now: Instant): void {
  const { recovery, congestion } = tcb;
  if (tcb.sndPos !== tcb.sndNxt) return; // sending again after a timeout
  recovery.duplicateAcks++;
  if (recovery.active) {
    // A segment has left the network; another may enter it (RFC 6582 §3.2 step 3).
    congestion.cwnd += tcb.mss;
  } else if (recovery.duplicateAcks === DUPLICATE_ACKS && mayEnter(tcb)) {
    enterRecovery(tcb, now);
  }
  tcb.wake();
}

/** RFC 6582 §3.2 step 2: duplicates of an earlier loss's own resending are no new loss. */
function mayEnter(tcb: Tcb): boolean {
  const { recover } = tcb.recovery;
  // SACK proves a hole even right at the edge of the previous recovery.
  return tcb.sackPermitted ? ge(tcb.sndUna, recover) : gt(tcb.sndUna, recover);
}

function enterRecovery(tcb: Tcb, now: Instant): void {
  const { recovery, congestion } = tcb;
  // RFC 5681 §3.2: what limited transmit let out does not count.
  const flight = tcb.outstanding - (DUPLICATE_ACKS - 1) * tcb.mss;
  congestion.lost(Math.max(flight, tcb.mss), now);
  recovery.active = true;
  recovery.partial = false;
  recovery.recover = tcb.sndNxt;
  resendFirst(tcb, now);
  restartRetransmissionTimer(tcb, now);
  congestion.cwnd = congestion.ssthresh + DUPLICATE_ACKS * tcb.mss;
}

/** SND.UNA moved by `acked`; `limited` as in CongestionControl. */
export function newAck(tcb: Tcb, acked: number, limited: boolean, now: Instant): void {
  const { recovery, congestion } = tcb;
  recovery.duplicateAcks = 0;
  if (!recovery.active) {
    congestion.acknowledged(acked, limited, tcb.roundTrip.smoothed, now);
    restartRetransmissionTimer(tcb, now);
  } else if (lt(tcb.sndUna, recovery.recover)) {
    partialAck(tcb, acked, now);
  } else {
    fullAck(tcb, now);
    restartRetransmissionTimer(tcb, now);
  }
}

/** RFC 6582 §3.2 step 3, partial acknowledgment: the next hole begins at SND.UNA. */
function partialAck(tcb: Tcb, acked: number, now: Instant): void {
  const { recovery, congestion } = tcb;
  resendFirst(tcb, now);
  congestion.cwnd = Math.max(congestion.cwnd - acked + (acked >= tcb.mss ? tcb.mss : 0), tcb.mss);
  if (!recovery.partial) restartRetransmissionTimer(tcb, now);
  recovery.partial = true;
}

/** RFC 6582 §3.2 step 3, full acknowledgment, first option: no burst out of recovery. */
function fullAck(tcb: Tcb, now: Instant): void {
  const { recovery, congestion } = tcb;
  recovery.active = false;
  congestion.cwnd = Math.min(congestion.ssthresh, Math.max(tcb.outstanding, tcb.mss) + tcb.mss);
  congestion.recovered(now);
}

/** The retransmission timer fired: recovery by slow start (RFC 6582 §4). */
export function recoverByTimeout(tcb: Tcb, now: Instant): void {
  const { recovery, congestion } = tcb;
  congestion.timedOut(tcb.outstanding, tcb.resends > 1, now);
  recovery.active = false;
  recovery.duplicateAcks = 0;
  recovery.recover = tcb.sndNxt;
}
