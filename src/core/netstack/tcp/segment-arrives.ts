// SEGMENT ARRIVES (RFC 9293 §3.10.7): one function per step, in the RFC's order, each saying whether to go on. Read it
// with the RFC in the other hand. LISTEN is in passive-open.ts, CLOSED and TIME-WAIT in strays.ts.
//
// Nothing is changed on behalf of a segment before the step that would refuse it.
import { TunnelError } from '../../errors.ts';
import type { PacketBuffer } from '../../packet-buffer.ts';
import { type Instant, NEVER } from '../../time.ts';
import { ACK, FIN, RST, SYN, type TcpSegment, URG } from '../../wire/tcp.ts';
import { ackArrives, takeWindow } from './ack-arrives.ts';
import { challenge, gapArrived, reportDuplicate, textArrived } from './ack-policy.ts';
import { initialWindow } from './congestion.ts';
import { agreesToEcn, asksForEcn, markArrives } from './ecn.ts';
import { wasPredicted } from './fast-path.ts';
import { negotiate } from './options.ts';
import { sendReset, sendResetAt } from './output.ts';
import { tuneReceiveLimit } from './receive-tuning.ts';
import { add, diff, earlier, ge, gt, later, le, lt } from './sequence.ts';
import { printSocketAddress } from './state.ts';
import type { Tcb } from './tcb.ts';
import { HANDSHAKE_PATIENCE, startKeepAlive } from './timers.ts';
import { urgentArrives } from './urgent.ts';

/** RFC 7323 §5.5: after 24 days of silence a timestamp says nothing any more. */
const TS_RECENT_LIFETIME = 24 * 24 * 3600 * 1000;
/** The peer's clock may tick a little faster than ours: no ACK that is overtaken is older than so many of our timeouts. */
const REPLAY_TIMEOUTS = 1.2;

/** `segment` has been read out of `packet`, and its checksum is right. */
export function segmentArrives(tcb: Tcb, segment: TcpSegment, packet: PacketBuffer, now: Instant): void {
  tcb.segmentsReceived++;
  tcb.wake();
  if (tcb.context.fastPath && wasPredicted(tcb, segment, packet, now)) return;
  if (tcb.state === 'SYN-SENT') {
    if (!synSent(tcb, segment, now)) return;
  } else {
    if (!checkSequence(tcb, segment, now)) return;
    if (!checkReset(tcb, segment, now)) return;
    if (!checkSyn(tcb, segment, now)) return;
    if (!checkAck(tcb, segment, now)) return;
  }
  tcb.lastHeardAt = now;
  markArrives(tcb, segment);
  if (segment.has(URG) && !tcb.finReceived) urgentArrives(tcb, segment);
  processText(tcb, segment, packet, now);
  checkFin(tcb, segment, now);
}

/** §3.10.7.3. True when the connection is established and the segment's text and FIN are still to be looked at. */
function synSent(tcb: Tcb, segment: TcpSegment, now: Instant): boolean {
  // First, the ACK bit.
  const hasAck = segment.has(ACK);
  if (hasAck && (le(segment.acknowledgment, tcb.iss) || gt(segment.acknowledgment, tcb.sndNxt))) {
    if (!segment.has(RST)) sendResetAt(tcb, segment.acknowledgment, now);
    return drop(tcb, 'tcp_bad_ack');
  }
  // Second, the RST bit: it counts only with an acceptable ACK.
  if (segment.has(RST)) {
    if (!hasAck) return drop(tcb, 'tcp_bad_reset');
    tcb.end(refused(tcb));
    return false;
  }
  // Fourth, the SYN bit.
  if (!segment.has(SYN)) return drop(tcb, 'tcp_bad_flags');
  tcb.beginReceiving(segment.sequence);
  negotiate(tcb, segment, now);
  tcb.ecn = hasAck ? tcb.context.asksForEcn && agreesToEcn(segment) : asksForEcn(segment);
  tcb.lastHeardAt = now;
  takeWindow(tcb, segment);
  if (!hasAck) {
    // Simultaneous open (§3.5, figure 7): the same SYN again, now with an ACK.
    tcb.state = 'SYN-RECEIVED';
    tcb.synDue = true;
    return false;
  }
  synAcknowledged(tcb, segment, now);
  establish(tcb, now);
  tcb.ackDue = true;
  segment.trimFront(1);
  trimToWindow(tcb, segment);
  return true;
}

