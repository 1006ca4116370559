// IPv6 (RFC 8200): a header of 40 bytes, then a chain of extension headers.
//
//    0                   1                   2                   3
//   |Version| Traffic class |              Flow label               |  0
//   |        Payload length         |  Next header  |   Hop limit   |  4
//   |                 Source address (16 bytes)                     |  8
//   |               Destination address (16 bytes)                  | 24

import { IpAddress } from '../address.ts';
import {
  ERRONEOUS_FIELD,
  ParameterProblem,
  UNKNOWN_NEXT_HEADER,
  UNKNOWN_OPTION,
} from './parameter-problem.ts';
import {
  PROTOCOL_DESTINATION_OPTIONS,
  PROTOCOL_FRAGMENT,
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
export const IPV6_FRAGMENT_OFFSET = 2;
const FRAGMENT_IDENTIFICATION = 4;

// RFC 8504 §5.3 lets a host bound the work an unusual chain makes; these are its suggestions.
const MAX_EXTENSION_HEADERS = 8;
const MAX_OPTIONS = 8;
const MAX_PADDING = 7;
/** Of all extension headers together, in bytes. */
export const MAX_CHAIN_LENGTH = 512;

const OPTION_PAD1 = 0;
const OPTION_PADN = 1;
/** The two highest bits of an option's type say what to do with one that is not known (RFC 8200 §4.2). */
const OPTION_ACTION = 0xc0;
const SKIP = 0x00;
const DISCARD = 0x40;
const DISCARD_AND_TELL = 0x80;

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
 * the caller to cut off. An empty payload under any next header but "none" is nothing at all; under hop-by-hop options
 * it would be a jumbogram, which the walk along them finds out.
 */
export function checkIpv6(view: DataView, at: number, end: number): Ipv6Fault | undefined {
  if (end - at < IPV6_HEADER_LENGTH) return 'ip-short';
  const payloadLength = view.getUint16(at + IPV6_PAYLOAD_LENGTH);
  if (payloadLength > end - at - IPV6_HEADER_LENGTH) return 'ipv6-payload-length';
  if (payloadLength > 0) return undefined;
  const nextHeader = view.getUint8(at + IPV6_NEXT_HEADER);
  const mayBeEmpty = nextHeader === PROTOCOL_NO_NEXT_HEADER || nextHeader === PROTOCOL_HOP_BY_HOP;
  return mayBeEmpty ? undefined : 'ipv6-payload-length';
}

/** DSCP and ECN bits. */
export function ipv6TrafficClass(view: DataView, at: number): number {
  return (view.getUint16(at) >> 4) & 255;
}

/** In bytes; `at` is the fragment header's. */
export function ipv6FragmentOffset(view: DataView, at: number): number {
  return view.getUint16(at + IPV6_FRAGMENT_OFFSET) & 0xfff8;
}

export function ipv6MoreFragments(view: DataView, at: number): boolean {
  return (view.getUint16(at + IPV6_FRAGMENT_OFFSET) & 1) !== 0;
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
  /** Extension headers passed. */
  headers = 0;
  /** After a fault: what to tell the sender. */
  readonly problem: ParameterProblem = new ParameterProblem();
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
  chain.headers = 0;
  return continueChain(view, start, end, chain);
}

/** The same, onward from the fragment header at which `chain` stands, for a packet that is whole after all. */
export function walkPastFragmentHeader(
  view: DataView,
  start: number,
  end: number,
  chain: ExtensionChain,
): ExtensionFault | undefined {
  chain.problem.clear();
  if (chain.at + IPV6_FRAGMENT_HEADER_LENGTH > end) return 'ipv6-extension-length';
  chain.headers++;
  chain.namedAt = chain.at;
  chain.protocol = view.getUint8(chain.at);
  chain.at += IPV6_FRAGMENT_HEADER_LENGTH;
  return continueChain(view, start, end, chain);
}

/**
 * After a fault: goes on from there to the upper layer without looking at what is in between, so that one knows what
 * the packet is; it may end before. False for a later fragment, and for a chain that does not end.
 */
export function skipToUpperLayer(view: DataView, end: number, chain: ExtensionChain): boolean {
  while (isExtensionHeader(chain.protocol) || chain.protocol === PROTOCOL_FRAGMENT) {
    if (++chain.headers > MAX_EXTENSION_HEADERS) return false;
    if (chain.at + 8 > end) return true;
    const isFragment = chain.protocol === PROTOCOL_FRAGMENT;
    if (isFragment && ipv6FragmentOffset(view, chain.at) !== 0) return false;
    const length = isFragment ? IPV6_FRAGMENT_HEADER_LENGTH : (view.getUint8(chain.at + 1) + 1) * 8;
    chain.protocol = view.getUint8(chain.at);
    chain.at += length;
  }
  return true;
}

function continueChain(
  view: DataView,
  start: number,
  end: number,
  chain: ExtensionChain,
): ExtensionFault | undefined {
  chain.problem.clear();
  for (; isExtensionHeader(chain.protocol); chain.headers++) {
    if (chain.headers >= MAX_EXTENSION_HEADERS) return 'ipv6-extension-limit';
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
    if (view.getUint8(chain.at + 3) === 0) return undefined;
    chain.problem.set(ERRONEOUS_FIELD, chain.at + 2 - start);
    return 'ipv6-routing-header';
  }
  // Hop-by-hop options come directly after the fixed header or not at all (RFC 8200 §4.1).
  if (chain.protocol === PROTOCOL_HOP_BY_HOP && chain.at !== start + IPV6_HEADER_LENGTH) {
    chain.problem.set(UNKNOWN_NEXT_HEADER, chain.namedAt - start);
    return 'ipv6-extension-order';
  }
  return checkOptions(view, start, chain, next);
}

/** The options of a hop-by-hop or destination options header (RFC 8200 §4.2). We know none but padding. */
function checkOptions(
  view: DataView,
  start: number,
  chain: ExtensionChain,
  end: number,
): ExtensionFault | undefined {
  let at = chain.at + 2;
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
    if (type === OPTION_PADN) {
      if ((padding += length) > MAX_PADDING) return 'ipv6-extension-limit';
    } else {
      padding = 0;
      if (++options > MAX_OPTIONS) return 'ipv6-extension-limit';
      const action = type & OPTION_ACTION;
      if (action !== SKIP) {
        if (action !== DISCARD) chain.problem.set(UNKNOWN_OPTION, at - start, action === DISCARD_AND_TELL);
        return 'ipv6-option';
      }
    }
    at += length;
  }
  return undefined;
}

