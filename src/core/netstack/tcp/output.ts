// Which segment to send now (RFC 9293 §3.8, §3.10.1–4), and writing it. Everything leaves from here.
import type { PacketBuffer } from '../../packet-buffer.ts';
import { type Instant, NEVER } from '../../time.ts';
import { sum16 } from '../../wire/checksum.ts';
import { PROTOCOL_TCP } from '../../wire/protocols.ts';
import {
  ACK,
  CHECKSUM_OFFSET,
  FIN,
  MAX_SACK_BLOCKS,
  PSH,
  RST,
  SYN,
  type SynOptions,
  sackLength,
  synOptionsLength,
  TCP_HEADER_LENGTH,
  TIMESTAMPS_LENGTH,
  writeSack,
  writeSynOptions,
  writeTcpHeader,
  writeTimestamps,
} from '../../wire/tcp.ts';
import { acknowledged, advertise, collectSackBlocks, owesAck, sackScratch } from './ack-policy.ts';
import { endTrial, isTrial, noteTrial, trialSize } from './black-hole.ts';
import { initialWindow } from './congestion.ts';
import { ECT_0, ecnFlags, synEcnFlags } from './ecn.ts';
import type { Flight } from './flight.ts';
import { advertisedMss, offeredShift } from './options.ts';
import { noteResent, pipe, stopDoubting } from './recovery.ts';
import { settleResendTimer, settleSynTimer } from './retransmission.ts';
import { NO_RECORD } from './scoreboard.ts';
import { add, diff, ge, gt, later } from './sequence.ts';
import type { Tcb } from './tcb.ts';
import { writeUrgent } from './urgent.ts';

/** A segment is full although it gave this much of itself to SACK blocks. */
const MAX_SACK_LENGTH = sackLength(MAX_SACK_BLOCKS);
/** With no more unacknowledged, a connection may be one of keystrokes. */
const MAX_HURRY = 1024;

/** Sends all that may go now. False when the way out is full and the rest must wait for it. */
export function output(tcb: Tcb, now: Instant): boolean {
  switch (tcb.state) {
    case 'CLOSED':
    case 'TIME-WAIT':
      return true;
    case 'SYN-SENT':
    case 'SYN-RECEIVED':
      outputSyn(tcb, now);
      return true;
    default: {
      const free = sendText(tcb, now);
      if (owesAck(tcb, now)) sendAck(tcb, now);
      settleResendTimer(tcb, now, free);
      tcb.flight?.noteInAir(tcb, now);
      return free;
    }
  }
}

function outputSyn(tcb: Tcb, now: Instant): void {
  if (!tcb.synDue) {
    if (tcb.ackDue) sendAck(tcb, now);
    return;
  }
  tcb.synDue = false;
  const flags = tcb.state === 'SYN-SENT' ? SYN : SYN | ACK;
  emitSyn(tcb, flags | synEcnFlags(tcb, flags), now);
  if (tcb.sndNxt === tcb.iss) {
    noteSynSent(tcb, now);
  } else {
    countRetransmit(tcb);
  }
  settleSynTimer(tcb, now);
}

function countRetransmit(tcb: Tcb): void {
  tcb.retransmits++;
  tcb.context.retransmits++;
}

/** The SYN has been sent the first time; `at` is NEVER when the time of its answer would mean nothing. */
export function noteSynSent(tcb: Tcb, at: Instant): void {
  tcb.sndNxt = tcb.sndSmall = add(tcb.iss, 1);
  tcb.synSentAt = tcb.waitingSince = at;
  tcb.synDue = false;
}

/** Retransmissions, then new data. False when it stopped because the way out is full. */
function sendText(tcb: Tcb, now: Instant): boolean {
  const { flight } = tcb;
  if (flight && flight.scoreboard.lostCount > 0) {
    if (flight.recovery.doubt === 'new-data-sent') {
      if (!sendNew(tcb, now)) return false;
      if (flight.scoreboard.pipe > 0) return true;
      stopDoubting(flight.recovery);
    }
    if (!resendLost(tcb, flight, now)) return false;
    if (flight.scoreboard.lostCount > 0) return true;
  }
  return sendNew(tcb, now);
}

