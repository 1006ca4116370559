// What WireGuard looks at in an inner packet (WG §3), and no more: version, length, addresses. Checksums,
// fragments, options and multicast are the stack's business.
import type { PacketBuffer } from '../packet-buffer.ts';

const IPV4_HEADER = 20;
const IPV4_TOTAL_LENGTH = 2;
const IPV4_SOURCE = 12;
const IPV4_DESTINATION = 16;
const IPV6_HEADER = 40;
const IPV6_PAYLOAD_LENGTH = 4;
const IPV6_SOURCE = 8;
const IPV6_DESTINATION = 24;

/** 4 or 6, when there is room for that header; 0 for anything that is not IP. */
export function innerVersion(packet: PacketBuffer): 4 | 6 | 0 {
  const { length } = packet;
  if (length < IPV4_HEADER) return 0;
  const version = packet.memory[packet.start]! >>> 4;
  if (version === 4) return 4;
  return version === 6 && length >= IPV6_HEADER ? 6 : 0;
}

/**
 * How long the packet says it is, without WireGuard's padding; 0 when that is impossible. An IPv6 length can exceed 16
 * bits here, and does no harm.
 */
export function innerLength(packet: PacketBuffer, version: 4 | 6): number {
  const { view, start } = packet;
  const length =
    version === 4
      ? view.getUint16(start + IPV4_TOTAL_LENGTH)
      : view.getUint16(start + IPV6_PAYLOAD_LENGTH) + IPV6_HEADER;
  return length >= IPV4_HEADER && length <= packet.length ? length : 0;
}

/** Where the source address lies in the packet's memory. */
export function innerSource(packet: PacketBuffer, version: 4 | 6): number {
  return packet.start + (version === 4 ? IPV4_SOURCE : IPV6_SOURCE);
}

export function innerDestination(packet: PacketBuffer, version: 4 | 6): number {
  return packet.start + (version === 4 ? IPV4_DESTINATION : IPV6_DESTINATION);
}
