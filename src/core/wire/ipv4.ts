// IPv4 (RFC 791): a header of 20 to 60 bytes.
//
//    0                   1                   2                   3
//   |Version|  IHL  |   DSCP    |ECN|         Total length          |  0
//   |        Identification         |0|D|M|     Fragment offset     |  4
//   | Time to live  |   Protocol    |        Header checksum        |  8
//   |                        Source address                         | 12
//   |                     Destination address                       | 16

import { IpAddress } from '../address.ts';
import { sum16 } from './checksum.ts';
import { ERRONEOUS_FIELD, type ParameterProblem } from './parameter-problem.ts';

export const IPV4_HEADER_LENGTH = 20;
export const IPV4_MAX_LENGTH = 65_535;

export const IPV4_TOS = 1;
export const IPV4_TOTAL_LENGTH = 2;
export const IPV4_IDENTIFICATION = 4;
export const IPV4_FLAGS = 6;
export const IPV4_TTL = 8;
export const IPV4_PROTOCOL = 9;
export const IPV4_CHECKSUM = 10;
/** The source address; the destination address follows it. */
export const IPV4_ADDRESSES = 12;

export const IPV4_DONT_FRAGMENT = 0x4000;
export const IPV4_MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET_MASK = 0x1fff;

const OPTION_END = 0;
const OPTION_NO_OPERATION = 1;
const OPTION_LOOSE_SOURCE_ROUTE = 131;
const OPTION_STRICT_SOURCE_ROUTE = 137;

export type Ipv4Fault = 'ip-short' | 'ipv4-header-length' | 'ipv4-total-length' | 'ipv4-checksum';
export type Ipv4OptionFault = 'ipv4-options' | 'ipv4-source-route';

/** The header's length in bytes. */
export function ipv4HeaderLength(view: DataView, at: number): number {
  return (view.getUint8(at) & 15) * 4;
}

/** In bytes. */
export function ipv4FragmentOffset(view: DataView, at: number): number {
  return (view.getUint16(at + IPV4_FLAGS) & FRAGMENT_OFFSET_MASK) * 8;
}

export function ipv4MoreFragments(view: DataView, at: number): boolean {
  return (view.getUint16(at + IPV4_FLAGS) & IPV4_MORE_FRAGMENTS) !== 0;
}

/** Whether it is one of several fragments. The reserved bit is ignored (RFC 1122 §1.2.2). */
export function ipv4IsFragment(view: DataView, at: number): boolean {
  return (view.getUint16(at + IPV4_FLAGS) & (IPV4_MORE_FRAGMENTS | FRAGMENT_OFFSET_MASK)) !== 0;
}

/**
 * Checks the fixed header of the packet at [at, end), whose version is known to be 4; all else may be read once this
 * has found no fault. Bytes after the total length are for the caller to cut off.
 */
export function checkIpv4(view: DataView, at: number, end: number): Ipv4Fault | undefined {
  if (end - at < IPV4_HEADER_LENGTH) return 'ip-short';
  const headerLength = ipv4HeaderLength(view, at);
  if (headerLength < IPV4_HEADER_LENGTH) return 'ipv4-header-length';
  const totalLength = view.getUint16(at + IPV4_TOTAL_LENGTH);
  if (totalLength < headerLength || totalLength > end - at) return 'ipv4-total-length';
  if (sum16(view, at, at + headerLength) !== 0xffff) return 'ipv4-checksum';
  return undefined;
}

/**
 * Walks the options of a checked header. Source routes are refused (RFC 7126 §4.3.5, §4.4.5: they let a sender go
 * round filters); every other option is of no concern to a host that is the destination. `problem` is what to tell
 * the sender of a malformed one.
 */
export function checkIpv4Options(
  view: DataView,
  at: number,
  problem: ParameterProblem,
): Ipv4OptionFault | undefined {
  problem.clear();
  const end = at + ipv4HeaderLength(view, at);
  let option = at + IPV4_HEADER_LENGTH;
  while (option < end) {
    const type = view.getUint8(option);
    if (type === OPTION_END) return undefined;
    if (type === OPTION_NO_OPERATION) {
      option += 1;
      continue;
    }
    const length = option + 2 > end ? 0 : view.getUint8(option + 1);
    if (length < 2 || option + length > end) {
      problem.set(ERRONEOUS_FIELD, option - at);
      return 'ipv4-options';
    }
    if (type === OPTION_LOOSE_SOURCE_ROUTE || type === OPTION_STRICT_SOURCE_ROUTE) return 'ipv4-source-route';
    option += length;
  }
  return undefined;
}

/**
 * Writes a header without options at `at`. `fragment` is the flags and fragment offset field as it goes on the wire
 * (offset in units of eight bytes).
 */
export function writeIpv4(
  view: DataView,
  at: number,
  totalLength: number,
  identification: number,
  fragment: number,
  ttl: number,
  protocol: number,
  tos: number,
  source: IpAddress,
  destination: IpAddress,
): void {
  view.setUint8(at, 0x45);
  view.setUint8(at + IPV4_TOS, tos);
  view.setUint16(at + IPV4_TOTAL_LENGTH, totalLength);
  view.setUint16(at + IPV4_IDENTIFICATION, identification);
  view.setUint16(at + IPV4_FLAGS, fragment);
  view.setUint8(at + IPV4_TTL, ttl);
  view.setUint8(at + IPV4_PROTOCOL, protocol);
  source.writeTo(view, at + IPV4_ADDRESSES);
  destination.writeTo(view, at + IPV4_ADDRESSES + 4);
  writeIpv4Checksum(view, at);
}

/** Computes the header checksum anew, after a change in the header at `at`. */
export function writeIpv4Checksum(view: DataView, at: number): void {
  view.setUint16(at + IPV4_CHECKSUM, 0);
  view.setUint16(at + IPV4_CHECKSUM, ~sum16(view, at, at + ipv4HeaderLength(view, at)) & 0xffff);
}

/** One line for people: `10.0.0.2 > 10.0.0.1 protocol 17 length 84 ttl 64`. */
export function printIpv4(memory: Uint8Array, view: DataView, at: number): string {
  const source = IpAddress.readFrom(memory, at + IPV4_ADDRESSES, 4);
  const destination = IpAddress.readFrom(memory, at + IPV4_ADDRESSES + 4, 4);
  const length = view.getUint16(at + IPV4_TOTAL_LENGTH);
  const fragment = ipv4IsFragment(view, at)
    ? ` fragment ${ipv4FragmentOffset(view, at)}${ipv4MoreFragments(view, at) ? '+' : ''} of id ${view.getUint16(at + IPV4_IDENTIFICATION)}`
    : '';
  return `${source} > ${destination} protocol ${view.getUint8(at + IPV4_PROTOCOL)} length ${length} ttl ${view.getUint8(at + IPV4_TTL)}${fragment}`;
}