/** What is lost goes again, lowest numbers first, as the congestion window allows. False as in sendText. */
function resendLost(tcb: Tcb, flight: Flight, now: Instant): boolean {
  const { scoreboard } = flight;
  for (let slot = scoreboard.nextLost(); slot !== NO_RECORD; slot = scoreboard.nextLost()) {
    if (tcb.context.ip.congested) return false;
    // What begins beyond a window that shrank waits for it to open.
    if (ge(scoreboard.start(slot), add(tcb.sndUna, tcb.sndWnd))) return true;
    const inFlight = pipe(tcb, flight);
    if (inFlight > 0 && inFlight + scoreboard.length(slot) > tcb.cwnd) return true;
    if (isTrial(tcb, flight, slot)) {
      endTrial(tcb, flight, now);
      continue;
    }
    if (slot === scoreboard.last) fillLast(tcb, flight);
    resend(tcb, flight, slot, now);
  }
  return true;
}

/** A window probe's octet is sent again with what follows it. */
function fillLast(tcb: Tcb, { scoreboard }: Flight): void {
  const full = fullSegment(tcb);
  const windowRoom = tcb.sndWnd - tcb.outstanding;
  const more = Math.min(
    full - scoreboard.length(scoreboard.last),
    tcb.sendQueue.lengthFrom(tcb.sndNxt),
    windowRoom,
  );
  if (more <= 0) return;
  tcb.sndNxt = add(tcb.sndNxt, more);
  tcb.bytesSent += more;
  scoreboard.extendLast(tcb.sndNxt);
}

/** The loop of segmentation. False as in sendText. */
function sendNew(tcb: Tcb, now: Instant): boolean {
  const { sendQueue } = tcb;
  for (;;) {
    const available = sendQueue.lengthFrom(tcb.sndNxt);
    const finWaits = tcb.finQueued && available >= 0;
    if (available <= 0 && !finWaits) return true;
    if (mustWait(tcb, available)) return false;
    if (tcb.outstanding === 0) paused(tcb, now);
    const windowRoom = tcb.sndWnd - tcb.outstanding;
    const trial = tcb.blackHole ? trialSize(tcb, now) : 0;
    // What follows it tells whether it arrived.
    const triesLarger =
      trial > 0 && trial <= tcb.cwnd && Math.min(available, windowRoom) >= trial + 2 * tcb.mss;
    const full = triesLarger ? trial : fullSegment(tcb);
    const length = Math.min(available, full, windowRoom);
    const withFin = finWaits && length === available && windowRoom > length;
    if (length < 0 || (length === 0 && !withFin)) return true;
    if (!isWorthSending(tcb, length, full, available)) return true;
    const flight = tcb.takeFlight();
    if (!mayLeave(tcb, flight, length) || !flight.scoreboard.hasRoom()) return true;
    sendSegment(tcb, length, withFin, length === available, now);
    if (triesLarger) noteTrial(tcb, tcb.sndNxt);
  }
}

/** Whether the way out is too full for what is next. It is not for a keystroke, but for the end of something long. */
function mustWait(tcb: Tcb, available: number): boolean {
  return tcb.context.ip.holdsBack(tcb.outstanding > MAX_HURRY ? tcb.outstanding : available);
}

/** Whether the congestion window has room, or F-RTO wants to see what becomes of a few new segments. */
function mayLeave(tcb: Tcb, flight: Flight, length: number): boolean {
  const { recovery } = flight;
  if (recovery.trial > 0) {
    recovery.trial--;
    return true;
  }
  // While the trial is under way, nothing else leaves.
  if (recovery.doubt === 'new-data-sent') return false;
  const inFlight = pipe(tcb, flight);
  if (inFlight === 0 || inFlight + length <= tcb.cwnd) return true;
  flight.cwndLimitedAt = tcb.sndNxt;
  return false;
}

