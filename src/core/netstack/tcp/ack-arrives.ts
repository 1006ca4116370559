// What an acceptable ACK does to what is in flight (RFC 9293 §3.10.7.4, fifth step, and all that has been built upon it).
// In this order: the window; what has arrived, by number and by SACK; the round-trip time; what is lost; whether that
// was a mistake; how much may leave now; when to worry again. Sending is left to the poll that ends the batch.
import { type Instant, NEVER } from '../../time.ts';
import { ECE, MAX_SACK_BLOCKS, SYN, type TcpSegment } from '../../wire/tcp.ts';
import { trialFailed } from './black-hole.ts';
import { echoArrives } from './ecn.ts';
import type { Flight } from './flight.ts';
import { detectLoss, probeAnswered, widenReorderingWindow } from './rack.ts';
import { doubtLoss, duplicateAck, enterRecovery, leave, partialAck, reduce } from './recovery.ts';
import { add, diff, ge, gt, le, lt } from './sequence.ts';
import type { Tcb } from './tcb.ts';
import { duplicateReported, tryUndo } from './undo.ts';

/** Measurements older than any retransmission timeout are none. */
const MAX_RTT = 600_000;

/** `segment` acknowledges something between the oldest window and SND.NXT. */
export function ackArrives(tcb: Tcb, segment: TcpSegment, now: Instant): void {
  const isOld = lt(segment.acknowledgment, tcb.sndUna);
  const edgeBefore = add(tcb.sndUna, tcb.sndWnd);
  const windowBefore = tcb.sndWnd;
  if (!isOld && isNewerWindow(tcb, segment)) takeWindow(tcb, segment);
  const { flight } = tcb;
  if (!flight) return;
  if (tcb.outstanding === 0) {
    lateReport(tcb, flight, segment);
    return;
  }
  const { scoreboard, recovery } = flight;
  const deliveredBefore = scoreboard.delivered;
  const countBefore = scoreboard.count;
  const limited = isCwndLimited(tcb, flight);
  flight.ackArrives(tcb, segment, now);

  const acked = isOld ? 0 : diff(segment.acknowledgment, tcb.sndUna);
  flight.justAcknowledged = acked;
  if (acked > 0) advance(tcb, flight, segment.acknowledgment, now);
  const reports = takeSacks(tcb, flight, segment);
  let delivered = (scoreboard.delivered - deliveredBefore) | 0;
  measure(tcb, flight, now);

  let found = false;
  if (tcb.sackPermitted) {
    if (reports & DUPLICATE) widenReorderingWindow(tcb, flight);
    found = (delivered > 0 || flight.reorderAt <= now) && detectLoss(tcb, flight, now);
  } else if (acked > 0) {
    partialAck(tcb, flight, countBefore - scoreboard.count);
  } else if (isDuplicate(tcb, segment, windowBefore)) {
    if (duplicateAck(tcb, flight)) delivered = tcb.mss;
  }
  const isBare = segment.length === 0 && acked === 0 && (reports & NEWS) === 0 && !isOld;
  if (probeAnswered(tcb, flight, (reports & DUPLICATE) !== 0, isBare) && recovery.phase === 'open')
    payForProbe(tcb, flight);
  if (tcb.ecn && segment.has(ECE)) echoArrives(tcb, flight, delivered);
  follow(tcb, flight, acked, delivered, found, limited);
  restartTimers(tcb, flight, acked, delivered, now);
  flight.justAcknowledged = 0;
  if (gt(add(tcb.sndUna, tcb.sndWnd), edgeBefore) || delivered > 0) tcb.wake();
}

/** That something was needless can be heard when nothing is in flight any more. */
function lateReport(tcb: Tcb, flight: Flight, segment: TcpSegment): void {
  if (!tcb.sackPermitted || segment.sackCount === 0 || !isDuplicateReport(tcb, segment)) return;
  tcb.duplicatesReported++;
  duplicateReported(flight, segment.sackBlocks[0]!, segment.sackBlocks[1]!);
  tryUndo(tcb, flight, false);
}

/**
 * The RFC's test by SND.WL1 and SND.WL2, and one case more: a segment that acknowledges more was sent later, whatever
 * old text it carries. Without it SND.UNA would move and take the old window's right edge along.
 */
export function isNewerWindow(tcb: Tcb, { sequence, acknowledgment }: TcpSegment): boolean {
  if (gt(acknowledgment, tcb.sndUna) || lt(tcb.sndWl1, sequence)) return true;
  return tcb.sndWl1 === sequence && le(tcb.sndWl2, acknowledgment);
}

