// Getting over losses: how they are noticed, what they cost, how fast what was lost is sent again. RFC 6675 with RACK's
// idea of what is lost where the peer reports by SACK, NewReno (RFC 6582) where it does not; in both, proportional rate
// reduction (RFC 9937) says how much may leave.
import type { Instant } from '../../time.ts';
import type { Flight } from './flight.ts';
import { DUP_THRESHOLD, loseOld, recoveryEnded } from './rack.ts';
import { LOST, NO_RECORD, RESENT, SACKED } from './scoreboard.ts';
import { gt, lt } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/** RFC 5682 §2.1 step 2. */
const TRIAL_SEGMENTS = 2;

/** `recovery`: losses are being repaired; `loss`: after a timeout; `cwr`: the window is being reduced for ECN or a probe. */
export type RecoveryPhase = 'open' | 'recovery' | 'loss' | 'cwr';

/** F-RTO (RFC 5682 §3): nothing doubted; the head was sent again; new data was sent to see what comes back. */
export type Doubt = 'none' | 'head-resent' | 'new-data-sent';

/** Where loss recovery stands, and what is needed to take it back. */
export class Recovery {
  phase: RecoveryPhase = 'open';
  /** RecoveryPoint (RFC 6675 §2): the phase lasts until this is acknowledged. */
  recover = 0;
  /** Consecutive duplicate ACKs from a peer without SACK: each says that one segment has arrived. */
  duplicateAcks = 0;
  /** As many as can count in this recovery. */
  duplicateLimit = 0;

  // Proportional rate reduction, RFC 9937 §6.
  prrDelivered = 0;
  prrOut = 0;
  recoverFs = 0;

  // What undo.ts needs.
  mayUndo = false;
  /** SND.UNA when it began. */
  undoFrom = 0;
  /** Retransmissions whose needlessness has not been proved; −1: there were none yet. */
  undoResent = -1;
  /** When the first of them left. */
  firstResentAt: Instant = Number.NEGATIVE_INFINITY;
  priorCwnd = 0;
  priorSsthresh = 0;
  priorHystart = false;
  doubt: Doubt = 'none';
  /** Segments of new data that may still leave to resolve it. */
  trial = 0;

  /** Without a reduction nothing is in proportion to it. */
  noteSent(bytes: number): void {
    if (this.phase !== 'open') this.prrOut += bytes;
  }

  begin(sequence: number): void {
    this.phase = 'open';
    this.recover = sequence;
    this.duplicateAcks = 0;
    this.mayUndo = false;
    this.doubt = 'none';
  }
}

/** Bytes in the network; a peer without SACK says of each duplicate ACK only that something arrived. */
export function pipe({ mss }: Tcb, { scoreboard, recovery }: Flight): number {
  if (recovery.duplicateAcks === 0) return scoreboard.pipe;
  return Math.max(0, scoreboard.pipe - recovery.duplicateAcks * mss);
}

/** Losses were found: the window is reduced once, by PRR, while they are repaired. `delivered`: by this ACK. */
export function enterRecovery(tcb: Tcb, flight: Flight, delivered: number): void {
  const { recovery } = flight;
  if (recovery.phase === 'open') {
    remember(tcb, flight);
    flight.congestion.reduce(tcb);
    startReduction(tcb, flight, delivered);
  }
  recovery.phase = 'recovery';
  recovery.recover = tcb.sndNxt;
  tcb.recoveries++;
}

/** Congestion without loss: a mark (RFC 3168 §6.1.2), or a loss that a probe repaired (RFC 8985 §7.4). */
export function enterReduction(tcb: Tcb, flight: Flight, delivered: number): void {
  const { recovery } = flight;
  remember(tcb, flight);
  recovery.mayUndo = false;
  flight.congestion.reduce(tcb);
  startReduction(tcb, flight, delivered);
  recovery.phase = 'cwr';
  recovery.recover = tcb.sndNxt;
}

/**
 * RFC 9937 §6.1: what had been reported before this ACK will not be counted as delivered any more. Other ACKs of its batch
 * came before it and have not been answered yet: that is left to the reduction.
 */
function startReduction(tcb: Tcb, flight: Flight, delivered: number): void {
  const { recovery, scoreboard } = flight;
  tcb.cwrDue = tcb.ecn;
  const unanswered = Math.max(0, flight.inAir - tcb.outstanding - flight.justAcknowledged);
  recovery.prrDelivered = unanswered;
  recovery.prrOut = 0;
  const reported = scoreboard.sackedBytes + recovery.duplicateAcks * tcb.mss;
  recovery.recoverFs = Math.max(tcb.outstanding - reported + delivered + unanswered, 1);
  flight.hystart.isActive = false;
}

/** RFC 9937 §6.2: how much may leave in answer to an ACK that said that `delivered` bytes arrived. */
export function reduce(tcb: Tcb, flight: Flight, delivered: number, isSafe: boolean): void {
  const { recovery } = flight;
  recovery.prrDelivered += delivered;
  const inFlight = pipe(tcb, flight);
  let count: number;
  if (inFlight > tcb.ssthresh) {
    count = Math.ceil((recovery.prrDelivered * tcb.ssthresh) / recovery.recoverFs) - recovery.prrOut;
  } else {
    count = Math.max(recovery.prrDelivered - recovery.prrOut, delivered);
    if (isSafe) count += tcb.mss;
    count = Math.min(tcb.ssthresh - inFlight, count);
  }
  // The first ACK lets one segment out in any case: it repairs. Without SACK every partial ACK does (RFC 6582 §3.2).
  const mustRepair = !tcb.sackPermitted && flight.scoreboard.lostCount > 0;
  if (recovery.prrOut === 0 || mustRepair) count = Math.max(count, tcb.mss);
  tcb.cwnd = Math.max(inFlight + Math.max(count, 0), tcb.mss);
}

