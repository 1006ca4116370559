// The way in: check the header (RFC 1122 §3.2.1, RFC 8200 §3), check who it says it is from and for, put fragments
// together, then hand it to TCP, UDP or ICMP. Each check that fails has a counter of its own.

import type { IpAddress } from '../address.ts';
import type { DropCounters } from '../counters.ts';
import type { PacketBuffer } from '../packet-buffer.ts';
import type { Instant, Pollable } from '../time.ts';
import { ICMP_HEADER_LENGTH } from '../wire/icmp.ts';
import {
  checkIpv4,
  checkIpv4Options,
  IPV4_ADDRESSES,
  IPV4_PROTOCOL,
  IPV4_TOS,
  IPV4_TOTAL_LENGTH,
  IPV4_TTL,
  ipv4FragmentOffset,
  ipv4HeaderLength,
  ipv4IsFragment,
} from '../wire/ipv4.ts';
import {
  checkIpv6,
  ExtensionChain,
  IPV6_ADDRESSES,
  IPV6_FRAGMENT_HEADER_LENGTH,
  IPV6_FRAGMENT_OFFSET,
  IPV6_HEADER_LENGTH,
  IPV6_HOP_LIMIT,
  IPV6_MAX_PAYLOAD,
  IPV6_PAYLOAD_LENGTH,
  ipv6FragmentOffset,
  ipv6MoreFragments,
  ipv6TrafficClass,
  skipToUpperLayer,
  walkExtensionHeaders,
  walkPastFragmentHeader,
} from '../wire/ipv6.ts';
import {
  ERRONEOUS_FIELD,
  INCOMPLETE_HEADER_CHAIN,
  ParameterProblem,
  UNKNOWN_NEXT_HEADER,
} from '../wire/parameter-problem.ts';
import {
  PROTOCOL_FRAGMENT,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_NO_NEXT_HEADER,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../wire/protocols.ts';
import { UDP_HEADER_LENGTH } from '../wire/udp.ts';
import type { NetStackDrop } from './drops.ts';
import type { IpHeaderInfo } from './ip-layer.ts';
import {
  isInterfaceLocalAt,
  isIpv4MartianAt,
  isIpv6MartianAt,
  type LocalAddresses,
} from './local-addresses.ts';
import { Reassembly } from './reassembly.ts';

const MINIMUM_TCP_HEADER = 20;

/** What is known of the packet being received. */
export class ReceivedHeader implements IpHeaderInfo {
  version: 4 | 6 = 4;
  addresses = 0;
  protocol = 0;
  ttl = 0;
  tos = 0;
  /** Where its IP header begins. */
  start = 0;
  /** The address of ours that it is for; undefined when it is for a group (broadcast or multicast) or loopback. */
  to: IpAddress | undefined;
  isForGroup = false;
  /** It is for another host, for which we stand in (foreign.ts); `to` is undefined then. */
  isForeign = false;
}

/** Who receives what IP carries. Each is lent the packet with its start moved to the transport's header. */
export interface Transports {
  receiveTcp(packet: PacketBuffer, header: ReceivedHeader, now: Instant): void;
  receiveUdp(packet: PacketBuffer, header: ReceivedHeader, now: Instant): void;
  receiveIcmp(packet: PacketBuffer, header: ReceivedHeader, now: Instant): void;
  /** An IPv4 protocol that we do not speak. */
  receiveUnknown(packet: PacketBuffer, header: ReceivedHeader, now: Instant): void;
  /** The first fragment of a packet of which the rest did not come in time. */
  receiveIncomplete(packet: PacketBuffer, header: ReceivedHeader, now: Instant): void;
  /** A header that we refuse, with what there is to say to the sender; its upper layer may not be known. */
  receiveFaulty(packet: PacketBuffer, header: ReceivedHeader, problem: ParameterProblem, now: Instant): void;
}

export class IpInput implements Pollable {
  readonly #addresses: LocalAddresses;
  readonly #reassembly: Reassembly;
  readonly #transports: Transports;
  readonly #drops: DropCounters<NetStackDrop>;
  readonly #header = new ReceivedHeader();
  readonly #chain = new ExtensionChain();
  readonly #problem = new ParameterProblem();

  constructor(addresses: LocalAddresses, transports: Transports, drops: DropCounters<NetStackDrop>) {
    this.#addresses = addresses;
    this.#transports = transports;
    this.#drops = drops;
    this.#reassembly = new Reassembly(drops, (first, now) => this.#reportIncomplete(first, now));
  }

  /** Of the packet being received. */
  get header(): ReceivedHeader {
    return this.#header;
  }

  /** A packet out of the tunnel, whose source WireGuard has checked against the peer's allowed IPs. */
  receive(packet: PacketBuffer, now: Instant): void {
    const drop = this.#check(packet, true) ?? this.#accept(packet, now);
    if (drop) this.#drops.count(drop);
  }

  /** A packet from ourselves: loopback addresses and our own are at home here. */
  receiveLoopback(packet: PacketBuffer, now: Instant): void {
    const drop = this.#check(packet, false) ?? this.#accept(packet, now);
    if (drop) this.#drops.count(drop);
  }

  pollAt(): Instant {
    return this.#reassembly.pollAt();
  }

  /** Gives up on fragments whose others did not come. */
  poll(now: Instant): void {
    this.#reassembly.poll(now);
  }

  /** Checks the fixed header and both addresses, and trims what is after the IP length: WireGuard pads with zeros. */
  #check(packet: PacketBuffer, isFromTunnel: boolean): NetStackDrop | undefined {
    if (packet.length === 0) return 'ip-short';
    const { view, start } = packet;
    const version = view.getUint8(start) >> 4;
    const header = this.#header;
    header.start = start;
    if (version === 4) {
      header.version = 4;
      header.addresses = start + IPV4_ADDRESSES;
      const fault = checkIpv4(view, start, packet.end);
      if (fault) return fault;
      packet.end = start + view.getUint16(start + IPV4_TOTAL_LENGTH);
      return this.#checkIpv4Addresses(packet, isFromTunnel);
    }
    if (version === 6) {
      header.version = 6;
      header.addresses = start + IPV6_ADDRESSES;
      const fault = checkIpv6(view, start, packet.end);
      if (fault) return fault;
      const payloadLength = view.getUint16(start + IPV6_PAYLOAD_LENGTH);
      // Without a length it can only be a jumbogram, whose option is in what follows.
      if (payloadLength > 0) packet.end = start + IPV6_HEADER_LENGTH + payloadLength;
      return this.#checkIpv6Addresses(packet, isFromTunnel);
    }
    return 'ip-version';
  }

  #checkIpv4Addresses(packet: PacketBuffer, isFromTunnel: boolean): NetStackDrop | undefined {
    const { memory } = packet;
    const source = this.#header.addresses;
    this.#lookUpDestination(memory, source + 4);
    if (!isFromTunnel) return undefined;
    if (isIpv4MartianAt(memory, source) || this.#addresses.isBroadcastAt(memory, source)) return 'ip-source';
    if (this.#addresses.ownAt(memory, source, 4)) return 'ip-source-is-ours';
    return this.#isForUs(memory, source + 4) ? undefined : 'ip-destination';
  }

  #checkIpv6Addresses(packet: PacketBuffer, isFromTunnel: boolean): NetStackDrop | undefined {
    const { memory } = packet;
    const source = this.#header.addresses;
    const destination = source + 16;
    this.#lookUpDestination(memory, destination);
    if (!isFromTunnel) return undefined;
    if (isIpv6MartianAt(memory, source)) return 'ip-source';
    if (this.#addresses.ownAt(memory, source, 6)) return 'ip-source-is-ours';
    if (isInterfaceLocalAt(memory, destination)) return 'ip-destination';
    return this.#isForUs(memory, destination) ? undefined : 'ip-destination';
  }

  #lookUpDestination(memory: Uint8Array, offset: number): void {
    const header = this.#header;
    header.to = this.#addresses.ownAt(memory, offset, header.version);
    header.isForGroup = !header.to && this.#addresses.isOurGroupAt(memory, offset, header.version);
    header.isForeign = false;
  }

  /** After `#lookUpDestination`, of a packet from the tunnel. */
  #isForUs(memory: Uint8Array, destination: number): boolean {
    const header = this.#header;
    if (header.to || header.isForGroup) return true;
    header.isForeign = this.#addresses.isForeignAt(memory, destination, header.version);
    return header.isForeign;
  }

  #accept(packet: PacketBuffer, now: Instant): NetStackDrop | undefined {
    return this.#header.version === 4 ? this.#acceptIpv4(packet, now) : this.#acceptIpv6(packet, now);
  }

  #acceptIpv4(packet: PacketBuffer, now: Instant): NetStackDrop | undefined {
    const { view, start } = packet;
    const fault = checkIpv4Options(view, start, this.#problem);
    if (fault) {
      this.#reportIpv4Fault(packet, now);
      return fault;
    }
    if (ipv4IsFragment(view, start)) {
      const whole = this.#reassembly.receiveIpv4(packet, now);
      if (whole) this.#acceptReassembled(whole, now);
      return undefined;
    }
    const header = this.#header;
    readIpv4Header(packet, header);
    packet.start = start + ipv4HeaderLength(view, start);
    return this.#deliver(packet, PROTOCOL_ICMP, now);
  }

  #acceptIpv6(packet: PacketBuffer, now: Instant, isReassembled = false): NetStackDrop | undefined {
    const { view, start, end } = packet;
    const chain = this.#chain;
    const isEmpty = view.getUint16(start + IPV6_PAYLOAD_LENGTH) === 0;
    let fault: NetStackDrop | undefined = walkExtensionHeaders(view, start, end, chain);
    if (!fault && chain.protocol === PROTOCOL_FRAGMENT) {
      if (chain.at + IPV6_FRAGMENT_HEADER_LENGTH > end) return 'ipv6-extension-length';
      if (isReassembled || isEmpty) return 'fragment-malformed';
      const isFirst = ipv6FragmentOffset(view, chain.at) === 0;
      if (!isFirst || ipv6MoreFragments(view, chain.at)) return this.#collectIpv6(packet, isFirst, now);
      // "Atomic": a fragment header on a whole packet, which is no matter for reassembly (RFC 6946 §4).
      fault = walkPastFragmentHeader(view, start, end, chain);
      if (!fault && chain.protocol === PROTOCOL_FRAGMENT) fault = 'fragment-malformed';
    }
    if (fault) {
      this.#reportIpv6Fault(packet, now);
      return fault;
    }
    if (isEmpty) return 'ipv6-payload-length';
    const header = this.#header;
    readIpv6Header(packet, header, chain);
    // In case nobody speaks it.
    chain.problem.set(UNKNOWN_NEXT_HEADER, chain.namedAt - start);
    packet.start = chain.at;
    return this.#deliver(packet, PROTOCOL_ICMPV6, now);
  }

  #collectIpv6(packet: PacketBuffer, isFirst: boolean, now: Instant): NetStackDrop | undefined {
    const chain = this.#chain;
    const { at, namedAt } = chain;
    chain.problem.clear();
    const fault = isFirst ? this.#checkFirstFragment(packet) : undefined;
    if (fault) {
      this.#reportIpv6Fault(packet, now);
      return fault;
    }
    const { at: upper, protocol } = chain;
    chain.at = at;
    chain.namedAt = namedAt;
    this.#checkIpv6Fragment(packet);
    const whole = this.#reassembly.receiveIpv6(packet, chain, now);
    if (whole) {
      this.#acceptReassembled(whole, now);
    } else if (chain.problem.code >= 0) {
      chain.at = upper;
      // Of a later fragment nothing else is known.
      chain.protocol = isFirst ? protocol : PROTOCOL_NO_NEXT_HEADER;
      this.#reportIpv6Fault(packet, now);
    }
    return undefined;
  }

  /** A first fragment holds all headers, that of the upper layer included (RFC 7112 §5). */
  #checkFirstFragment(packet: PacketBuffer): NetStackDrop | undefined {
    const chain = this.#chain;
    const fault = walkPastFragmentHeader(packet.view, packet.start, packet.end, chain);
    if (fault && fault !== 'ipv6-extension-length') return fault;
    if (!fault && chain.at + upperHeaderLength(chain.protocol) <= packet.end) return undefined;
    chain.problem.set(INCOMPLETE_HEADER_CHAIN, 0);
    return 'fragment-malformed';
  }

  /** What RFC 8200 §4.5 has us say about a fragment that can be no part of any packet; reassembly will refuse it. */
  #checkIpv6Fragment(packet: PacketBuffer): void {
    const { view, start, end } = packet;
    const { at, problem } = this.#chain;
    const length = end - at - IPV6_FRAGMENT_HEADER_LENGTH;
    if (ipv6MoreFragments(view, at) && length % 8 !== 0) problem.set(ERRONEOUS_FIELD, IPV6_PAYLOAD_LENGTH);
    else if (ipv6FragmentOffset(view, at) + length > IPV6_MAX_PAYLOAD)
      problem.set(ERRONEOUS_FIELD, at + IPV6_FRAGMENT_OFFSET - start);
  }

  /** A later fragment is not answered (RFC 1122 §3.2.2). */
  #reportIpv4Fault(packet: PacketBuffer, now: Instant): void {
    const { view, start } = packet;
    if (this.#problem.code < 0 || ipv4FragmentOffset(view, start) !== 0) return;
    readIpv4Header(packet, this.#header);
    packet.start = start + ipv4HeaderLength(view, start);
    this.#transports.receiveFaulty(packet, this.#header, this.#problem, now);
  }

  /** `chain` stands at the header with the fault. */
  #reportIpv6Fault(packet: PacketBuffer, now: Instant): void {
    const { view, end } = packet;
    const chain = this.#chain;
    const header = this.#header;
    if (chain.problem.code < 0 || !skipToUpperLayer(view, end, chain)) return;
    readIpv6Header(packet, header, chain);
    packet.start = Math.min(chain.at, end);
    this.#transports.receiveFaulty(packet, header, chain.problem, now);
  }

  #acceptReassembled(whole: PacketBuffer, now: Instant): void {
    const drop =
      this.#header.version === 4 ? this.#acceptIpv4(whole, now) : this.#acceptIpv6(whole, now, true);
    if (drop) this.#drops.count(drop);
    this.#reassembly.release(whole);
  }

  #reportIncomplete(first: PacketBuffer, now: Instant): void {
    const header = this.#header;
    const { memory, view, start } = first;
    header.version = view.getUint8(start) >> 4 === 4 ? 4 : 6;
    if (header.version === 4) {
      readIpv4Header(first, header);
      first.start = start + ipv4HeaderLength(view, start);
    } else {
      const chain = this.#chain;
      walkExtensionHeaders(view, start, first.end, chain);
      walkPastFragmentHeader(view, start, first.end, chain);
      readIpv6Header(first, header, chain);
      first.start = chain.at;
    }
    const destination = header.addresses + (header.version === 4 ? 4 : 16);
    header.to = this.#addresses.ownAt(memory, destination, header.version);
    header.isForGroup = header.to === undefined;
    header.isForeign = false;
    this.#transports.receiveIncomplete(first, header, now);
  }

  #deliver(packet: PacketBuffer, icmp: number, now: Instant): NetStackDrop | undefined {
    const header = this.#header;
    const { protocol } = header;
    if (protocol === PROTOCOL_UDP) {
      this.#transports.receiveUdp(packet, header, now);
      return undefined;
    }
    // An echo request to a broadcast address goes unanswered (RFC 1122 §3.2.2.6); one to all IPv6 nodes does not.
    if (header.isForGroup && (header.version === 4 || protocol !== PROTOCOL_ICMPV6))
      return 'protocol-to-group';
    if (protocol === PROTOCOL_TCP) {
      this.#transports.receiveTcp(packet, header, now);
      return undefined;
    }
    if (protocol === icmp) {
      this.#transports.receiveIcmp(packet, header, now);
      return undefined;
    }
    if (header.version === 4) this.#transports.receiveUnknown(packet, header, now);
    else this.#transports.receiveFaulty(packet, header, this.#chain.problem, now);
    return 'protocol-unknown';
  }
}

function readIpv4Header(packet: PacketBuffer, header: ReceivedHeader): void {
  const { view, start } = packet;
  header.start = start;
  header.addresses = start + IPV4_ADDRESSES;
  header.protocol = view.getUint8(start + IPV4_PROTOCOL);
  header.ttl = view.getUint8(start + IPV4_TTL);
  header.tos = view.getUint8(start + IPV4_TOS);
}

/** `chain` stands at the upper layer. */
function readIpv6Header(packet: PacketBuffer, header: ReceivedHeader, chain: ExtensionChain): void {
  const { view, start } = packet;
  header.start = start;
  header.addresses = start + IPV6_ADDRESSES;
  header.protocol = chain.protocol;
  header.ttl = view.getUint8(start + IPV6_HOP_LIMIT);
  header.tos = ipv6TrafficClass(view, start);
}

function upperHeaderLength(protocol: number): number {
  if (protocol === PROTOCOL_TCP) return MINIMUM_TCP_HEADER;
  if (protocol === PROTOCOL_UDP) return UDP_HEADER_LENGTH;
  return protocol === PROTOCOL_ICMPV6 ? ICMP_HEADER_LENGTH : 0;
}
