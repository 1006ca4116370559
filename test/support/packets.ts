import { IpAddress } from '../../src/core/address.ts';

// Builds packets field by field, plainly and without the code under test, so that tests compare two independent
// opinions. Addresses are text; lengths and checksums are right unless a test says otherwise.

export function concat(...parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** `length` bytes 0, 1, 2 … */
export function counting(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i & 255);
}

export function addressBytes(text: string): Uint8Array {
  const address = IpAddress.parse(text);
  if (!address) throw new Error(`not an address: ${text}`);
  return address.bytes;
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 255);
}

export function u32(value: number): Uint8Array {
  return concat(u16((value >>> 16) & 0xffff), u16(value & 0xffff));
}

/** RFC 1071, the slow way: 16 bits at a time, in network order. */
export function internetChecksum(...parts: Uint8Array[]): number {
  const bytes = concat(...parts);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += bytes[i]! * 256 + (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return 0xffff - sum;
}

export interface Ipv4Fields {
  source: string;
  destination: string;
  protocol: number;
  payload?: Uint8Array;
  ttl?: number;
  tos?: number;
  identification?: number;
  reservedFlag?: boolean;
  dontFragment?: boolean;
  moreFragments?: boolean;
  /** In bytes. */
  offset?: number;
  /** Padded to a multiple of four with zeros. */
  options?: Uint8Array;
  /** To lie about. */
  version?: number;
  headerLength?: number;
  totalLength?: number;
  checksum?: number;
}

export function ipv4(fields: Ipv4Fields): Uint8Array {
  const payload = fields.payload ?? new Uint8Array(0);
  const given = fields.options ?? new Uint8Array(0);
  const options = concat(given, new Uint8Array((4 - (given.length % 4)) % 4));
  const headerLength = fields.headerLength ?? 20 + options.length;
  const flags =
    (fields.reservedFlag ? 0x8000 : 0) |
    (fields.dontFragment ? 0x4000 : 0) |
    (fields.moreFragments ? 0x2000 : 0);
  const header = concat(
    Uint8Array.of(((fields.version ?? 4) << 4) | (headerLength / 4), fields.tos ?? 0),
    u16(fields.totalLength ?? 20 + options.length + payload.length),
    u16(fields.identification ?? 0),
    u16(flags | ((fields.offset ?? 0) / 8)),
    Uint8Array.of(fields.ttl ?? 64, fields.protocol),
    u16(0),
    addressBytes(fields.source),
    addressBytes(fields.destination),
    options,
  );
  header.set(u16(fields.checksum ?? internetChecksum(header)), 10);
  return concat(header, payload);
}

export interface Ipv6Fields {
  source: string;
  destination: string;
  nextHeader: number;
  payload?: Uint8Array;
  hopLimit?: number;
  trafficClass?: number;
  /** To lie about. */
  payloadLength?: number;
}

export function ipv6(fields: Ipv6Fields): Uint8Array {
  const payload = fields.payload ?? new Uint8Array(0);
  return concat(
    u32((0x60000000 | ((fields.trafficClass ?? 0) << 20)) >>> 0),
    u16(fields.payloadLength ?? payload.length),
    Uint8Array.of(fields.nextHeader, fields.hopLimit ?? 64),
    addressBytes(fields.source),
    addressBytes(fields.destination),
    payload,
  );
}

/** The pseudo-header of RFC 9293 §3.1 or RFC 8200 §8.1, by the addresses' family. */
export function pseudoHeader(
  source: string,
  destination: string,
  protocol: number,
  length: number,
): Uint8Array {
  const addresses = concat(addressBytes(source), addressBytes(destination));
  return addresses.length === 8
    ? concat(addresses, Uint8Array.of(0, protocol), u16(length))
    : concat(addresses, u32(length), Uint8Array.of(0, 0, 0, protocol));
}

export interface UdpFields {
  source: string;
  destination: string;
  sourcePort: number;
  destinationPort: number;
  data?: Uint8Array;
  /** To lie about. */
  length?: number;
  checksum?: number;
}

/** A UDP header with its data, without IP. */
export function udp(fields: UdpFields): Uint8Array {
  const data = fields.data ?? new Uint8Array(0);
  const length = fields.length ?? 8 + data.length;
  const datagram = concat(u16(fields.sourcePort), u16(fields.destinationPort), u16(length), u16(0), data);
  const sum = internetChecksum(pseudoHeader(fields.source, fields.destination, 17, length), datagram);
  datagram.set(u16(fields.checksum ?? (sum === 0 ? 0xffff : sum)), 6);
  return datagram;
}

/** A whole UDP packet of the addresses' family. */
export function udpPacket(fields: UdpFields): Uint8Array {
  return ipPacket(fields.source, fields.destination, 17, udp(fields));
}

/** Around `payload`, a plain IP header of the addresses' family. */
export function ipPacket(
  source: string,
  destination: string,
  protocol: number,
  payload: Uint8Array,
): Uint8Array {
  return source.includes(':')
    ? ipv6({ source, destination, nextHeader: protocol, payload })
    : ipv4({ source, destination, protocol, payload });
}

export interface IcmpFields {
  source: string;
  destination: string;
  type: number;
  code?: number;
  /** The second word of the header. */
  rest?: number;
  data?: Uint8Array;
  /** To lie about. */
  checksum?: number;
}

/** An ICMP or ICMPv6 message, by the addresses' family, without IP. */
export function icmp(fields: IcmpFields): Uint8Array {
  const data = fields.data ?? new Uint8Array(0);
  const message = concat(Uint8Array.of(fields.type, fields.code ?? 0), u16(0), u32(fields.rest ?? 0), data);
  const pseudo = fields.source.includes(':')
    ? pseudoHeader(fields.source, fields.destination, 58, message.length)
    : new Uint8Array(0);
  message.set(u16(fields.checksum ?? internetChecksum(pseudo, message)), 2);
  return message;
}

export function icmpPacket(fields: IcmpFields): Uint8Array {
  return ipPacket(fields.source, fields.destination, fields.source.includes(':') ? 58 : 1, icmp(fields));
}

/** The header that marks an IPv6 fragment, with its part of the data. */
export function ipv6FragmentHeader(fields: {
  nextHeader: number;
  offset: number;
  more: boolean;
  identification: number;
}): Uint8Array {
  return concat(
    Uint8Array.of(fields.nextHeader, 0),
    u16(fields.offset | (fields.more ? 1 : 0)),
    u32(fields.identification),
  );
}

export interface FragmentFields {
  source: string;
  destination: string;
  protocol: number;
  identification: number;
  /** In bytes. */
  offset: number;
  more: boolean;
  tos?: number;
  payload: Uint8Array;
}

/** One fragment, of the addresses' family. */
export function fragment(fields: FragmentFields): Uint8Array {
  const { source, destination, protocol, offset, more, identification, tos, payload } = fields;
  if (!source.includes(':'))
    return ipv4({ source, destination, protocol, tos, identification, offset, moreFragments: more, payload });
  const header = ipv6FragmentHeader({ nextHeader: protocol, offset, more, identification });
  return ipv6({ source, destination, nextHeader: 44, trafficClass: tos, payload: concat(header, payload) });
}

/** Cuts a packet without options or extension headers into fragments with `size` bytes of data each. */
export function cut(packet: Uint8Array, size: number, identification: number): Uint8Array[] {
  const isIpv4 = packet[0]! >> 4 === 4;
  const header = isIpv4 ? 20 : 40;
  const addresses = packet.slice(isIpv4 ? 12 : 8, header);
  const source = new IpAddress(addresses.slice(0, addresses.length / 2)).toString();
  const destination = new IpAddress(addresses.slice(addresses.length / 2)).toString();
  const protocol = packet[isIpv4 ? 9 : 6]!;
  const data = packet.subarray(header);
  const fragments: Uint8Array[] = [];
  for (let offset = 0; offset < data.length; offset += size) {
    const more = offset + size < data.length;
    const payload = data.slice(offset, offset + size);
    fragments.push(fragment({ source, destination, protocol, identification, offset, more, payload }));
  }
  return fragments;
}
