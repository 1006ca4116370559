// Header prediction: what nearly every segment of a bulk transfer is, text that comes in order with nothing new to say
// about ours, or an ACK that only acknowledges more. It does what segment-arrives.ts would do and leaves out the checks
// whose answer is known; the simulator runs every seed both ways and compares what leaves.
import type { PacketBuffer } from '../../packet-buffer.ts';
import type { Instant } from '../../time.ts';
import { ACK, PSH, type TcpSegment } from '../../wire/tcp.ts';
import { ackArrives, isNewerWindow, takeWindow } from './ack-arrives.ts';
import { takeInOrder, tellWriter, updateTsRecent } from './segment-arrives.ts';
import { add, ge, gt, le, lt } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/** Takes the segment if it is one of the two kinds. False: nothing was done. */
export function wasPredicted(tcb: Tcb, segment: TcpSegment, packet: PacketBuffer, now: Instant): boolean {
  if (tcb.state !== 'ESTABLISHED' || tcb.ecn || (segment.flags & ~PSH) !== ACK) return false;
  if (segment.sequence !== tcb.rcvNxt || segment.sackCount > 0) return false;
  if (tcb.timestamps && !(segment.hasTimestamps && ge(segment.tsVal, tcb.tsRecent))) return false;
  return segment.payloadLength === 0 ? pureAck(tcb, segment, now) : text(tcb, segment, packet, now);
}

/** SND.UNA < SEG.ACK ≤ SND.NXT. */
function pureAck(tcb: Tcb, segment: TcpSegment, now: Instant): boolean {
  const { acknowledgment } = segment;
  if (!gt(acknowledgment, tcb.sndUna) || gt(acknowledgment, tcb.sndNxt)) return false;
  updateTsRecent(tcb, segment, now);
  ackArrives(tcb, segment, now);
  tellWriter(tcb);
  tcb.lastHeardAt = now;
  return true;
}

/** The next bytes, all within the window, while nothing of ours is in the air and nothing is known about what follows. */
function text(tcb: Tcb, segment: TcpSegment, packet: PacketBuffer, now: Instant): boolean {
  if (segment.acknowledgment !== tcb.sndUna || tcb.outstanding > 0 || tcb.appGone || tcb.finKnown)
    return false;
  if (segment.window << tcb.sndScale !== tcb.sndWnd || tcb.receiveQueue.hasGap) return false;
  const { sequence, payloadStart, payloadLength } = segment;
  if (!le(add(sequence, payloadLength), tcb.rcvEdge) || lt(tcb.rcvEdge, tcb.rcvNxt)) return false;
  if (tcb.receiveQueue.place(sequence, packet.view, payloadStart, payloadLength) !== 'stored') return false;
  updateTsRecent(tcb, segment, now);
  if (isNewerWindow(tcb, segment)) takeWindow(tcb, segment);
  tcb.lastHeardAt = now;
  takeInOrder(tcb, segment, now);
  return true;
}