/** Nothing was in flight: after a longer pause the window is not to be trusted any more (RFC 5681 §4.1). */
function paused(tcb: Tcb, now: Instant): void {
  const gap = now - tcb.lastSentAt;
  if (gap <= tcb.roundTrip.rto || tcb.bytesSent === 0) return;
  if (tcb.context.slowStartAfterIdle) tcb.cwnd = Math.min(tcb.cwnd, initialWindow(tcb.mss));
  tcb.flight?.congestion.paused(gap);
}

/** What one segment carries beside the SACK blocks that it must carry too. */
function fullSegment(tcb: Tcb): number {
  return tcb.mss - sackLength(collectSackBlocks(tcb, MAX_SACK_BLOCKS));
}

/** Silly window avoidance (RFC 9293 §3.8.6.2.1), Nagle's algorithm (§3.7.4), and what the application holds back. */
function isWorthSending(tcb: Tcb, length: number, full: number, available: number): boolean {
  if (length >= full) return true;
  // The persist timer takes the cork out in the end.
  if (tcb.corked && !tcb.finQueued) return false;
  if (length === available) {
    // Minshall: only a small segment in flight holds back another small one.
    return tcb.noDelay || tcb.finQueued || !gt(tcb.sndSmall, tcb.sndUna);
  }
  return 2 * length >= tcb.maxSndWnd;
}

/** Sends `length` bytes from SND.NXT on, and the FIN if it is their turn. The flight has room for the record. */
function sendSegment(tcb: Tcb, length: number, withFin: boolean, isLast: boolean, now: Instant): void {
  const flight = tcb.flight!;
  const sequence = tcb.sndNxt;
  const flags = ACK | (withFin ? FIN : 0) | (isLast && length > 0 ? PSH : 0);
  emit(tcb, sequence, length, flags | ecnFlags(tcb, length > 0), now, tcb.ecn && length > 0 ? ECT_0 : 0);
  const space = length + (withFin ? 1 : 0);
  const end = add(sequence, space);
  flight.scoreboard.append(sequence, end, now);
  flight.recovery.noteSent(space);
  flight.probeDue = true;
  if (length < tcb.mss - MAX_SACK_LENGTH) tcb.sndSmall = end;
  tcb.bytesSent += length;
  tcb.lastSentAt = now;
  tcb.sndNxt = end;
  if (tcb.waitingSince === NEVER) tcb.waitingSince = now;
}

/** Sends a record again, as it is. */
export function resend(tcb: Tcb, flight: Flight, slot: number, now: Instant): void {
  const { scoreboard } = flight;
  const sequence = scoreboard.start(slot);
  const space = scoreboard.length(slot);
  const held = tcb.sendQueue.lengthFrom(sequence);
  const length = Math.min(space, held, tcb.mss);
  const withFin = space > held;
  const flags = ACK | (withFin ? FIN : 0) | (length === held && length > 0 ? PSH : 0);
  emit(tcb, sequence, length, flags | ecnFlags(tcb, false), now);
  noteResent(flight, now);
  scoreboard.resent(slot, now);
  flight.recovery.noteSent(space);
  countRetransmit(tcb);
  tcb.lastSentAt = now;
}

/** Sends the first outstanding segment once more, whatever the windows say. */
export function resendFirst(tcb: Tcb, now: Instant): void {
  const { flight } = tcb;
  if (flight && !flight.scoreboard.isEmpty) resend(tcb, flight, flight.scoreboard.first, now);
}

/**
 * One octet (or the FIN) that the window does not allow: its answer tells the window (RFC 9293 §3.8.6.1). It is no part
 * of what is in the network: should the window open without it, it goes again like something lost. What is probed with
 * twice measures no round trip (RFC 6298 §3).
 */
