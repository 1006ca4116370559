// IPv6 (RFC 8200): a header of 40 bytes, then a chain of extension headers.
//
//    0                   1                   2                   3
//   |Version| Traffic class |              Flow label               |  0
//   |        Payload length         |  Next header  |   Hop limit   |  4
//   |                 Source address (16 bytes)                     |  8
//   |               Destination address (16 bytes)                  | 24

import { IpAddress } from '../address.ts';
import {
  PROTOCOL_DESTINATION_OPTIONS,
  PROTOCOL_HOP_BY_HOP,
  PROTOCOL_NO_NEXT_HEADER,
  PROTOCOL_ROUTING,
} from './protocols.ts';

export const IPV6_HEADER_LENGTH = 40;
export const IPV6_MAX_PAYLOAD = 65_535;
/** No link carries less (RFC 8200 §5). */
export const IPV6_MINIMUM_MTU = 1280;

export const IPV6_PAYLOAD_LENGTH = 4;
export const IPV6_NEXT_HEADER = 6;
export const IPV6_HOP_LIMIT = 7;
/** The source address; the destination address follows it. */
export const IPV6_ADDRESSES = 8;

export const IPV6_FRAGMENT_HEADER_LENGTH = 8;
const FRAGMENT_OFFSET = 2;
const FRAGMENT_IDENTIFICATION = 4;

// RFC 8504 §5.3 lets a host bound the work an unusual chain makes; these are its suggestions.
const MAX_EXTENSION_HEADERS = 8;
const MAX_OPTIONS = 8;
const MAX_PADDING = 7;
/** Of all extension headers together, in bytes. */
export const MAX_CHAIN_LENGTH = 512;

const OPTION_PAD1 = 0;
const OPTION_PADN = 1;

export type Ipv6Fault = 'ip-short' | 'ipv6-payload-length';
export type ExtensionFault =
  | 'ipv6-extension-length'
  | 'ipv6-extension-order'
  | 'ipv6-extension-limit'
  | 'ipv6-option'
  | 'ipv6-routing-header'
  | 'ipv6-no-next-header';

/**
 * Checks the fixed header of the packet at [at, end), whose version is known to be 6. Bytes after the payload are for
 * the caller to cut off. An empty payload under any next header but "none" would be a jumbogram, or nothing at all.
 */
export function checkIpv6(view: DataView, at: number, end: number): Ipv6Fault | undefined {
  if (end - at < IPV6_HEADER_LENGTH) return 'ip-short';
  const payloadLength = view.getUint16(at + IPV6_PAYLOAD_LENGTH);
  if (payloadLength > end - at - IPV6_HEADER_LENGTH) return 'ipv6-payload-length';
  if (payloadLength === 0 && view.getUint8(at + IPV6_NEXT_HEADER) !== PROTOCOL_NO_NEXT_HEADER)
    return 'ipv6-payload-length';
  return undefined;
}

/** DSCP and ECN bits. */
export function ipv6TrafficClass(view: DataView, at: number): number {
  return (view.getUint16(at) >> 4) & 255;
}

/** In bytes; `at` is the fragment header's. */
export function ipv6FragmentOffset(view: DataView, at: number): number {
  return view.getUint16(at + FRAGMENT_OFFSET) & 0xfff8;
}

export function ipv6MoreFragments(view: DataView, at: number): boolean {
  return (view.getUint16(at + FRAGMENT_OFFSET) & 1) !== 0;
}

export function ipv6FragmentIdentification(view: DataView, at: number): number {
  return view.getUint32(at + FRAGMENT_IDENTIFICATION);
}

/** Where a walk along a packet's extension headers came to stand: at the upper layer, or at a fragment header. */
export class ExtensionChain {
  /** The upper layer's protocol, or PROTOCOL_FRAGMENT. */
  protocol = 0;
  /** Where that header begins. */
  at = 0;
  /** Where the next-header field lies that named it. */
  namedAt = 0;
}

/**
 * Walks the extension headers of the packet at [start, end), strictly in order (RFC 8200 §4), up to the first header
 * that is none or to a fragment header, and notes in `chain` where it stands.
 */
export function walkExtensionHeaders(
  view: DataView,
  start: number,
  end: number,
  chain: ExtensionChain,
): ExtensionFault | undefined {
  chain.namedAt = start + IPV6_NEXT_HEADER;
  chain.protocol = view.getUint8(chain.namedAt);
  chain.at = start + IPV6_HEADER_LENGTH;
  return continueChain(view, start, end, chain);
}

/** The same, onward from the fragment header at which `chain` stands, for a packet that is whole after all. */
export function walkPastFragmentHeader(
  view: DataView,
  start: number,
  end: number,
  chain: ExtensionChain,
): ExtensionFault | undefined {
  if (chain.at + IPV6_FRAGMENT_HEADER_LENGTH > end) return 'ipv6-extension-length';
  chain.namedAt = chain.at;
  chain.protocol = view.getUint8(chain.at);
  chain.at += IPV6_FRAGMENT_HEADER_LENGTH;
  return continueChain(view, start, end, chain);
}