/** First: is it ours to look at (§3.10.7.4, RFC 7323 §5.3, RFC 5961)? */
function checkSequence(tcb: Tcb, segment: TcpSegment, now: Instant): boolean {
  const isReset = segment.has(RST);
  if (tcb.timestamps && !isReset) {
    // A peer that has started anew may know of no timestamps: the challenge that answers its SYN frees it (RFC 5961 §4).
    const isNewSyn = segment.has(SYN) && tcb.state !== 'SYN-RECEIVED';
    if (!segment.hasTimestamps && !isNewSyn) return drop(tcb, 'tcp_no_timestamp');
    const isOld =
      segment.hasTimestamps && lt(segment.tsVal, tcb.tsRecent) && now - tcb.tsRecentAt < TS_RECENT_LIFETIME;
    if (isOld && !isOvertakenAck(tcb, segment)) {
      answerUnacceptable(tcb, segment, now);
      return drop(tcb, 'tcp_paws');
    }
  }
  if (isAcceptable(tcb, segment)) return true;
  if (tcb.state === 'SYN-RECEIVED' && segment.has(SYN) && segment.sequence === tcb.irs) {
    // The peer has not seen our SYN|ACK: send it again, without waiting for the timer.
    if (!segment.has(ACK)) tcb.synDue = true;
    else return true;
  } else if (!isReset) {
    answerUnacceptable(tcb, segment, now);
  }
  return drop(tcb, 'tcp_outside_window');
}

/**
 * PAWS guards against text of an earlier round of the numbers. An ACK that later ones have overtaken brings none; unless
 * it would move SND.UNA or the window, or is older than a timeout, its SACK blocks are news like any others, as in Linux.
 */
function isOvertakenAck(tcb: Tcb, segment: TcpSegment): boolean {
  if (segment.length > 0 || !segment.has(ACK) || segment.sequence !== tcb.rcvNxt) return false;
  const isRepetition = segment.acknowledgment === tcb.sndUna && segment.window << tcb.sndScale === tcb.sndWnd;
  return isRepetition && diff(tcb.tsRecent, segment.tsVal) <= REPLAY_TIMEOUTS * tcb.roundTrip.timeout;
}

/** The four cases of §3.4, table 6. */
function isAcceptable(tcb: Tcb, segment: TcpSegment): boolean {
  const { sequence, length } = segment;
  const window = tcb.rcvWnd;
  if (length === 0) {
    // A peer that has filled the window sends its ACKs from the right edge.
    return ge(sequence, tcb.rcvNxt) && le(sequence, add(tcb.rcvNxt, window));
  }
  // A closed window takes no text, but the segment's ACK, RST and, right at RCV.NXT, FIN must be heard (MUST-66).
  if (window === 0) return sequence === tcb.rcvNxt;
  return gt(add(sequence, length), tcb.rcvNxt) && lt(sequence, tcb.rcvEdge);
}

/** An ACK that tells the peer where we stand: at once for text that came twice, because our ACK was probably lost. */
function answerUnacceptable(tcb: Tcb, segment: TcpSegment, now: Instant): void {
  const { sequence } = segment;
  const end = add(sequence, segment.payloadLength);
  if (segment.payloadLength === 0 || ge(sequence, tcb.rcvNxt)) {
    challenge(tcb, now);
    return;
  }
  if (gt(sequence, tcb.irs) && le(end, tcb.rcvNxt)) reportDuplicate(tcb, sequence, end);
  tcb.context.drops.count('tcp_duplicate');
  tcb.ackDue = true;
}

