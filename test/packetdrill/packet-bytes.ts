// Whole IP packets, byte by byte: what the peer, or a router on the way, sends. Plain, and apart from the code under test.
import type { IpAddress } from '../../src/core/address.ts';

export const TCP = 6;
export const UDP = 17;

export const FLAG_BITS: Record<string, number> = {
  F: 0x01,
  S: 0x02,
  R: 0x04,
  P: 0x08,
  '.': 0x10,
  U: 0x20,
  E: 0x40,
  W: 0x80,
};

export interface Ends {
  readonly source: IpAddress;
  readonly destination: IpAddress;
}

export interface TcpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly window: number;
  readonly urgent: number;
  readonly options: Uint8Array;
  readonly payload: Uint8Array;
}

/** The byte at `offset` of either stream, so that each byte says where it belongs. */
export function patternByte(offset: number): number {
  return (offset * 7 + (offset >> 8)) & 255;
}

export function pattern(offset: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => patternByte(offset + i));
}

/** With a right checksum. */
export function tcpSegment(ends: Ends, fields: TcpFields): Uint8Array {
  const header = 20 + fields.options.length;
  const bytes = new Uint8Array(header + fields.payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, fields.sourcePort);
  view.setUint16(2, fields.destinationPort);
  view.setUint32(4, fields.sequence >>> 0);
  view.setUint32(8, fields.acknowledgment >>> 0);
  view.setUint8(12, (header / 4) << 4);
  view.setUint8(13, fields.flags);
  view.setUint16(14, fields.window);
  view.setUint16(18, fields.urgent);
  bytes.set(fields.options, 20);
  bytes.set(fields.payload, header);
  view.setUint16(16, checksum(pseudoHeader(ends, TCP, bytes.length), bytes));
  return bytes;
}

export function udpDatagram(
  ends: Ends,
  sourcePort: number,
  destinationPort: number,
  length: number,
): Uint8Array {
  const bytes = new Uint8Array(8 + length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, sourcePort);
  view.setUint16(2, destinationPort);
  view.setUint16(4, bytes.length);
  bytes.set(pattern(0, length), 8);
  view.setUint16(6, checksum(pseudoHeader(ends, UDP, bytes.length), bytes) || 0xffff);
  return bytes;
}

/** `rest` is the word after the checksum: an MTU, a pointer, or nothing. */
export function icmpMessage(
  ends: Ends,
  type: number,
  code: number,
  rest: number,
  quote: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(8 + quote.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, type);
  view.setUint8(1, code);
  view.setUint32(4, rest);
  bytes.set(quote, 8);
  const isIpv6 = ends.source.version === 6;
  const pseudo = isIpv6 ? pseudoHeader(ends, 58, bytes.length) : new Uint8Array(0);
  view.setUint16(2, checksum(pseudo, bytes));
  return bytes;
}

export function ipPacket(
  ends: Ends,
  protocol: number,
  tos: number,
  ttl: number,
  payload: Uint8Array,
): Uint8Array {
  return ends.source.version === 4
    ? ipv4Packet(ends, protocol, tos, ttl, payload)
    : ipv6Packet(ends, protocol, tos, ttl, payload);
}

function ipv4Packet(ends: Ends, protocol: number, tos: number, ttl: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(20 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x45);
  view.setUint8(1, tos);
  view.setUint16(2, bytes.length);
  view.setUint16(6, 0x4000);
  view.setUint8(8, ttl);
  view.setUint8(9, protocol);
  bytes.set(ends.source.bytes, 12);
  bytes.set(ends.destination.bytes, 16);
  view.setUint16(10, checksum(bytes.subarray(0, 20)));
  bytes.set(payload, 20);
  return bytes;
}

function ipv6Packet(ends: Ends, protocol: number, tos: number, ttl: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(40 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, (0x6000_0000 | (tos << 20)) >>> 0);
  view.setUint16(4, payload.length);
  view.setUint8(6, protocol);
  view.setUint8(7, ttl);
  bytes.set(ends.source.bytes, 8);
  bytes.set(ends.destination.bytes, 24);
  bytes.set(payload, 40);
  return bytes;
}

export function pseudoHeader({ source, destination }: Ends, protocol: number, length: number): Uint8Array {
  const size = source.bytes.length;
  const bytes = new Uint8Array(2 * size + 8);
  bytes.set(source.bytes);
  bytes.set(destination.bytes, size);
  const view = new DataView(bytes.buffer);
  view.setUint32(2 * size, length);
  view.setUint32(2 * size + 4, protocol);
  return bytes;
}

/** The Internet checksum (RFC 1071) over all of it; every part but the last of even length. 0 over what has its own. */
export function checksum(...parts: Uint8Array[]): number {
  let sum = 0;
  for (const part of parts)
    for (let i = 0; i < part.length; i++) sum += i % 2 === 0 ? part[i]! << 8 : part[i]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}