export function sendWindowProbe(tcb: Tcb, now: Instant): void {
  const { scoreboard } = tcb.takeFlight();
  const length = Math.min(1, tcb.sendQueue.lengthFrom(tcb.sndUna));
  const end = add(tcb.sndUna, 1);
  if (tcb.outstanding === 0) {
    if (!scoreboard.hasRoom()) return;
    scoreboard.markLost(scoreboard.append(tcb.sndUna, end, now));
    tcb.bytesSent += length;
  } else {
    scoreboard.probed(scoreboard.first, now);
    countRetransmit(tcb);
  }
  emit(tcb, tcb.sndUna, length, length > 0 ? ACK | PSH : ACK | FIN, now);
  tcb.sndNxt = later(tcb.sndNxt, end);
}

/** Sends as much as a small window takes, although it is hardly worth it (RFC 9293 §3.8.6.2.1, the override). */
export function sendWhatFits(tcb: Tcb, now: Instant): void {
  const available = tcb.sendQueue.lengthFrom(tcb.sndNxt);
  const length = Math.min(available, fullSegment(tcb), tcb.sndWnd - tcb.outstanding);
  if (length > 0 && tcb.takeFlight().scoreboard.hasRoom())
    sendSegment(tcb, length, false, length === available, now);
}

/**
 * A tail loss probe (RFC 8985 §7.3): new data if the peer's window takes it, whatever the congestion window says,
 * otherwise the last segment again. False when there was neither.
 */
export function sendTailProbe(tcb: Tcb, flight: Flight, now: Instant): boolean {
  const { scoreboard, rack } = flight;
  const before = tcb.sndNxt;
  sendWhatFits(tcb, now);
  rack.probeWasResent = tcb.sndNxt === before;
  if (rack.probeWasResent) {
    if (scoreboard.isEmpty) return false;
    resend(tcb, flight, scoreboard.last, now);
  }
  rack.probeOut = true;
  rack.probeEnd = tcb.sndNxt;
  return true;
}

export function sendAck(tcb: Tcb, now: Instant): void {
  emit(tcb, ackSequence(tcb), 0, ACK | ecnFlags(tcb, false), now);
}

/** SND.NXT, unless the peer's window ends before it (it shrank, or we probed it): there an ACK would be refused. */
function ackSequence(tcb: Tcb): number {
  const edge = add(tcb.sndUna, tcb.sndWnd);
  const beyond = diff(tcb.sndNxt, edge);
  // Less than a unit beyond may be the window field's coarseness; and a SYN needs no window.
  const isInside = beyond <= 0 || tcb.isEmbryonic || (tcb.sndWnd > 0 && beyond < 1 << tcb.sndScale);
  return isInside ? tcb.sndNxt : edge;
}

/** A segment the peer has had already, so that it answers (RFC 9293 §3.8.4). */
export function sendKeepAliveProbe(tcb: Tcb, now: Instant): void {
  emit(tcb, add(tcb.sndNxt, -1), 0, ACK, now);
}

/** `<SEQ=SND.NXT, ACK=RCV.NXT, RST|ACK>` (RFC 9293 §3.10.5). */
export function sendReset(tcb: Tcb, now: Instant): void {
  emit(tcb, tcb.sndNxt, 0, RST | ACK, now);
}

/** `<SEQ=SEG.ACK, RST>`: to an unacceptable ACK during the handshake (RFC 9293 §3.10.7.3–4). */
export function sendResetAt(tcb: Tcb, sequence: number, now: Instant): void {
  emit(tcb, sequence, 0, RST, now);
}