function continueChain(
  view: DataView,
  start: number,
  end: number,
  chain: ExtensionChain,
): ExtensionFault | undefined {
  for (let headers = 0; isExtensionHeader(chain.protocol); headers++) {
    if (headers >= MAX_EXTENSION_HEADERS) return 'ipv6-extension-limit';
    if (chain.at + 8 > end) return 'ipv6-extension-length';
    const next = chain.at + (view.getUint8(chain.at + 1) + 1) * 8;
    if (next > end) return 'ipv6-extension-length';
    if (next - start - IPV6_HEADER_LENGTH > MAX_CHAIN_LENGTH) return 'ipv6-extension-limit';
    const fault = checkExtensionHeader(view, start, chain, next);
    if (fault) return fault;
    chain.namedAt = chain.at;
    chain.protocol = view.getUint8(chain.at);
    chain.at = next;
  }
  return chain.protocol === PROTOCOL_NO_NEXT_HEADER ? 'ipv6-no-next-header' : undefined;
}

function isExtensionHeader(protocol: number): boolean {
  return (
    protocol === PROTOCOL_HOP_BY_HOP ||
    protocol === PROTOCOL_DESTINATION_OPTIONS ||
    protocol === PROTOCOL_ROUTING
  );
}

function checkExtensionHeader(
  view: DataView,
  start: number,
  chain: ExtensionChain,
  next: number,
): ExtensionFault | undefined {
  if (chain.protocol === PROTOCOL_ROUTING) {
    // Whatever its type, one that is used up is passed over, and we forward for nobody (RFC 8200 §4.4, RFC 5095).
    return view.getUint8(chain.at + 3) === 0 ? undefined : 'ipv6-routing-header';
  }
  // Hop-by-hop options come directly after the fixed header or not at all (RFC 8200 §4.1).
  if (chain.protocol === PROTOCOL_HOP_BY_HOP && chain.at !== start + IPV6_HEADER_LENGTH)
    return 'ipv6-extension-order';
  return checkOptions(view, chain.at + 2, next);
}

/** The options of a hop-by-hop or destination options header (RFC 8200 §4.2). We know none but padding. */
function checkOptions(view: DataView, at: number, end: number): ExtensionFault | undefined {
  let options = 0;
  let padding = 0;
  while (at < end) {
    const type = view.getUint8(at);
    if (type === OPTION_PAD1) {
      if (++padding > MAX_PADDING) return 'ipv6-extension-limit';
      at += 1;
      continue;
    }
    if (at + 2 > end) return 'ipv6-option';
    const length = 2 + view.getUint8(at + 1);
    if (at + length > end) return 'ipv6-option';
    at += length;
    if (type === OPTION_PADN) {
      if ((padding += length) > MAX_PADDING) return 'ipv6-extension-limit';
      continue;
    }
    padding = 0;
    if (++options > MAX_OPTIONS) return 'ipv6-extension-limit';
    // The two highest bits say what to do with an option one does not know: 00 is "skip", all others discard.
    if ((type & 0xc0) !== 0) return 'ipv6-option';
  }
  return undefined;
}

/** Writes the fixed header at `at`; `payloadLength` is that of everything after it. The flow label is zero. */
export function writeIpv6(
  memory: Uint8Array,
  view: DataView,
  at: number,
  payloadLength: number,
  nextHeader: number,
  hopLimit: number,
  trafficClass: number,
  source: IpAddress,
  destination: IpAddress,
): void {
  view.setUint32(at, 0x60000000 | (trafficClass << 20));
  view.setUint16(at + IPV6_PAYLOAD_LENGTH, payloadLength);
  view.setUint8(at + IPV6_NEXT_HEADER, nextHeader);
  view.setUint8(at + IPV6_HOP_LIMIT, hopLimit);
  memory.set(source.bytes, at + IPV6_ADDRESSES);
  memory.set(destination.bytes, at + IPV6_ADDRESSES + 16);
}

/** Writes a fragment header (RFC 8200 §4.5); `offset` is in bytes, a multiple of eight. */
export function writeIpv6Fragment(
  view: DataView,
  at: number,
  nextHeader: number,
  offset: number,
  moreFragments: boolean,
  identification: number,
): void {
  view.setUint8(at, nextHeader);
  view.setUint8(at + 1, 0);
  view.setUint16(at + FRAGMENT_OFFSET, offset | (moreFragments ? 1 : 0));
  view.setUint32(at + FRAGMENT_IDENTIFICATION, identification);
}

/** One line for people: `fd00::2 > fd00::1 next header 58 payload 64 hop limit 64`. */
export function printIpv6(memory: Uint8Array, view: DataView, at: number): string {
  const source = IpAddress.readFrom(memory, at + IPV6_ADDRESSES, 6);
  const destination = IpAddress.readFrom(memory, at + IPV6_ADDRESSES + 16, 6);
  return `${source} > ${destination} next header ${view.getUint8(at + IPV6_NEXT_HEADER)} payload ${view.getUint16(at + IPV6_PAYLOAD_LENGTH)} hop limit ${view.getUint8(at + IPV6_HOP_LIMIT)}`;
}