/** SND.WND (scaled, but never a SYN's), SND.WL1 and SND.WL2. */
export function takeWindow(tcb: Tcb, segment: TcpSegment): void {
  tcb.sndWnd = segment.has(SYN) ? segment.window : segment.window << tcb.sndScale;
  tcb.sndWl1 = segment.sequence;
  tcb.sndWl2 = segment.acknowledgment;
  if (tcb.sndWnd > tcb.maxSndWnd) tcb.maxSndWnd = tcb.sndWnd;
}

/** Whether the window was used: it was in the way, or, in slow start, more than half full. */
function isCwndLimited(tcb: Tcb, { cwndLimitedAt }: Flight): boolean {
  if (lt(tcb.sndUna, cwndLimitedAt)) return true;
  return tcb.cwnd < tcb.ssthresh && 2 * tcb.outstanding > tcb.cwnd;
}

/** SND.UNA moves. */
function advance(tcb: Tcb, { scoreboard }: Flight, acknowledgment: number, now: Instant): void {
  scoreboard.acknowledge(acknowledgment);
  tcb.sndUna = acknowledgment;
  tcb.bytesAcknowledged += tcb.sendQueue.acknowledge(acknowledgment);
  tcb.resends = 0;
  tcb.softError = undefined;
  tcb.waitingSince = tcb.outstanding > 0 ? now : NEVER;
}

/** A SACK block told of something new. */
const NEWS = 1;
/** The first block reported a duplicate. */
const DUPLICATE = 2;

/** Believes what can be true of the segment's SACK blocks (RFC 2018 §4, RFC 2883 §4), in ascending order. */
function takeSacks(tcb: Tcb, flight: Flight, segment: TcpSegment): number {
  if (!tcb.sackPermitted || segment.sackCount === 0) return 0;
  const blocks = segment.sackBlocks;
  let count = segment.sackCount;
  let reports = 0;
  if (isDuplicateReport(tcb, segment)) {
    reports |= DUPLICATE;
    tcb.duplicatesReported++;
    duplicateReported(flight, blocks[0]!, blocks[1]!);
    blocks.copyWithin(0, 2, 2 * count);
    count--;
  }
  sort(blocks, count);
  for (let i = 0; i < count; i++) {
    const start = blocks[2 * i]!;
    const end = blocks[2 * i + 1]!;
    const isPossible = lt(start, end) && ge(start, tcb.sndUna) && le(end, tcb.sndNxt);
    if (isPossible && flight.scoreboard.sack(start, end)) reports |= NEWS;
  }
  return reports;
}

/** RFC 2883 §4: the first block lies below the ACK, or inside the second; not older than any window. */
function isDuplicateReport(tcb: Tcb, { acknowledgment, sackBlocks, sackCount }: TcpSegment): boolean {
  const start = sackBlocks[0]!;
  const end = sackBlocks[1]!;
  if (!lt(start, end) || lt(start, add(tcb.sndUna, -tcb.maxSndWnd)) || gt(end, tcb.sndNxt)) return false;
  if (le(end, acknowledgment)) return true;
  return sackCount > 1 && ge(start, sackBlocks[2]!) && le(end, sackBlocks[3]!);
}

/** At most four pairs, by their starts: in this order a reordering can be told from a report that comes late. */
function sort(blocks: Int32Array, count: number): void {
  for (let i = 1; i < Math.min(count, MAX_SACK_BLOCKS); i++) {
    for (let j = i; j > 0 && lt(blocks[2 * j]!, blocks[2 * j - 2]!); j--) {
      swap(blocks, 2 * j, 2 * j - 2);
      swap(blocks, 2 * j + 1, 2 * j - 1);
    }
  }
}

function swap(values: Int32Array, i: number, j: number): void {
  const value = values[i]!;
  values[i] = values[j]!;
  values[j] = value;
}

/**
 * RFC 6298 §3: a segment that was sent once has one RTT. Of several, the first makes the timeout, since the peer may have
 * waited for the last; the last says how long the way is. A segment that was sent again can be measured by the echo of
 * its own timestamp, and not by that of an earlier copy (Karn's rule; RFC 7323 §4.1).
 */