/** Everything up to RecoveryPoint has arrived. */
export function leave(tcb: Tcb, flight: Flight): void {
  const { recovery } = flight;
  if (recovery.phase !== 'loss') tcb.cwnd = tcb.ssthresh;
  recovery.phase = 'open';
  recovery.doubt = 'none';
  recovery.duplicateAcks = 0;
  recoveryEnded(flight);
}

/** The retransmission timer fired (RFC 5681 §3.1, RFC 8985 §6.3). `again`: not for the first time since an ACK. */
export function enterLoss(tcb: Tcb, flight: Flight, again: boolean, now: Instant): void {
  const { recovery, scoreboard } = flight;
  const { phase } = recovery;
  // A reduction that is under way has been remembered, and is enough; so is one for the same segment as before.
  if (phase === 'open' || (phase === 'loss' && !again)) {
    tcb.cwrDue = tcb.ecn;
    remember(tcb, flight);
    flight.congestion.reduce(tcb);
  }
  recovery.undoFrom = tcb.sndUna;
  const reneged = scoreboard.first !== NO_RECORD && isReneged(flight);
  if (reneged) scoreboard.forgetSacks(now);
  if (tcb.sackPermitted && !reneged) loseOld(tcb, flight, now);
  else scoreboard.loseAll();
  recovery.phase = 'loss';
  recovery.recover = tcb.sndNxt;
  recovery.duplicateAcks = 0;
  recovery.doubt = tcb.sackPermitted && isDoubtful(phase, again) ? 'head-resent' : 'none';
  recovery.trial = 0;
  flight.rack.probeOut = false;
  flight.hystart.isActive = false;
  tcb.cwnd = tcb.mss;
}

/**
 * Whether F-RTO may ask if the timeout was spurious (RFC 5682 §3.1 step 1): not where losses are being repaired already,
 * unless what was sent again for the timeout before has not been heard of either.
 */
function isDoubtful(phase: RecoveryPhase, again: boolean): boolean {
  return phase === 'loss' ? again : phase !== 'recovery';
}

/** RFC 2018 §8: what is reported cannot be missing at the front. */
function isReneged({ scoreboard }: Flight): boolean {
  return scoreboard.has(scoreboard.first, SACKED);
}

/** So that undo.ts can take the reduction back. */
function remember(tcb: Tcb, { recovery, congestion, hystart }: Flight): void {
  recovery.mayUndo = true;
  recovery.undoFrom = tcb.sndUna;
  recovery.undoResent = -1;
  recovery.firstResentAt = Number.NEGATIVE_INFINITY;
  recovery.priorCwnd = tcb.cwnd;
  recovery.priorSsthresh = tcb.ssthresh;
  recovery.priorHystart = hystart.isActive;
  congestion.save();
}

/** A record was sent again. */
export function noteResent({ recovery }: Flight, now: Instant): void {
  if (recovery.undoResent < 0) {
    recovery.undoResent = 0;
    recovery.firstResentAt = now;
  }
  recovery.undoResent++;
}

/**
 * A duplicate ACK of a peer without SACK (RFC 5681 §3.2, RFC 6582 §3.2 step 2): the third says that the first segment
 * is lost, unless it only answers what an earlier recovery sent again. Whether it counts: of what was in the air when
 * recovery began, no more can arrive than there was, or a forger could draw out the whole window (RFC 5681 §3.2).
 */
export function duplicateAck(tcb: Tcb, { recovery, scoreboard }: Flight): boolean {
  if (recovery.phase === 'open') recovery.duplicateLimit = scoreboard.count - 1;
  if (recovery.duplicateAcks >= Math.min(recovery.duplicateLimit, scoreboard.count - 1)) return false;
  recovery.duplicateAcks++;
  if (recovery.phase !== 'open' || recovery.duplicateAcks !== DUP_THRESHOLD) return true;
  if (gt(tcb.sndUna, recovery.recover) && scoreboard.lostCount === 0) scoreboard.markLost(scoreboard.first);
  return true;
}

/** SND.UNA moved, with a peer without SACK: it stands before the next hole (RFC 6582 §3.2 step 3). */
export function partialAck(tcb: Tcb, { recovery, scoreboard }: Flight, segments: number): void {
  const arrived = Math.max(0, segments - 1);
  recovery.duplicateAcks = Math.max(0, recovery.duplicateAcks - arrived);
  recovery.duplicateLimit = Math.max(0, recovery.duplicateLimit - segments);
  const { first } = scoreboard;
  if (
    recovery.phase === 'recovery' &&
    lt(tcb.sndUna, recovery.recover) &&
    first !== NO_RECORD &&
    !scoreboard.has(first, LOST | RESENT)
  )
    scoreboard.markLost(first);
}

/**
 * F-RTO, RFC 5682 §3.1 step 2: the ACK of the head that was sent again moved SND.UNA but says nothing of the rest. New
 * data will tell: if it is acknowledged without anything else having been sent again, nothing was lost.
 */
export function doubtLoss({ recovery }: Flight, advanced: boolean, hasNewData: boolean): void {
  if (recovery.doubt === 'head-resent' && advanced && hasNewData) {
    recovery.doubt = 'new-data-sent';
    recovery.trial = TRIAL_SEGMENTS;
  } else {
    stopDoubting(recovery);
  }
}

/** What is lost is lost. */
export function stopDoubting(recovery: Recovery): void {
  recovery.doubt = 'none';
  recovery.trial = 0;
}