/** Writes and sends one segment that is not a SYN. `ecn`: the codepoint, which only new text has (RFC 3168 §6.1.4–5). */
function emit(tcb: Tcb, sequence: number, length: number, flags: number, now: Instant, ecn = 0): void {
  const packet = tcb.context.ip.begin(tcb.version);
  const { view } = packet;
  // A segment that was cut before there was anything to report has no room for all of it.
  const wanted = flags & RST ? 0 : collectSackBlocks(tcb, MAX_SACK_BLOCKS);
  const sackCount = length === 0 ? wanted : Math.min(wanted, Math.max(0, (tcb.mss - length - 4) >> 3));
  const isAckStillDue = tcb.ackDue && sackCount < wanted;
  const options = (tcb.timestamps ? TIMESTAMPS_LENGTH : 0) + sackLength(sackCount);
  const at = packet.append(TCP_HEADER_LENGTH + options + length);
  const acknowledgment = flags & ACK ? tcb.rcvNxt : 0;
  // A reset during the handshake says nothing of what we have received, nor of what we could.
  const window = flags & ACK ? advertise(tcb) : 0;
  const headerLength = TCP_HEADER_LENGTH + options;
  writeTcpHeader(
    view,
    at,
    tcb.localPort,
    tcb.remotePort,
    sequence,
    acknowledgment,
    headerLength,
    flags,
    window,
  );
  if (tcb.urgent && !(flags & RST)) writeUrgent(tcb, sequence, view, at);
  let option = at + TCP_HEADER_LENGTH;
  if (tcb.timestamps) {
    writeTimestamps(view, option, tcb.timestamp(now), tcb.tsRecent);
    option += TIMESTAMPS_LENGTH;
  }
  if (sackCount > 0) writeSack(view, option, sackScratch, sackCount);
  if (length > 0) tcb.sendQueue.copy(sequence, length, view, at + headerLength);
  finish(tcb, packet, at, ecn);
  tcb.ackDue = isAckStillDue;
}

const synOptions: SynOptions = {
  mss: 0,
  windowScale: -1,
  sackPermitted: false,
  timestamps: false,
  tsVal: 0,
  tsEcr: 0,
};

/** A SYN offers everything; a SYN with ACK only what was offered (RFC 7323 §2.2, §3.2; RFC 2018 §2). */
function emitSyn(tcb: Tcb, flags: number, now: Instant): void {
  const packet = tcb.context.ip.begin(tcb.version);
  const isAnswer = (flags & ACK) !== 0;
  synOptions.mss = advertisedMss(tcb);
  synOptions.windowScale = isAnswer && !tcb.windowScaling ? -1 : offeredShift(tcb);
  synOptions.sackPermitted = isAnswer ? tcb.sackPermitted : tcb.context.usesSack;
  synOptions.timestamps = isAnswer ? tcb.timestamps : tcb.context.usesTimestamps;
  synOptions.tsVal = tcb.timestamp(now);
  synOptions.tsEcr = isAnswer ? tcb.tsRecent : 0;
  const headerLength = TCP_HEADER_LENGTH + synOptionsLength(synOptions);
  const at = packet.append(headerLength);
  const { local, remote } = tcb;
  const window = tcb.synWindow;
  const acknowledgment = isAnswer ? tcb.rcvNxt : 0;
  writeTcpHeader(
    packet.view,
    at,
    local.port,
    remote.port,
    tcb.iss,
    acknowledgment,
    headerLength,
    flags,
    window,
  );
  writeSynOptions(packet.view, at + TCP_HEADER_LENGTH, synOptions);
  finish(tcb, packet, at);
}

/** Checksum, and away with it. */
function finish(tcb: Tcb, packet: PacketBuffer, at: number, ecn = 0): void {
  const sum = sum16(packet.view, at, packet.end, tcb.addressSum + (packet.end - at));
  packet.view.setUint16(at + CHECKSUM_OFFSET, ~sum & 0xffff);
  tcb.segmentsSent++;
  acknowledged(tcb);
  const { localAddress, remoteAddress, ttl, tos, flowLabel } = tcb;
  tcb.context.ip.send(packet, localAddress, remoteAddress, PROTOCOL_TCP, ttl, tos | ecn, flowLabel);
}
