import type { PacketBuffer } from './packet-buffer.ts';
import type { Instant } from './time.ts';

/** Who looks at the inner packets that pass. Only takes note; the packet is lent, and not to be changed. */
export interface PacketTap {
  packetReceived(packet: PacketBuffer, now: Instant): void;
  packetSent(packet: PacketBuffer, now: Instant): void;
  /** Why the stack refused the packet that was received last. */
  packetRefused(reason: string): void;
}