function measure(tcb: Tcb, flight: Flight, now: Instant): void {
  const { roundTrip } = tcb;
  if (Math.min(flight.firstSentAt, flight.resentAt) < flight.measuresFrom) return;
  // Without SACK, what waited behind a hole is acknowledged only when the hole is filled.
  if (flight.firstSentAt !== NEVER && (tcb.sackPermitted || flight.resentAt === NEVER)) {
    const samples = Math.max(1, Math.ceil(tcb.outstanding / (2 * tcb.mss)));
    roundTrip.sample = now - flight.firstSentAt;
    roundTrip.measured(samples);
    roundTrip.sample = now - flight.lastSentAt;
    roundTrip.noteLeast(now);
    flight.hystart.measured(roundTrip);
  } else if (flight.resentAt !== NEVER && flight.resentAt < flight.unansweredFrom) {
    if (flight.echoedRtt < 0 || flight.echoedRtt >= MAX_RTT) return;
    roundTrip.sample = flight.echoedRtt;
    roundTrip.measured();
  }
}

/** RFC 5681 §2: no data, no window change, nothing new acknowledged while something is outstanding. */
function isDuplicate(tcb: Tcb, segment: TcpSegment, windowBefore: number): boolean {
  return segment.length === 0 && segment.acknowledgment === tcb.sndUna && tcb.sndWnd === windowBefore;
}

/** RFC 8985 §7.4.1: a loss that a probe repaired is one that congestion control must hear of. */
function payForProbe(tcb: Tcb, flight: Flight): void {
  flight.congestion.reduce(tcb);
  flight.hystart.isActive = false;
  tcb.cwnd = Math.min(tcb.cwnd, tcb.ssthresh);
}

/** From phase to phase (recovery.ts), and what the window becomes. */
function follow(
  tcb: Tcb,
  flight: Flight,
  acked: number,
  delivered: number,
  found: boolean,
  limited: boolean,
): void {
  const { recovery, scoreboard } = flight;
  let wasLeft = false;
  const wasReduced = recovery.phase === 'recovery' || recovery.phase === 'cwr';
  if (recovery.phase !== 'open') {
    if (tryUndo(tcb, flight, acked > 0)) return;
    if (acked > 0 && ge(tcb.sndUna, recovery.recover)) {
      leave(tcb, flight);
      wasLeft = true;
    } else if (recovery.phase === 'loss') {
      if (delivered > 0) doubtLoss(flight, acked > 0, tcb.unsent > 0);
    }
  } else if (tryUndo(tcb, flight, false)) {
    // The report of what was needless comes a round trip after the ACK that ended the recovery.
    return;
  }
  const isLossNew = (found || wasLeft || !tcb.sackPermitted) && scoreboard.lostCount > 0;
  const mayEnter = recovery.phase === 'open' || recovery.phase === 'cwr';
  if (isLossNew && mayEnter && !(tcb.blackHole && trialFailed(tcb, flight, flight.now)))
    enterRecovery(tcb, flight, delivered);
  if (recovery.phase === 'recovery' || recovery.phase === 'cwr') {
    if (delivered > 0) reduce(tcb, flight, delivered, acked > 0 && !found);
  } else if (acked > 0 && limited && !(wasLeft && wasReduced)) {
    grow(tcb, flight, acked);
  }
}

/** RFC 5681 §3.1. */
function grow(tcb: Tcb, flight: Flight, acked: number): void {
  if (tcb.cwnd < tcb.ssthresh) flight.hystart.acknowledged(tcb, acked, flight.recovery.phase === 'loss');
  else flight.congestion.acknowledged(tcb, flight, acked);
}

/**
 * RFC 6298 §5.2–5.3. As in Linux, the report of a segment that was sent after the first one counts as a sign of life
 * too: what is missing before it will be found by RACK, and needs no timeout.
 */
function restartTimers(tcb: Tcb, flight: Flight, acked: number, delivered: number, now: Instant): void {
  const { scoreboard } = flight;
  if (scoreboard.isEmpty) {
    flight.rtoAt = flight.reorderAt = flight.probeAt = NEVER;
    return;
  }
  const latest = Math.max(
    flight.lastSentAt === NEVER ? 0 : flight.lastSentAt,
    flight.resentAt === NEVER ? 0 : flight.resentAt,
  );
  const isAlive = delivered > 0 && tcb.sackPermitted && latest > scoreboard.sentAt(scoreboard.first);
  if (acked > 0 || isAlive) flight.rtoAt = now + tcb.roundTrip.timeout;
  if (acked > 0) flight.probeDue = true;
}
