// Explicit congestion notification (RFC 3168): a router marks a packet instead of dropping it, the receiver says so in
// every ACK until it is heard, the sender reduces its window once per round trip and says that it did. We answer peers
// that ask, and ask only where we are told to.
import { ACK, CWR, ECE, SYN, type TcpSegment } from '../../wire/tcp.ts';
import type { Flight } from './flight.ts';
import { enterReduction } from './recovery.ts';
import { ge } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/** The codepoints of the IP header's last two bits (§5). */
export const ECT_0 = 2;
export const CE = 3;

/** Whether a SYN asks for ECN (§6.1.1). */
export function asksForEcn(segment: TcpSegment): boolean {
  return segment.has(ECE) && segment.has(CWR);
}

/** Whether a SYN|ACK agrees. With both bits it only mirrors ours, as broken peers do. */
export function agreesToEcn(segment: TcpSegment): boolean {
  return segment.has(ECE) && !segment.has(CWR);
}

/** What our SYN says. A SYN that is sent again does not ask: the bits may be what was in the way (§6.1.1.1). */
export function synEcnFlags(tcb: Tcb, flags: number): number {
  if (flags & ACK) return tcb.ecn ? ECE : 0;
  return tcb.context.asksForEcn && tcb.synResends === 0 ? ECE | CWR : 0;
}

/** A segment that is acceptable was marked, or says that the peer has reacted to marks (§6.1.3). */
export function markArrives(tcb: Tcb, segment: TcpSegment): void {
  if (!tcb.ecn || segment.has(SYN)) return;
  if (segment.has(CWR)) tcb.ecnEcho = false;
  if (!segment.isMarked || segment.payloadLength === 0) return;
  // The peer shall hear of it at once, and no text shall wait behind a delayed ACK meanwhile.
  if (!tcb.ecnEcho) tcb.ackDue = true;
  tcb.ecnEcho = true;
}

/** An ACK says that what we sent was marked: once per window, that costs as much as a loss (§6.1.2). */
export function echoArrives(tcb: Tcb, flight: Flight, delivered: number): void {
  const { recovery } = flight;
  if (recovery.phase !== 'open' || !ge(tcb.sndUna, recovery.recover)) return;
  enterReduction(tcb, flight, delivered);
}

/** The flags of a segment of ours that is no SYN. */
export function ecnFlags(tcb: Tcb, isNewText: boolean): number {
  if (!tcb.ecn) return 0;
  const echo = tcb.ecnEcho ? ECE : 0;
  if (!isNewText || !tcb.cwrDue) return echo;
  tcb.cwrDue = false;
  return echo | CWR;
}
