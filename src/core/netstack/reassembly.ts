// Read RFC 8200 §4.5 first; IPv4 (RFC 791 §3.2) is done in the same way, with the stricter rules of the younger RFCs.

import type { DropCounters } from '../counters.ts';
import { PacketBuffer } from '../packet-buffer.ts';
import { type Instant, MINUTE, NEVER } from '../time.ts';
import {
  IPV4_ADDRESSES,
  IPV4_FLAGS,
  IPV4_HEADER_LENGTH,
  IPV4_IDENTIFICATION,
  IPV4_MAX_LENGTH,
  IPV4_PROTOCOL,
  IPV4_TOS,
  IPV4_TOTAL_LENGTH,
  ipv4FragmentOffset,
  ipv4HeaderLength,
  ipv4MoreFragments,
  writeIpv4Checksum,
} from '../wire/ipv4.ts';
import {
  type ExtensionChain,
  IPV6_ADDRESSES,
  IPV6_FRAGMENT_HEADER_LENGTH,
  IPV6_HEADER_LENGTH,
  IPV6_MAX_PAYLOAD,
  IPV6_PAYLOAD_LENGTH,
  ipv6FragmentIdentification,
  ipv6FragmentOffset,
  ipv6MoreFragments,
  ipv6TrafficClass,
  MAX_CHAIN_LENGTH,
} from '../wire/ipv6.ts';
import { PROTOCOL_TCP } from '../wire/protocols.ts';
import type { NetStackDrop } from './drops.ts';

/** RFC 8200 §4.5, RFC 1122 §3.3.2. */
const REASSEMBLY_TIMEOUT = MINUTE;
/** Before the data of a datagram: the headers of its first fragment. */
const HEADER_ROOM = 64 + MAX_CHAIN_LENGTH;
const SLOT_BYTES = HEADER_ROOM + 65_536;
/** As many slots as fit into 4 MiB. */
const MAX_HELD = Math.floor((4 * 1024 * 1024) / SLOT_BYTES);
/** So that one busy source leaves room for others. */
const MAX_HELD_PER_SOURCE = 16;
/** Held and refused datagrams together. */
const MAX_KNOWN = 256;
const MAX_FRAGMENTS = 64;
/** Slots kept for the next datagram when nothing is being reassembled. */
const MAX_SPARE = 4;
const MINIMUM_TCP_HEADER = 20;

const ECN_MASK = 3;
const CONGESTION_EXPERIENCED = 3;

/** One fragment, as both families describe it; offsets within the packet's memory. */
class Fragment {
  version: 4 | 6 = 4;
  /** Of the source address. */
  addresses = 0;
  identification = 0;
  /** Part of the key in IPv4 only: the protocol. */
  protocol = 0;
  /** The headers are [headerStart, dataStart); in IPv6 the last of them is the fragment header. */
  headerStart = 0;
  /** In IPv6, where the next-header field lies that names the fragment header. */
  namedAt = 0;
  dataStart = 0;
  dataEnd = 0;
  /** Where the data belongs. */
  offset = 0;
  more = false;
  ecn = 0;
}

/** A datagram of which some fragments are here. */
class PartialDatagram {
  readonly version: 4 | 6;
  /** Source and destination. */
  readonly addresses: Uint8Array;
  readonly identification: number;
  readonly protocol: number;
  readonly deadline: Instant;
  /** Undefined once the datagram is refused: then the rest of its fragments is recognised, and dropped. */
  slot: PacketBuffer | undefined;
  /** The fragments' ranges, as they came: [start, end), two by two. */
  readonly #ranges = new Uint16Array(MAX_FRAGMENTS * 2);
  #count = 0;
  #received = 0;
  /** Of the data; unknown (−1) until the last fragment is here. */
  #length = -1;
  /** Of the first fragment; 0 until it is here. */
  #headerLength = 0;
  /** Of the field that names the fragment header, from the beginning of the packet. */
  #namedAt = 0;
  /** Bit n is set when a fragment with ECN field n was seen. */
  #ecnSeen = 0;

