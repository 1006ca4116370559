// Urgent data (RFC 9293 §3.8.5): a mark in the byte stream that travels ahead of it. The bytes themselves stay in line
// (RFC 6093 §3), and the pointer stands behind the last urgent byte, as everybody has it (RFC 6093 §2.2).
import { FLAGS_OFFSET, type TcpSegment, URG, URGENT_POINTER_OFFSET } from '../../wire/tcp.ts';
import { add, diff, gt, later, lt } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/** SND.UP and RCV.UP, of a connection that has ever used them. */
export interface Urgent {
  /** Behind the last urgent byte that we send. */
  sndUp: number;
  /** Behind the last urgent byte that the peer sends. */
  rcvUp: number;
}

/** What has been written so far is urgent (RFC 9293 §3.9.1.2). */
export function markUrgent(tcb: Tcb): void {
  const { end } = tcb.sendQueue;
  if (tcb.urgent) tcb.urgent.sndUp = end;
  else tcb.urgent = { sndUp: end, rcvUp: tcb.rcvNxt };
}

/** Sixth: the URG bit (§3.10.7.4). The application is told when there is more that is urgent than it knew (MUST-32). */
export function urgentArrives(tcb: Tcb, segment: TcpSegment): void {
  if (!segment.has(URG) || segment.urgentPointer === 0) return;
  const pointer = add(segment.sequence, segment.urgentPointer);
  // A pointer beyond what may be sent points nowhere; the text is good all the same.
  if (gt(pointer, later(tcb.rcvEdge, tcb.rcvNxt))) return;
  const urgent = (tcb.urgent ??= { sndUp: tcb.sndUna, rcvUp: tcb.rcvNxt });
  if (!gt(pointer, urgent.rcvUp)) return;
  urgent.rcvUp = pointer;
  tcb.observer?.urgent?.();
}

/** Bytes up to and including the last urgent one that the application has not read; 0: none. */
export function urgentToRead(tcb: Tcb): number {
  if (!tcb.urgent) return 0;
  const read = add(tcb.rcvNxt, -tcb.receiveQueue.readable - (tcb.finReceived ? 1 : 0));
  return Math.max(0, diff(tcb.urgent.rcvUp, read));
}

/** Sets the flag and the pointer in the header at `at`, of a segment of ours that begins before urgent data ends. */
export function writeUrgent(tcb: Tcb, sequence: number, view: DataView, at: number): void {
  const { urgent } = tcb;
  if (!urgent || !lt(sequence, urgent.sndUp)) return;
  view.setUint8(at + FLAGS_OFFSET, view.getUint8(at + FLAGS_OFFSET) | URG);
  view.setUint16(at + URGENT_POINTER_OFFSET, Math.min(diff(urgent.sndUp, sequence), 0xffff));
}
