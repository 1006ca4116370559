import type { PacketBuffer } from '../packet-buffer.ts';
import {
  IPV4_ADDRESSES,
  IPV4_HEADER_LENGTH,
  IPV4_PROTOCOL,
  IPV4_TOS,
  IPV4_TOTAL_LENGTH,
  IPV4_TTL,
  ipv4FragmentOffset,
  ipv4HeaderLength,
} from '../wire/ipv4.ts';
import {
  ExtensionChain,
  IPV6_ADDRESSES,
  IPV6_HEADER_LENGTH,
  IPV6_HOP_LIMIT,
  IPV6_PAYLOAD_LENGTH,
  ipv6FragmentOffset,
  ipv6TrafficClass,
  walkExtensionHeaders,
  walkPastFragmentHeader,
} from '../wire/ipv6.ts';
import { PROTOCOL_FRAGMENT } from '../wire/protocols.ts';
import type { IpHeaderInfo } from './ip-layer.ts';
import type { LocalAddresses } from './local-addresses.ts';

/** What a router quotes of the transport header, at least (RFC 792): ports, or an echo's identifier. */
const MINIMUM_TRANSPORT = 8;

/** The IP header of a packet quoted in an ICMP error: its source is us, or who we stand in for. */
export class QuotedHeader implements IpHeaderInfo {
  version: 4 | 6 = 4;
  addresses = 0;
  protocol = 0;
  ttl = 0;
  tos = 0;
  readonly chain = new ExtensionChain();
}

/**
 * Reads the quoted packet with which `packet` begins, and moves its start to the quoted transport header. False when
 * it is none of ours or not enough of it is there. Lengths and checksums in a quote prove nothing (others may have
 * changed them, or cut it short); only bytes that are present count.
 */
export function readQuote(
  packet: PacketBuffer,
  version: 4 | 6,
  addresses: LocalAddresses,
  quoted: QuotedHeader,
): boolean {
  const { view, start } = packet;
  if (packet.length < IPV4_HEADER_LENGTH || view.getUint8(start) >> 4 !== version) return false;
  quoted.version = version;
  const isRead = version === 4 ? readIpv4Quote(packet, quoted) : readIpv6Quote(packet, quoted);
  return (
    isRead &&
    packet.length >= MINIMUM_TRANSPORT &&
    (addresses.isLocalAt(packet.memory, quoted.addresses, version) ||
      addresses.isForeignAt(packet.memory, quoted.addresses, version))
  );
}

/** How long the quoted packet was, by its own word; 0 if not even that is quoted. */
export function quotedLength(packet: PacketBuffer, version: 4 | 6): number {
  const { view, start } = packet;
  if (packet.length < IPV4_HEADER_LENGTH) return 0;
  return version === 4
    ? view.getUint16(start + IPV4_TOTAL_LENGTH)
    : IPV6_HEADER_LENGTH + view.getUint16(start + IPV6_PAYLOAD_LENGTH);
}

function readIpv4Quote(packet: PacketBuffer, quoted: QuotedHeader): boolean {
  const { view, start, end } = packet;
  const headerLength = ipv4HeaderLength(view, start);
  if (headerLength < IPV4_HEADER_LENGTH || start + headerLength > end) return false;
  if (ipv4FragmentOffset(view, start) !== 0) return false;
  quoted.addresses = start + IPV4_ADDRESSES;
  quoted.protocol = view.getUint8(start + IPV4_PROTOCOL);
  quoted.ttl = view.getUint8(start + IPV4_TTL);
  quoted.tos = view.getUint8(start + IPV4_TOS);
  packet.start = start + headerLength;
  return true;
}

function readIpv6Quote(packet: PacketBuffer, quoted: QuotedHeader): boolean {
  const { view, start, end } = packet;
  const { chain } = quoted;
  if (start + IPV6_HEADER_LENGTH > end || walkExtensionHeaders(view, start, end, chain)) return false;
  if (chain.protocol === PROTOCOL_FRAGMENT) {
    if (chain.at + MINIMUM_TRANSPORT > end || ipv6FragmentOffset(view, chain.at) !== 0) return false;
    if (walkPastFragmentHeader(view, start, end, chain)) return false;
  }
  if (chain.at > end) return false;
  quoted.addresses = start + IPV6_ADDRESSES;
  quoted.protocol = chain.protocol;
  quoted.ttl = view.getUint8(start + IPV6_HOP_LIMIT);
  quoted.tos = ipv6TrafficClass(view, start);
  packet.start = chain.at;
  return true;
}