/** Second: RST (RFC 5961 §3.2: only the exact sequence number is believed). */
function checkReset(tcb: Tcb, segment: TcpSegment, now: Instant): boolean {
  if (!segment.has(RST)) return true;
  if (segment.sequence !== tcb.rcvNxt) {
    challenge(tcb, now);
    return drop(tcb, 'tcp_bad_reset');
  }
  switch (tcb.state) {
    case 'SYN-RECEIVED':
      tcb.end(refused(tcb));
      return false;
    case 'CLOSING':
    case 'LAST-ACK':
      tcb.end();
      return false;
    default:
      tcb.end(wasReset(tcb));
      return false;
  }
}

/** Fourth: a SYN has no business here (RFC 5961 §4.2). */
function checkSyn(tcb: Tcb, segment: TcpSegment, now: Instant): boolean {
  if (!segment.has(SYN)) return true;
  // In a simultaneous open both ends answer the other's SYN with SYN|ACK.
  if (tcb.state === 'SYN-RECEIVED' && segment.has(ACK) && segment.sequence === tcb.irs) return true;
  challenge(tcb, now);
  return drop(tcb, 'tcp_unexpected_syn');
}

/** Fifth: the ACK field. */
function checkAck(tcb: Tcb, segment: TcpSegment, now: Instant): boolean {
  if (!segment.has(ACK)) return drop(tcb, 'tcp_no_ack');
  if (tcb.state === 'SYN-RECEIVED' && !completeHandshake(tcb, segment, now)) return false;
  const { acknowledgment } = segment;
  // RFC 5961 §5.2: neither of what was never sent, nor older than any window we had.
  if (gt(acknowledgment, tcb.sndNxt) || lt(acknowledgment, add(tcb.sndUna, -oldestAck(tcb)))) {
    challenge(tcb, now);
    return drop(tcb, 'tcp_bad_ack');
  }
  updateTsRecent(tcb, segment, now);
  const before = tcb.sndUna;
  ackArrives(tcb, segment, now);
  if (tcb.sndUna !== before) tellWriter(tcb);
  return afterAck(tcb, now);
}

/** How far back from SND.UNA an ACK may be: not before our first byte either, which few can guess (Linux asks so, too). */
function oldestAck(tcb: Tcb): number {
  return Math.min(tcb.maxSndWnd, tcb.bytesAcknowledged + (tcb.finAcknowledged ? 1 : 0));
}

/** SYN-RECEIVED, in a simultaneous open or just made by passive-open.ts: does it acknowledge our SYN? */
function completeHandshake(tcb: Tcb, segment: TcpSegment, now: Instant): boolean {
  if (le(segment.acknowledgment, tcb.iss) || gt(segment.acknowledgment, tcb.sndNxt)) {
    sendResetAt(tcb, segment.acknowledgment, now);
    return drop(tcb, 'tcp_bad_ack');
  }
  takeWindow(tcb, segment);
  synAcknowledged(tcb, segment, now);
  establish(tcb, now);
  return true;
}

function synAcknowledged(tcb: Tcb, segment: TcpSegment, now: Instant): void {
  // An RTT is that of the SYN if it was sent once, or of the one whose timestamp comes back (Karn's rule).
  const echoed = tcb.timestamps && segment.tsEcr !== 0 ? diff(tcb.timestamp(now), segment.tsEcr) : -1;
  const rtt = tcb.synResends === 0 ? now - tcb.synSentAt : echoed;
  if (rtt >= 0 && rtt < HANDSHAKE_PATIENCE) {
    tcb.roundTrip.sample = rtt;
    tcb.roundTrip.measured();
    tcb.roundTrip.noteLeast(now);
  }
  if (tcb.synResends > 0) tcb.roundTrip.startAfterSynLoss();
  tcb.cwnd = tcb.synResends > 1 ? tcb.mss : initialWindow(tcb.mss);
  tcb.sndUna = add(tcb.iss, 1);
  tcb.synDue = false;
  tcb.resends = 0;
  tcb.resendTimer = 'off';
  tcb.resendAt = NEVER;
  tcb.waitingSince = NEVER;
}

function establish(tcb: Tcb, now: Instant): void {
  tcb.finalAt = NEVER;
  // The application may have said already that it has no more to send.
  tcb.state = tcb.finQueued ? 'FIN-WAIT-1' : 'ESTABLISHED';
  tcb.lastHeardAt = now;
  startKeepAlive(tcb);
  tcb.observer?.connected();
  tcb.listener?.established(tcb);
}

