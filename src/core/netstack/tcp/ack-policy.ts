// When to acknowledge, and with which window (RFC 9293 §3.8.6.2.2–3, RFC 5681 §4.2). The decision falls once per
// batch, at the poll that ends it (RFC 9293 MUST-58), except where a long batch would keep the peer waiting.
import { type Instant, type Millis, NEVER } from '../../time.ts';
import { MAX_SACK_BLOCKS } from '../../wire/tcp.ts';
import { advertisedMss } from './options.ts';
import { sendAck } from './output.ts';
import { add, diff } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/** RFC 9293 §3.8.6.3 allows up to 500 ms. */
const ACK_DELAY: Millis = 40;
/** Within a batch, an ACK at least so often: it clocks the peer, and gives it RTT samples. */
const BATCH_SEGMENTS = 16;
const BATCH_BYTES = 22 << 10;
/** The peer's fast retransmit counts three duplicates: let it have them one by one (RFC 5681 §4.2). */
const SINGLE_DUPLICATE_ACKS = 3;
/** RFC 5961 §7: ACKs to unacceptable segments, per connection. */
const CHALLENGE_INTERVAL: Millis = 500;
/** A window that holds this little of the pool's last pages. */
const PRESSED_LIMIT = 64 << 10;

/** [start, end) pairs for the segment that is being written. */
export const sackScratch: Int32Array = new Int32Array(2 * MAX_SACK_BLOCKS);

/** In-order payload was taken in. */
export function textArrived(tcb: Tcb, length: number, now: Instant): void {
  // What is larger than we said we take was joined on the way.
  if (length > tcb.rcvMss) tcb.rcvMss = Math.min(length, advertisedMss(tcb));
  tcb.unackedSegments++;
  tcb.duplicateAcksSent = 0;
  const unacked = diff(tcb.rcvNxt, tcb.lastAckSent);
  const segments = tcb.quickAcks > 0 ? 2 : BATCH_SEGMENTS;
  if (tcb.quickAcks > 0) tcb.quickAcks--;
  if (tcb.unackedSegments >= segments || unacked >= BATCH_BYTES) sendAck(tcb, now);
}

/** Payload came that leaves, or is behind, a gap: the peer must hear of it (RFC 5681 §4.2). */
export function gapArrived(tcb: Tcb, now: Instant): void {
  tcb.quickAcks = Math.max(tcb.quickAcks, BATCH_SEGMENTS);
  // A peer without SACK counts duplicates all through its recovery.
  if (tcb.duplicateAcksSent < SINGLE_DUPLICATE_ACKS || !tcb.sackPermitted) {
    tcb.duplicateAcksSent++;
    sendAck(tcb, now);
  } else {
    tcb.ackDue = true;
  }
}

/** At the end of a batch: whether an ACK must leave now. Otherwise the delay begins, if something is unacknowledged. */
export function owesAck(tcb: Tcb, now: Instant): boolean {
  if (tcb.ackDue || isWindowUpdateDue(tcb)) return true;
  const unacked = diff(tcb.rcvNxt, tcb.lastAckSent);
  if (unacked <= 0) return false;
  if (unacked >= 2 * tcb.rcvMss || tcb.quickAcks > 0) return true;
  if (tcb.delayedAckAt === NEVER) tcb.delayedAckAt = now + ACK_DELAY;
  return false;
}

/** Every segment carries the ACK: whatever was owed is paid. */
export function acknowledged(tcb: Tcb): void {
  tcb.ackDue = false;
  tcb.unackedSegments = 0;
  tcb.dsackPending = false;
  tcb.delayedAckAt = NEVER;
  tcb.lastAckSent = tcb.rcvNxt;
}

/** An ACK to a segment that was not acceptable: not too many of them, or two ends can keep each other busy. */
export function challenge(tcb: Tcb, now: Instant): void {
  if (now - tcb.challengedAt < CHALLENGE_INTERVAL) return;
  tcb.challengedAt = now;
  tcb.ackDue = true;
}

/** The largest window there can be: the buffer, or what the window field can say. */
function windowLimit(tcb: Tcb): number {
  return Math.min(tcb.receiveLimit, 0xffff << tcb.rcvScale);
}

/** Bytes the application could still be made to hold, in units of the window field. */
function freeSpace(tcb: Tcb): number {
  const { pressure } = tcb.context.pages;
  if (pressure === 'critical') return 0;
  const limit = pressure === 'high' ? Math.min(tcb.receiveLimit, PRESSED_LIMIT) : tcb.receiveLimit;
  const held = tcb.receiveQueue.readable + tcb.heldBytes;
  const free = Math.min(Math.max(0, limit - held), 0xffff << tcb.rcvScale);
  return (free >> tcb.rcvScale) << tcb.rcvScale;
}

/** Whether the window has grown by enough to say so unasked (RFC 1122 §4.2.3.3). */
export function isWindowUpdateDue(tcb: Tcb): boolean {
  const offered = tcb.rcvWnd;
  const limit = windowLimit(tcb);
  // That the window of a SYN is small by nature, the first ACK of data will put right.
  if (2 * offered >= limit || tcb.finReceived || tcb.bytesReceived === 0) return false;
  return freeSpace(tcb) - offered >= Math.min(2 * tcb.rcvMss, limit / 2);
}

/**
 * The window field, moving the right edge if the gain is worth it (RFC 9293 §3.8.6.2.2). The edge never moves left
 * (SHLD-14); the field's coarse unit can hide less than one unit of it while the buffer is full (RFC 7323 §2.4).
 */
export function advertise(tcb: Tcb): number {
  const free = freeSpace(tcb);
  const unit = 1 << tcb.rcvScale;
  const offered = tcb.rcvWnd;
  let window = offered;
  if (free - offered >= Math.min(windowLimit(tcb) / 2, tcb.rcvMss)) window = free;
  else if ((offered & (unit - 1)) !== 0 && (offered | (unit - 1)) + 1 <= free)
    window = (offered | (unit - 1)) + 1;
  const field = Math.min(window >> tcb.rcvScale, 0xffff);
  if (field << tcb.rcvScale > offered) tcb.rcvEdge = add(tcb.rcvNxt, field << tcb.rcvScale);
  return field;
}

/** Puts the blocks that the next segment reports, `most` at most, into `sackScratch`; returns their number. */
export function collectSackBlocks(tcb: Tcb, most: number): number {
  if (!tcb.sackPermitted || most <= 0 || (!tcb.dsackPending && !tcb.receiveQueue.hasGap)) return 0;
  const limit = Math.min(most, tcb.timestamps ? MAX_SACK_BLOCKS - 1 : MAX_SACK_BLOCKS);
  let count = 0;
  if (tcb.dsackPending) {
    // RFC 2883 §4: what came twice is reported first.
    sackScratch[0] = tcb.dsackStart;
    sackScratch[1] = tcb.dsackEnd;
    count = 1;
  }
  return count + tcb.receiveQueue.sackBlocks(sackScratch, count, limit - count);
}

/** [start, end) came although it was there already (RFC 2883). */
export function reportDuplicate(tcb: Tcb, start: number, end: number): void {
  tcb.dsackPending = true;
  tcb.dsackStart = start;
  tcb.dsackEnd = end;
}
