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
import { advertisedMss, offeredShift } from './options.ts';
import { settleResendTimer } from './retransmission.ts';
import { add, diff, gt, later, lt } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/** A segment is full although it gave this much of itself to SACK blocks. */
const MAX_SACK_LENGTH = sackLength(MAX_SACK_BLOCKS);

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
      return free;
    }
  }
}

function outputSyn(tcb: Tcb, now: Instant): void {
  if (tcb.sndPos !== tcb.iss) {
    if (tcb.ackDue) sendAck(tcb, now);
    return;
  }
  emitSyn(tcb, tcb.state === 'SYN-SENT' ? SYN : SYN | ACK, now);
  if (tcb.sndNxt === tcb.iss) {
    noteSynSent(tcb, now);
  } else {
    tcb.sndPos = tcb.sndNxt;
    tcb.retransmits++;
  }
  settleResendTimer(tcb, now, true);
}

/** The SYN has been sent the first time; `at` is NEVER when the time of its answer would mean nothing. */
export function noteSynSent(tcb: Tcb, at: Instant): void {
  tcb.sndPos = tcb.sndNxt = add(tcb.iss, 1);
  tcb.cwndLimitedAt = tcb.sndSmall = tcb.rttSequence = tcb.sndNxt;
  tcb.rttStartedAt = tcb.waitingSince = at;
}

/** The loop of segmentation. False when it stopped because the way out is full. */
function sendText(tcb: Tcb, now: Instant): boolean {
  const { congestion, recovery, sendQueue } = tcb;
  for (;;) {
    const available = sendQueue.lengthFrom(tcb.sndPos);
    const finWaits = tcb.finQueued && available >= 0;
    if (available <= 0 && !finWaits) return true;
    if (tcb.context.ip.congested) return false;
    if (tcb.outstanding === 0 && now - tcb.lastSentAt > tcb.roundTrip.rto) congestion.idled();
    const full = fullSegment(tcb);
    const windowRoom = tcb.sndWnd - tcb.inFlight;
    const length = Math.min(available, full, windowRoom);
    const withFin = finWaits && length === available && windowRoom > length;
    if (length < 0 || (length === 0 && !withFin)) return true;
    if (!isWorthSending(tcb, length, full, available)) return true;
    const allowance = congestion.cwnd + recovery.limitedTransmit(tcb.mss) - tcb.inFlight;
    if (length > allowance && tcb.inFlight > 0) {
      tcb.cwndLimitedAt = tcb.sndNxt;
      return true;
    }
    sendSegment(tcb, length, withFin, length === available, now);
  }
}

/** What one segment carries beside the SACK blocks that it must carry too. */
function fullSegment(tcb: Tcb): number {
  return tcb.mss - sackLength(collectSackBlocks(tcb));
}

/** Silly window avoidance (RFC 9293 §3.8.6.2.1) and Nagle's algorithm (§3.7.4), for data sent the first time. */
function isWorthSending(tcb: Tcb, length: number, full: number, available: number): boolean {
  if (lt(tcb.sndPos, tcb.sndNxt) || length >= full) return true;
  if (length === available) {
    // Minshall: only a small segment in flight holds back another small one.
    return tcb.noDelay || tcb.finQueued || !gt(tcb.sndSmall, tcb.sndUna);
  }
  return 2 * length >= tcb.maxSndWnd;
}

/** Sends `length` bytes from SND.POS on, and the FIN if it is their turn. */
function sendSegment(tcb: Tcb, length: number, withFin: boolean, isLast: boolean, now: Instant): void {
  const sequence = tcb.sndPos;
  const isNew = sequence === tcb.sndNxt;
  emit(tcb, sequence, length, ACK | (withFin ? FIN : 0) | (isLast && length > 0 ? PSH : 0), now);
  const end = add(sequence, length + (withFin ? 1 : 0));
  if (!isNew) {
    tcb.noteResent(end, now);
  } else if (tcb.rttStartedAt === NEVER) {
    tcb.rttSequence = end;
    tcb.rttStartedAt = now;
  }
  if (length < tcb.mss - MAX_SACK_LENGTH) tcb.sndSmall = later(tcb.sndSmall, end);
  if (gt(end, tcb.sndNxt)) tcb.bytesSent += length;
  tcb.lastSentAt = now;
  tcb.sndPos = end;
  tcb.sndNxt = later(tcb.sndNxt, end);
  if (tcb.waitingSince === NEVER) tcb.waitingSince = now;
}