/** RFC 7323 §4.3. */
export function updateTsRecent(tcb: Tcb, segment: TcpSegment, now: Instant): void {
  if (!tcb.timestamps || !segment.hasTimestamps) return;
  if (lt(segment.tsVal, tcb.tsRecent) || gt(segment.sequence, tcb.lastAckSent)) return;
  tcb.tsRecent = segment.tsVal;
  tcb.tsRecentAt = now;
}

/** A writer was refused: it is told when its own bytes are acknowledged or, where there is no memory, in its turn. */
export function awaitRoom(tcb: Tcb): void {
  tcb.writeBlocked = true;
  if (tcb.context.pages.share === 0) tcb.context.waitForPages(tcb);
}

/** Writers that were refused wait until half of what they may have waiting is free: not for every ACK. */
export function tellWriter(tcb: Tcb): void {
  if (!tcb.writeBlocked) return;
  const room = tcb.writeRoom;
  // What this one gives back is for those that have nothing.
  if (tcb.context.isAnyoneStarved) tcb.context.waitForPages(tcb);
  else if (room === 0) awaitRoom(tcb);
  else if (room >= tcb.unsent) {
    tcb.writeBlocked = false;
    tcb.observer?.writable();
  }
}

/** What an acknowledged FIN means, state by state. False when the connection is gone. */
function afterAck(tcb: Tcb, now: Instant): boolean {
  if (!tcb.finAcknowledged) return true;
  switch (tcb.state) {
    case 'FIN-WAIT-1':
      tcb.state = 'FIN-WAIT-2';
      return true;
    case 'CLOSING':
      tcb.endInTimeWait(now);
      return false;
    case 'LAST-ACK':
      tcb.end();
      return false;
    default:
      return true;
  }
}

/** Seventh: the text. */
function processText(tcb: Tcb, segment: TcpSegment, packet: PacketBuffer, now: Instant): void {
  if (tcb.state === 'CLOSED') return;
  trimToWindow(tcb, segment);
  const length = segment.payloadLength;
  if (length === 0) return;
  if (tcb.finReceived) {
    // CLOSE-WAIT, CLOSING, LAST-ACK: nothing can follow a FIN.
    segment.trimBack(segment.length);
    return;
  }
  if (tcb.appGone) {
    // Nobody will read it: the peer must know that it is lost (RFC 2525 §2.17).
    sendReset(tcb, now);
    tcb.end();
    return;
  }
  const inOrder = segment.sequence === tcb.rcvNxt;
  if (!store(tcb, segment, packet)) return;
  if (!inOrder) {
    gapArrived(tcb, now);
    return;
  }
  const filledGap = tcb.receiveQueue.hasGap || diff(tcb.receiveQueue.next, tcb.rcvNxt) > length;
  takeInOrder(tcb, segment, now);
  if (filledGap) tcb.ackDue = true;
}

/** RCV.NXT moves over what has just been stored, and over what it joined. */
export function takeInOrder(tcb: Tcb, segment: TcpSegment, now: Instant): void {
  const { next } = tcb.receiveQueue;
  tcb.bytesReceived += diff(next, tcb.rcvNxt);
  tcb.rcvNxt = next;
  tuneReceiveLimit(tcb, segment, now);
  textArrived(tcb, segment.payloadLength, now);
  tcb.observer?.readable();
}

/** Puts the text where it belongs. False when there is no place for it: the peer will send it again. */
function store(tcb: Tcb, segment: TcpSegment, packet: PacketBuffer): boolean {
  const { receiveQueue } = tcb;
  const { sequence, payloadStart, payloadLength } = segment;
  if (receiveQueue.hasGap) {
    // RFC 2883 §4.2: the first part that came twice.
    const end = add(sequence, payloadLength);
    const held = receiveQueue.firstHeld(sequence, end);
    if (held !== end) reportDuplicate(tcb, held, earlier(receiveQueue.heldUntil(held), end));
  }
  let placement = receiveQueue.place(sequence, packet.view, payloadStart, payloadLength);
  if (placement === 'no-memory') {
    // Text in order is worth more than what lies behind a gap.
    receiveQueue.dropOutOfOrder();
    if (sequence === tcb.rcvNxt)
      placement = receiveQueue.place(sequence, packet.view, payloadStart, payloadLength);
  }
  if (placement === 'stored') return true;
  tcb.context.drops.count(placement === 'no-memory' ? 'tcp_memory' : 'tcp_ranges');
  tcb.ackDue = true;
  segment.trimBack(segment.length);
  return false;
}