/** Writes the fixed header at `at`; `payloadLength` is that of everything after it. */
export function writeIpv6(
  view: DataView,
  at: number,
  payloadLength: number,
  nextHeader: number,
  hopLimit: number,
  trafficClass: number,
  source: IpAddress,
  destination: IpAddress,
  flowLabel = 0,
): void {
  view.setUint32(at, 0x60000000 | (trafficClass << 20) | flowLabel);
  view.setUint16(at + IPV6_PAYLOAD_LENGTH, payloadLength);
  view.setUint8(at + IPV6_NEXT_HEADER, nextHeader);
  view.setUint8(at + IPV6_HOP_LIMIT, hopLimit);
  source.writeTo(view, at + IPV6_ADDRESSES);
  destination.writeTo(view, at + IPV6_ADDRESSES + 16);
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
  view.setUint16(at + IPV6_FRAGMENT_OFFSET, offset | (moreFragments ? 1 : 0));
  view.setUint32(at + FRAGMENT_IDENTIFICATION, identification);
}

/** One line for people: `fd00::2 > fd00::1 next header 58 payload 64 hop limit 64`. */
export function printIpv6(memory: Uint8Array, view: DataView, at: number): string {
  const source = IpAddress.readFrom(memory, at + IPV6_ADDRESSES, 6);
  const destination = IpAddress.readFrom(memory, at + IPV6_ADDRESSES + 16, 6);
  return `${source} > ${destination} next header ${view.getUint8(at + IPV6_NEXT_HEADER)} payload ${view.getUint16(at + IPV6_PAYLOAD_LENGTH)} hop limit ${view.getUint8(at + IPV6_HOP_LIMIT)}`;
}