/** Sends the first outstanding segment once more, whatever the windows say. Returns the sequence space it takes. */
export function resendFirst(tcb: Tcb, now: Instant): number {
  const held = tcb.sendQueue.lengthFrom(tcb.sndUna);
  const length = Math.max(0, Math.min(fullSegment(tcb), held, tcb.outstanding));
  const withFin = length === held && tcb.finSent;
  if (length === 0 && !withFin) return 0;
  emit(tcb, tcb.sndUna, length, ACK | (withFin ? FIN : 0) | (length === held ? PSH : 0), now);
  const space = length + (withFin ? 1 : 0);
  tcb.noteResent(add(tcb.sndUna, space), now);
  tcb.lastSentAt = now;
  return space;
}

/** One octet (or the FIN) that the window does not allow: its answer tells the window (RFC 9293 §3.8.6.1). */
export function sendWindowProbe(tcb: Tcb, now: Instant): void {
  const length = Math.min(1, tcb.sendQueue.lengthFrom(tcb.sndUna));
  emit(tcb, tcb.sndUna, length, length > 0 ? ACK | PSH : ACK | FIN, now);
  const end = add(tcb.sndUna, 1);
  if (tcb.outstanding > 0) tcb.noteResent(end, now);
  else tcb.bytesSent += length;
  tcb.sndNxt = later(tcb.sndNxt, end);
  tcb.rttStartedAt = NEVER;
}

/** Sends as much as a small window takes, although it is hardly worth it (RFC 9293 §3.8.6.2.1, the override). */
export function sendWhatFits(tcb: Tcb, now: Instant): void {
  const available = tcb.sendQueue.lengthFrom(tcb.sndPos);
  const length = Math.min(available, fullSegment(tcb), tcb.sndWnd - tcb.inFlight);
  if (length > 0) sendSegment(tcb, length, false, length === available, now);
}

export function sendAck(tcb: Tcb, now: Instant): void {
  emit(tcb, ackSequence(tcb), 0, ACK, now);
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

/** Writes and sends one segment that is not a SYN. */
function emit(tcb: Tcb, sequence: number, length: number, flags: number, now: Instant): void {
  const packet = tcb.context.ip.begin(tcb.version);
  const { view } = packet;
  const sackCount = flags & RST ? 0 : collectSackBlocks(tcb);
  const options = (tcb.timestamps ? TIMESTAMPS_LENGTH : 0) + sackLength(sackCount);
  const at = packet.append(TCP_HEADER_LENGTH + options + length);
  const acknowledgment = flags & ACK ? tcb.rcvNxt : 0;
  const window = advertise(tcb);
  const headerLength = TCP_HEADER_LENGTH + options;
  writeTcpHeader(
    view,
    at,
    tcb.local.port,
    tcb.remote.port,
    sequence,
    acknowledgment,
    headerLength,
    flags,
    window,
  );
  let option = at + TCP_HEADER_LENGTH;
  if (tcb.timestamps) {
    writeTimestamps(view, option, tcb.timestamp(now), tcb.tsRecent);
    option += TIMESTAMPS_LENGTH;
  }
  if (sackCount > 0) writeSack(view, option, sackScratch, sackCount);
  if (length > 0) tcb.sendQueue.copy(sequence, length, view, at + headerLength);
  finish(tcb, packet, at);
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
  synOptions.sackPermitted = !isAnswer || tcb.sackPermitted;
  synOptions.timestamps = !isAnswer || tcb.timestamps;
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
function finish(tcb: Tcb, packet: PacketBuffer, at: number): void {
  const sum = sum16(packet.view, at, packet.end, tcb.addressSum + (packet.end - at));
  packet.view.setUint16(at + CHECKSUM_OFFSET, ~sum & 0xffff);
  tcb.segmentsSent++;
  acknowledged(tcb);
  tcb.context.ip.send(packet, tcb.local.address, tcb.remote.address, PROTOCOL_TCP, tcb.ttl, tcb.tos);
}
