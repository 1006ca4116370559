// What is for other hosts, where this stack stands in for them, as a gateway does: it answers in their names, and somebody
// above it fetches the answers. A host forwards nothing (RFC 1122 §3.3.4.2): this is no router either, but a proxy.

import type { PacketBuffer } from '../packet-buffer.ts';
import type { Instant } from '../time.ts';
import type { ReceivedHeader } from './ip-input.ts';

/** What becomes of a packet for another host. */
export type ForeignVerdict =
  /** It is answered in that host's name: a SYN by `TcpLayer.listenForOthers`, an echo request by its reply. */
  | 'deliver'
  /** Nothing: somebody has seen to it, or it is lost. */
  | 'taken'
  /** Nobody listens there: a reset, or port unreachable. */
  | 'refuse'
  /** The code of the "destination unreachable" that its sender is told (RFC 1812 §5.2.7.1, RFC 4443 §3.1). */
  | number;

/** Who decides, for each SYN, UDP datagram and echo request. All else follows from what those began. */
export interface ForeignGuard {
  /**
   * The packet is lent; it is whole, [header.start, packet.end), and its upper layer, at `packet.start`, has been checked.
   * Must only take note. Who cannot tell yet says `taken`, keeps a copy, and hands that to `receivePacket` later.
   */
  judge(packet: PacketBuffer, header: ReceivedHeader, now: Instant): ForeignVerdict;
}

/** What TCP asks about the segment being received, which it checked. */
export interface ForeignSegments {
  readonly isForeign: boolean;
  /** Of a SYN: whether a listener, a reset, or nothing of TCP's answers it. */
  judge(packet: PacketBuffer, now: Instant): 'deliver' | 'refuse' | 'taken';
}

/** Of a host that is itself and nobody else. */
export const NO_FOREIGNERS: ForeignSegments = { isForeign: false, judge: () => 'taken' };
