import type { PacketBuffer } from '../packet-buffer.ts';
import { type Instant, MINUTE } from '../time.ts';
import { IPV4_FLAGS, IPV4_MAX_LENGTH, IPV4_TOS, IPV4_TOTAL_LENGTH, writeIpv4Checksum } from '../wire/ipv4.ts';
import {
  IPV6_FRAGMENT_HEADER_LENGTH,
  IPV6_HEADER_LENGTH,
  IPV6_MAX_PAYLOAD,
  IPV6_PAYLOAD_LENGTH,
} from '../wire/ipv6.ts';
import type { NetStackDrop } from './drops.ts';
import { HEADER_ROOM } from './reassembly-slots.ts';

/** RFC 8200 §4.5, RFC 1122 §3.3.2. */
const REASSEMBLY_TIMEOUT = MINUTE;
const MAX_FRAGMENTS = 64;
const CONGESTION_EXPERIENCED = 3;

/** One fragment, as both families describe it; offsets within the packet's memory. */
export class Fragment {
  version: 4 | 6 = 4;
  /** Of the source address. */
  addresses = 0;
  /** The last word of the source address, by which most can be told apart. */
  sourceTail = 0;
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
export class PartialDatagram {
  readonly version: 4 | 6;
  /** Source and destination. */
  readonly addresses: Uint8Array;
  readonly sourceTail: number;
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
    this.sourceTail = fragment.sourceTail;
    this.identification = fragment.identification;
    this.protocol = fragment.protocol;
    this.deadline = now + REASSEMBLY_TIMEOUT;
    this.slot = slot;
  }

  /** RFC 791: source, destination, protocol, identification; RFC 8200: without the protocol. */
  matches(fragment: Fragment, memory: Uint8Array): boolean {
    return (
      this.identification === fragment.identification &&
      this.sourceTail === fragment.sourceTail &&
      this.version === fragment.version &&
      this.protocol === fragment.protocol &&
      equalAt(this.addresses, memory, fragment.addresses, this.addresses.length)
    );
  }

  hasSource(fragment: Fragment, memory: Uint8Array): boolean {
    return (
      this.sourceTail === fragment.sourceTail &&
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

  /** Whether what ends at `end` needs a larger slot. */
  outgrows(end: number): boolean {
    return this.slot !== undefined && HEADER_ROOM + end > this.slot.memory.length;
  }

  /** Goes on in a larger slot; the old one is free. */
  moveTo(slot: PacketBuffer): void {
    slot.memory.set(this.slot!.memory);
    this.slot = slot;
  }

  /** Memory in use. */
  get bytes(): number {
    return this.slot?.memory.length ?? 0;
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

function finishIpv4(packet: PacketBuffer, isMarked: boolean): NetStackDrop | undefined {
  const { view, start, length } = packet;
  if (length > IPV4_MAX_LENGTH) return 'fragment-malformed';
  view.setUint16(start + IPV4_TOTAL_LENGTH, length);
  view.setUint16(start + IPV4_FLAGS, 0);
  if (isMarked) view.setUint8(start + IPV4_TOS, view.getUint8(start + IPV4_TOS) | CONGESTION_EXPERIENCED);
  writeIpv4Checksum(view, start);
  return undefined;
}

function addressesLength(version: 4 | 6): number {
  return version === 4 ? 8 : 32;
}

function equalAt(bytes: Uint8Array, memory: Uint8Array, offset: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[i] !== memory[offset + i]) return false;
  return true;
}