/** The idealized segment of §3.10.7.4: begins at or after RCV.NXT and ends within the window, and at a known FIN. */
function trimToWindow(tcb: Tcb, segment: TcpSegment): void {
  const { sequence } = segment;
  const before = diff(tcb.rcvNxt, sequence);
  if (before > 0) {
    if (segment.payloadLength > 0) {
      reportDuplicate(tcb, sequence, earlier(add(sequence, segment.payloadLength), tcb.rcvNxt));
      tcb.ackDue = true;
    }
    segment.trimFront(before);
  }
  // A FIN needs no room, but it must not stand behind text that finds none.
  const isBareFin = segment.length === 1 && segment.payloadLength === 0;
  const beyond = diff(add(segment.sequence, segment.length), later(tcb.rcvEdge, tcb.rcvNxt));
  if (beyond > 0 && !(isBareFin && segment.sequence === tcb.rcvNxt)) {
    segment.trimBack(beyond);
    tcb.ackDue = true;
  }
  const end = add(segment.sequence, segment.payloadLength);
  if (tcb.finKnown && segment.payloadLength > 0 && gt(end, tcb.rcvFin)) {
    tcb.context.drops.count('tcp_after_fin');
    tcb.ackDue = true;
    segment.trimBack(diff(add(segment.sequence, segment.length), tcb.rcvFin));
  }
}

/** Eighth: the FIN. It may have come before text that is still missing. */
function checkFin(tcb: Tcb, segment: TcpSegment, now: Instant): void {
  if (tcb.state === 'CLOSED' || tcb.finReceived) return;
  if (segment.has(FIN) && !tcb.finKnown) {
    const position = add(segment.sequence, segment.payloadLength);
    // Text that lies beyond it already says that one of the two is false: the first that came stays.
    tcb.finKnown = true;
    tcb.rcvFin = position;
  }
  // Its text, if any, has brought about an ACK already.
  if (segment.has(FIN) && segment.payloadLength === 0) tcb.ackDue = true;
  if (!tcb.finKnown || gt(tcb.rcvFin, tcb.rcvNxt)) return;
  tcb.finReceived = true;
  tcb.rcvNxt = add(tcb.rcvNxt, 1);
  tcb.rcvEdge = later(tcb.rcvEdge, tcb.rcvNxt);
  tcb.ackDue = true;
  finReceived(tcb, now);
  tcb.observer?.readable();
}

function finReceived(tcb: Tcb, now: Instant): void {
  switch (tcb.state) {
    case 'ESTABLISHED':
      tcb.state = 'CLOSE-WAIT';
      return;
    case 'FIN-WAIT-1':
      // Our own FIN is not acknowledged yet, or this would be FIN-WAIT-2.
      tcb.state = 'CLOSING';
      return;
    case 'FIN-WAIT-2':
      tcb.endInTimeWait(now);
      return;
    default:
      return;
  }
}

function drop(tcb: Tcb, reason: Parameters<Tcb['context']['drops']['count']>[0]): false {
  tcb.context.drops.count(reason);
  return false;
}

function refused(tcb: Tcb): TunnelError {
  const where = printSocketAddress(tcb.remote);
  return new TunnelError('ERR_CONNECTION_REFUSED', `${where} refused the connection.`, { leg: 'inside' });
}

function wasReset(tcb: Tcb): TunnelError {
  const where = printSocketAddress(tcb.remote);
  return new TunnelError('ERR_CONNECTION_RESET', `${where} reset the connection.`, { leg: 'inside' });
}
