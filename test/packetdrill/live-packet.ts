// A packet that left, taken apart: as far as a script can ask for it.
import { IpAddress } from '../../src/core/address.ts';
import { checksum, type Ends, FLAG_BITS, pseudoHeader, TCP, UDP } from './packet-bytes.ts';
import type { TcpOption } from './script.ts';

export interface LivePacket extends Ends {
  /** In the host's time, ms. */
  readonly at: number;
  readonly tos: number;
  readonly ttl: number;
  readonly body: LiveSegment | LiveDatagram | LiveIcmp;
}

export interface LiveSegment {
  readonly protocol: 'tcp';
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: string;
  readonly window: number;
  readonly urgent: number;
  readonly options: TcpOption[];
  readonly payload: Uint8Array;
}

export interface LiveDatagram {
  readonly protocol: 'udp';
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly length: number;
  readonly payload: Uint8Array;
}

export interface LiveIcmp {
  readonly protocol: 'icmp';
  readonly type: number;
  readonly code: number;
  /** Of an error: the length of the UDP message that it quotes. */
  readonly quotedLength: number | undefined;
}

const IPV4_TCP_UDP_START = 20;
const IPV6_START = 40;

/** Throws an Error that says what is wrong with a packet that nobody should have sent. */
export function readPacket(at: number, bytes: Uint8Array): LivePacket {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isIpv6 = bytes[0]! >> 4 === 6;
  const start = isIpv6 ? IPV6_START : IPV4_TCP_UDP_START;
  const addresses = isIpv6 ? 8 : 12;
  const version = isIpv6 ? 6 : 4;
  if (!isIpv6 && checksum(bytes.subarray(0, 20)) !== 0) throw new Error('the IPv4 checksum is wrong');
  const ends: Ends = {
    source: IpAddress.readFrom(bytes, addresses, version),
    destination: IpAddress.readFrom(bytes, addresses + (isIpv6 ? 16 : 4), version),
  };
  const length = isIpv6 ? 40 + view.getUint16(4) : view.getUint16(2);
  if (length !== bytes.length) throw new Error('the IP length is wrong');
  const protocol = bytes[isIpv6 ? 6 : 9]!;
  const payload = bytes.subarray(start);
  if (
    (protocol === TCP || protocol === UDP) &&
    checksum(pseudoHeader(ends, protocol, payload.length), payload) !== 0
  )
    throw new Error('the checksum is wrong');
  return {
    ...ends,
    at,
    tos: isIpv6 ? (view.getUint16(0) >> 4) & 0xff : bytes[1]!,
    ttl: bytes[isIpv6 ? 7 : 8]!,
    body: readBody(protocol, payload),
  };
}

function readBody(protocol: number, bytes: Uint8Array): LivePacket['body'] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (protocol !== TCP && protocol !== UDP)
    return { protocol: 'icmp', type: bytes[0]!, code: bytes[1]!, quotedLength: quotedLength(bytes) };
  const ports = { sourcePort: view.getUint16(0), destinationPort: view.getUint16(2) };
  if (protocol === UDP)
    return { protocol: 'udp', ...ports, length: bytes.length - 8, payload: bytes.subarray(8) };
  const header = (view.getUint8(12) >> 4) * 4;
  const bits = view.getUint8(13);
  return {
    protocol: 'tcp',
    ...ports,
    sequence: view.getInt32(4),
    acknowledgment: view.getInt32(8),
    flags: Object.keys(FLAG_BITS)
      .filter((letter) => bits & FLAG_BITS[letter]!)
      .join(''),
    window: view.getUint16(14),
    urgent: view.getUint16(18),
    options: readOptions(bytes.subarray(20, header)),
    payload: bytes.subarray(header),
  };
}

/** If it is UDP that stands behind the ICMP header and an IP header. */
function quotedLength(bytes: Uint8Array): number | undefined {
  const isIpv6 = bytes.length > 8 && bytes[8]! >> 4 === 6;
  const start = 8 + (isIpv6 ? IPV6_START : IPV4_TCP_UDP_START);
  if (bytes.length < start + 8 || bytes[isIpv6 ? 14 : 17] !== UDP) return undefined;
  return bytes[start + 4]! * 256 + bytes[start + 5]! - 8;
}

function readOptions(bytes: Uint8Array): TcpOption[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const options: TcpOption[] = [];
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at]!;
    if (kind < 2) {
      options.push({ kind: kind === 0 ? 'eol' : 'nop' });
      at++;
      continue;
    }
    options.push(readOption(view, at, kind));
    at += bytes[at + 1]!;
  }
  return options;
}

function readOption(view: DataView, at: number, kind: number): TcpOption {
  const length = view.getUint8(at + 1);
  switch (kind) {
    case 2:
      return { kind: 'mss', value: view.getUint16(at + 2) };
    case 3:
      return { kind: 'wscale', value: view.getUint8(at + 2) };
    case 4:
      return { kind: 'sackOK' };
    case 5: {
      const blocks = [];
      for (let block = at + 2; block < at + length; block += 8)
        blocks.push({ start: view.getInt32(block), end: view.getInt32(block + 4) });
      return { kind: 'sack', blocks };
    }
    case 8:
      return { kind: 'TS', value: view.getInt32(at + 2), echo: view.getInt32(at + 6) };
    default:
      throw new Error(`TCP option ${kind} is not one of ours`);
  }
}
