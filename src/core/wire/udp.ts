// UDP (RFC 768): a header of 8 bytes.
//
//   |          Source port          |       Destination port        |  0
//   |            Length             |           Checksum            |  4

import { pseudoHeaderSum, sum16 } from './checksum.ts';
import { PROTOCOL_UDP } from './protocols.ts';

export const UDP_HEADER_LENGTH = 8;

const SOURCE_PORT = 0;
const DESTINATION_PORT = 2;
const LENGTH = 4;
const CHECKSUM = 6;

export type UdpFault = 'udp-length' | 'udp-checksum' | 'udp-port-zero';

export function udpSourcePort(view: DataView, at: number): number {
  return view.getUint16(at + SOURCE_PORT);
}

export function udpDestinationPort(view: DataView, at: number): number {
  return view.getUint16(at + DESTINATION_PORT);
}

/** Of header and payload. */
export function udpLength(view: DataView, at: number): number {
  return view.getUint16(at + LENGTH);
}

/**
 * Checks the UDP datagram at [at, end). `addresses` is where the IP addresses lie. Bytes after the UDP length are
 * ignored (RFC 9868 keeps options there). No checksum is fine in IPv4 and forbidden in IPv6 (RFC 8200 §8.1).
 */
export function checkUdp(
  view: DataView,
  at: number,
  end: number,
  version: 4 | 6,
  addresses: number,
): UdpFault | undefined {
  if (end - at < UDP_HEADER_LENGTH) return 'udp-length';
  const length = udpLength(view, at);
  if (length < UDP_HEADER_LENGTH || length > end - at) return 'udp-length';
  if (view.getUint16(at + CHECKSUM) === 0) {
    if (version === 6) return 'udp-checksum';
  } else {
    const sum = pseudoHeaderSum(view, addresses, version, PROTOCOL_UDP, length);
    if (sum16(view, at, at + length, sum) !== 0xffff) return 'udp-checksum';
  }
  return udpDestinationPort(view, at) === 0 ? 'udp-port-zero' : undefined;
}

/**
 * Writes the header at `at` in front of a payload that is already there, and the checksum over both. `addressSum` is
 * the folded sum of the two IP addresses.
 */
export function writeUdp(
  view: DataView,
  at: number,
  sourcePort: number,
  destinationPort: number,
  length: number,
  addressSum: number,
): void {
  view.setUint16(at + SOURCE_PORT, sourcePort);
  view.setUint16(at + DESTINATION_PORT, destinationPort);
  view.setUint16(at + LENGTH, length);
  view.setUint16(at + CHECKSUM, 0);
  const checksum = ~sum16(view, at, at + length, addressSum + PROTOCOL_UDP + length) & 0xffff;
  // Zero means "none", so a sum of zero goes as its other form.
  view.setUint16(at + CHECKSUM, checksum === 0 ? 0xffff : checksum);
}

/** One line for people: `udp 53 > 49152 length 40`. */
export function printUdp(view: DataView, at: number): string {
  return `udp ${udpSourcePort(view, at)} > ${udpDestinationPort(view, at)} length ${udpLength(view, at)}`;
}