  constructor(fragment: Fragment, memory: Uint8Array, slot: PacketBuffer, now: Instant) {
    this.version = fragment.version;
    this.addresses = memory.slice(fragment.addresses, fragment.addresses + addressesLength(fragment.version));
    this.identification = fragment.identification;
    this.protocol = fragment.protocol;
    this.deadline = now + REASSEMBLY_TIMEOUT;
    this.slot = slot;
  }

  /** RFC 791: source, destination, protocol, identification; RFC 8200: without the protocol. */
  matches(fragment: Fragment, memory: Uint8Array): boolean {
    return (
      this.identification === fragment.identification &&
      this.version === fragment.version &&
      this.protocol === fragment.protocol &&
      equalAt(this.addresses, memory, fragment.addresses, this.addresses.length)
    );
  }

  hasSource(fragment: Fragment, memory: Uint8Array): boolean {
    return (
      this.version === fragment.version &&
      equalAt(this.addresses, memory, fragment.addresses, this.addresses.length / 2)
    );
  }

  /** Copies the fragment in, or says why not. After any reason but "duplicate" the datagram must be refused. */
  add(fragment: Fragment, memory: Uint8Array): NetStackDrop | undefined {
    const start = fragment.offset;
    const end = start + fragment.dataEnd - fragment.dataStart;
    for (let i = 0; i < this.#count; i++) {
      const otherStart = this.#ranges[2 * i]!;
      const otherEnd = this.#ranges[2 * i + 1]!;
      if (start === otherStart && end === otherEnd) return 'fragment-duplicate';
      if (start < otherEnd && otherStart < end) return 'fragment-overlap';
      if (!fragment.more && otherEnd > end) return 'fragment-overlap';
    }
    if (this.#length >= 0 && (!fragment.more || end > this.#length)) return 'fragment-overlap';
    if (this.#count === MAX_FRAGMENTS) return 'fragment-limit';
    this.#ranges[2 * this.#count] = start;
    this.#ranges[2 * this.#count + 1] = end;
    this.#count++;
    this.#received += end - start;
    this.#ecnSeen |= 1 << fragment.ecn;
    if (!fragment.more) this.#length = end;
    this.#copy(fragment, memory);
    return undefined;
  }

  get isComplete(): boolean {
    return this.#received === this.#length;
  }

  /** Places the slot over the first fragment as it came, for an ICMP error to quote; false if it never came. */
  showFirstFragment(): boolean {
    for (let i = 0; i < this.#count; i++) {
      if (this.#ranges[2 * i] !== 0 || !this.slot) continue;
      this.slot.place(HEADER_ROOM - this.#headerLength, HEADER_ROOM + this.#ranges[2 * i + 1]!);
      return true;
    }
    return false;
  }

  /** Makes the slot one whole packet, with the headers of the first fragment, put right. */
  finish(): NetStackDrop | undefined {
    // RFC 3168 §5.3: congestion seen by one fragment was seen by the packet; but not if others could not say so.
    const isMarked = (this.#ecnSeen & (1 << CONGESTION_EXPERIENCED)) !== 0;
    if (isMarked && (this.#ecnSeen & 1) !== 0) return 'fragment-ecn';
    const packet = this.slot!;
    packet.place(HEADER_ROOM - this.#headerLength, HEADER_ROOM + this.#length);
    return this.version === 4 ? finishIpv4(packet, isMarked) : this.#finishIpv6(packet, isMarked);
  }

  #finishIpv6(packet: PacketBuffer, isMarked: boolean): NetStackDrop | undefined {
    const { memory, view } = packet;
    // The fragment header drops out: what named it names what follows it. Only the first fragment's word counts.
    const fragmentAt = HEADER_ROOM - IPV6_FRAGMENT_HEADER_LENGTH;
    view.setUint8(packet.start + this.#namedAt, view.getUint8(fragmentAt));
    memory.copyWithin(packet.start + IPV6_FRAGMENT_HEADER_LENGTH, packet.start, fragmentAt);
    packet.trimFront(IPV6_FRAGMENT_HEADER_LENGTH);
    const { start, length } = packet;
    if (length - IPV6_HEADER_LENGTH > IPV6_MAX_PAYLOAD) return 'fragment-malformed';
    view.setUint16(start + IPV6_PAYLOAD_LENGTH, length - IPV6_HEADER_LENGTH);
    if (isMarked) view.setUint16(start, view.getUint16(start) | (CONGESTION_EXPERIENCED << 4));
    return undefined;
  }

  #copy(fragment: Fragment, memory: Uint8Array): void {
    const target = this.slot!.memory;
    target.set(memory.subarray(fragment.dataStart, fragment.dataEnd), HEADER_ROOM + fragment.offset);
    if (fragment.offset !== 0) return;
    this.#headerLength = fragment.dataStart - fragment.headerStart;
    this.#namedAt = fragment.namedAt - fragment.headerStart;
    target.set(memory.subarray(fragment.headerStart, fragment.dataStart), HEADER_ROOM - this.#headerLength);
  }
}

/** Puts fragments together again, each datagram in place in a slot of its own outside the packet memory. */
export class Reassembly {
  readonly #drops: DropCounters<NetStackDrop>;
  readonly #timedOut: (firstFragment: PacketBuffer, now: Instant) => void;
  readonly #fragment = new Fragment();
  /** Oldest first. */
  readonly #known: PartialDatagram[] = [];
  #held = 0;
  readonly #spare: PacketBuffer[] = [];

  /** `timedOut` is lent the first fragment of a datagram that stayed incomplete. */
  constructor(
    drops: DropCounters<NetStackDrop>,
    timedOut: (firstFragment: PacketBuffer, now: Instant) => void,
  ) {
    this.#drops = drops;
    this.#timedOut = timedOut;
  }

  /** Memory in use, in bytes. */
  get heldBytes(): number {
    return (this.#held + this.#spare.length) * SLOT_BYTES;
  }

  /**
   * Takes a copy of a fragment (a checked IPv4 packet). Returns the whole packet when it was the last one missing: it
   * must be given back with `release`.
   */
  receiveIpv4(packet: PacketBuffer, now: Instant): PacketBuffer | undefined {
    const { view, start } = packet;
    const fragment = this.#fragment;
    fragment.version = 4;
    fragment.addresses = start + IPV4_ADDRESSES;
    fragment.identification = view.getUint16(start + IPV4_IDENTIFICATION);
    fragment.protocol = view.getUint8(start + IPV4_PROTOCOL);
    fragment.headerStart = start;
    fragment.namedAt = 0;
    fragment.dataStart = start + ipv4HeaderLength(view, start);
    fragment.dataEnd = packet.end;
    fragment.offset = ipv4FragmentOffset(view, start);
    fragment.more = ipv4MoreFragments(view, start);
    fragment.ecn = view.getUint8(start + IPV4_TOS) & ECN_MASK;
    if (isTinyTcp(fragment)) {
      this.#drops.count('fragment-malformed');
      return undefined;
    }
    return this.#receive(packet, IPV4_MAX_LENGTH - IPV4_HEADER_LENGTH, now);
  }

  /** The same for IPv6; `chain` stands at the fragment header, which is whole. */
  receiveIpv6(packet: PacketBuffer, chain: ExtensionChain, now: Instant): PacketBuffer | undefined {
    const { view, start } = packet;
    const fragment = this.#fragment;
    fragment.version = 6;
    fragment.addresses = start + IPV6_ADDRESSES;
    fragment.identification = ipv6FragmentIdentification(view, chain.at);
    fragment.protocol = 0;
    fragment.headerStart = start;
    fragment.namedAt = chain.namedAt;
    fragment.dataStart = chain.at + IPV6_FRAGMENT_HEADER_LENGTH;
    fragment.dataEnd = packet.end;
    fragment.offset = ipv6FragmentOffset(view, chain.at);
    fragment.more = ipv6MoreFragments(view, chain.at);
    fragment.ecn = ipv6TrafficClass(view, start) & ECN_MASK;
    return this.#receive(packet, IPV6_MAX_PAYLOAD, now);
  }

  /** Takes back what `receive…` returned. */
  release(packet: PacketBuffer): void {
    if (this.#spare.length < MAX_SPARE) this.#spare.push(packet);
  }

  pollAt(): Instant {
    return this.#known[0]?.deadline ?? NEVER;
  }

  poll(now: Instant): void {
    while (this.pollAt() <= now) {
      const datagram = this.#known.shift()!;
      if (!datagram.slot) continue;
      this.#drops.count('fragment-timeout');
      if (datagram.showFirstFragment()) this.#timedOut(datagram.slot, now);
      this.#refuse(datagram);
    }
  }

  #receive(packet: PacketBuffer, most: number, now: Instant): PacketBuffer | undefined {
    const { memory } = packet;
    const fragment = this.#fragment;
    const length = fragment.dataEnd - fragment.dataStart;
    const datagram = this.#known.find((known) => known.matches(fragment, memory));
    const isMalformed =
      length === 0 || (fragment.more && length % 8 !== 0) || fragment.offset + length > most;
    if (isMalformed) {
      // Past the greatest length ("ping of death"), nothing good can come of the rest.
      if (datagram && fragment.offset + length > most) this.#refuse(datagram);
      this.#drops.count('fragment-malformed');
      return undefined;
    }
    if (datagram && !datagram.slot) {
      this.#drops.count('fragment-overlap');
      return undefined;
    }
    return this.#add(datagram ?? this.#begin(memory, now), memory);
  }

  #add(datagram: PartialDatagram, memory: Uint8Array): PacketBuffer | undefined {
    let fault = datagram.add(this.#fragment, memory);
    if (!fault && datagram.isComplete) {
      fault = datagram.finish();
      if (!fault) {
        this.#known.splice(this.#known.indexOf(datagram), 1);
        this.#held--;
        return datagram.slot;
      }
    }
    if (fault) this.#drops.count(fault);
    // RFC 5722, for both families: of a datagram whose fragments overlap, none is to be believed.
    if (fault && fault !== 'fragment-duplicate') this.#refuse(datagram);
    return undefined;
  }

  #begin(memory: Uint8Array, now: Instant): PartialDatagram {
    const fragment = this.#fragment;
    const isHeld = (known: PartialDatagram) => known.slot !== undefined;
    const fromSource = this.#known.filter((known) => isHeld(known) && known.hasSource(fragment, memory));
    if (fromSource.length >= MAX_HELD_PER_SOURCE) this.#evict(fromSource[0]!);
    else if (this.#held >= MAX_HELD) this.#evict(this.#known.find(isHeld)!);
    else if (this.#known.length >= MAX_KNOWN) this.#evict(this.#known[0]!);
    const datagram = new PartialDatagram(fragment, memory, this.#spare.pop() ?? newSlot(), now);
    this.#known.push(datagram);
    this.#held++;
    return datagram;
  }

  #evict(datagram: PartialDatagram): void {
    if (datagram.slot) this.#drops.count('fragment-limit');
    this.#refuse(datagram);
    this.#known.splice(this.#known.indexOf(datagram), 1);
  }

  #refuse(datagram: PartialDatagram): void {
    if (!datagram.slot) return;
    this.release(datagram.slot);
    datagram.slot = undefined;
    this.#held--;
  }
}

function finishIpv4(packet: PacketBuffer, isMarked: boolean): NetStackDrop | undefined {
  const { view, start, length } = packet;
  if (length > IPV4_MAX_LENGTH) return 'fragment-malformed';
  view.setUint16(start + IPV4_TOTAL_LENGTH, length);
  view.setUint16(start + IPV4_FLAGS, 0);
  if (isMarked) view.setUint8(start + IPV4_TOS, view.getUint8(start + IPV4_TOS) | CONGESTION_EXPERIENCED);
  writeIpv4Checksum(view, start);
  return undefined;
}

/** A TCP header cut in two hides its flags or ports from filters on the way (RFC 1858 §3, RFC 3128). */
function isTinyTcp(fragment: Fragment): boolean {
  if (fragment.protocol !== PROTOCOL_TCP) return false;
  if (fragment.offset === 8) return true;
  return fragment.offset === 0 && fragment.dataEnd - fragment.dataStart < MINIMUM_TCP_HEADER;
}

function newSlot(): PacketBuffer {
  const bytes = new Uint8Array(SLOT_BYTES);
  return new PacketBuffer({ bytes, view: new DataView(bytes.buffer) }, { start: 0, end: SLOT_BYTES });
}

function addressesLength(version: 4 | 6): number {
  return version === 4 ? 8 : 32;
}

function equalAt(bytes: Uint8Array, memory: Uint8Array, offset: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[i] !== memory[offset + i]) return false;
  return true;
}
