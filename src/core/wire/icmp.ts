// ICMP (RFC 792) and ICMPv6 (RFC 4443): a header of 8 bytes, of which the last four differ from type to type.
//
//   |     Type      |     Code      |           Checksum            |  0
//   |  echo: identifier, sequence   |  errors: unused (zero)        |  4
//   |  echo: data                   |  errors: the packet quoted    |  8

import { pseudoHeaderSum, sum16 } from './checksum.ts';
import { PROTOCOL_ICMPV6 } from './protocols.ts';

export const ICMP_HEADER_LENGTH = 8;

export const ICMP_ECHO_REPLY = 0;
export const ICMP_DESTINATION_UNREACHABLE = 3;
export const ICMP_ECHO_REQUEST = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETER_PROBLEM = 12;

/** Codes of ICMP_DESTINATION_UNREACHABLE that we send. */
export const ICMP_HOST_UNREACHABLE = 1;
export const ICMP_PROTOCOL_UNREACHABLE = 2;
export const ICMP_PORT_UNREACHABLE = 3;
export const ICMP_FRAGMENTATION_NEEDED = 4;
/** By somebody's policy (RFC 1812 §5.2.7.1). */
export const ICMP_PROHIBITED = 13;

export const ICMPV6_DESTINATION_UNREACHABLE = 1;
export const ICMPV6_PACKET_TOO_BIG = 2;
export const ICMPV6_TIME_EXCEEDED = 3;
export const ICMPV6_PARAMETER_PROBLEM = 4;
/** Types below it are errors (RFC 4443 §2.1). */
export const ICMPV6_INFORMATIONAL = 128;
export const ICMPV6_ECHO_REQUEST = 128;
export const ICMPV6_ECHO_REPLY = 129;

/** Codes of ICMPV6_DESTINATION_UNREACHABLE that we send. */
export const ICMPV6_PROHIBITED = 1;
export const ICMPV6_ADDRESS_UNREACHABLE = 3;
export const ICMPV6_PORT_UNREACHABLE = 4;

/** Of a time exceeded message, in both families: while waiting for fragments. */
export const REASSEMBLY_TIME_EXCEEDED = 1;

const TYPE = 0;
const CODE = 1;
const CHECKSUM = 2;
const REST = 4;
const SEQUENCE = 6;

export type IcmpFault = 'icmp-short' | 'icmp-checksum';

export function icmpType(view: DataView, at: number): number {
  return view.getUint8(at + TYPE);
}

export function icmpCode(view: DataView, at: number): number {
  return view.getUint8(at + CODE);
}

export function echoIdentifier(view: DataView, at: number): number {
  return view.getUint16(at + REST);
}

export function echoSequence(view: DataView, at: number): number {
  return view.getUint16(at + SEQUENCE);
}

/** What a "too big" message says of the next link: bytes of whole packet; IPv4's old routers say 0 (RFC 1191 §4). */
export function nextHopMtu(view: DataView, at: number, version: 4 | 6): number {
  return version === 4 ? view.getUint16(at + SEQUENCE) : view.getUint32(at + REST);
}

export function echoRequestType(version: 4 | 6): number {
  return version === 4 ? ICMP_ECHO_REQUEST : ICMPV6_ECHO_REQUEST;
}

export function echoReplyType(version: 4 | 6): number {
  return version === 4 ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY;
}

/** Checks the message at [at, end). `addresses` is where the IP addresses lie; only ICMPv6 sums them up too. */
export function checkIcmp(
  view: DataView,
  at: number,
  end: number,
  version: 4 | 6,
  addresses: number,
): IcmpFault | undefined {
  if (end - at < ICMP_HEADER_LENGTH) return 'icmp-short';
  const sum = version === 4 ? 0 : pseudoHeaderSum(view, addresses, version, PROTOCOL_ICMPV6, end - at);
  return sum16(view, at, end, sum) === 0xffff ? undefined : 'icmp-checksum';
}

/**
 * Writes the header at `at` in front of what the message at [at, end) already holds, and the checksum over all of it.
 * `rest` is the second word: identifier and sequence of an echo, zero in the errors we send. `addressSum` is the
 * folded sum of the two IP addresses.
 */
export function writeIcmp(
  view: DataView,
  at: number,
  end: number,
  version: 4 | 6,
  type: number,
  code: number,
  rest: number,
  addressSum: number,
): void {
  view.setUint8(at + TYPE, type);
  view.setUint8(at + CODE, code);
  view.setUint16(at + CHECKSUM, 0);
  view.setUint32(at + REST, rest);
  const length = end - at;
  const sum = version === 4 ? 0 : addressSum + PROTOCOL_ICMPV6 + length;
  view.setUint16(at + CHECKSUM, ~sum16(view, at, end, sum) & 0xffff);
}

/** One line for people: `icmp echo request id 7 sequence 1`. */
export function printIcmp(view: DataView, at: number, version: 4 | 6): string {
  const type = icmpType(view, at);
  const name = version === 4 ? 'icmp' : 'icmpv6';
  if (type === echoRequestType(version) || type === echoReplyType(version)) {
    const kind = type === echoRequestType(version) ? 'request' : 'reply';
    return `${name} echo ${kind} id ${echoIdentifier(view, at)} sequence ${echoSequence(view, at)}`;
  }
  return `${name} type ${type} code ${icmpCode(view, at)}`;
}
