// Read RFC 8200 §4.5 first; IPv4 (RFC 791 §3.2) is done in the same way, with the stricter rules of the younger RFCs.

import type { DropCounters } from '../counters.ts';
import type { PacketBuffer } from '../packet-buffer.ts';
import { type Instant, NEVER } from '../time.ts';
import {
  IPV4_ADDRESSES,
  IPV4_HEADER_LENGTH,
  IPV4_IDENTIFICATION,
  IPV4_MAX_LENGTH,
  IPV4_PROTOCOL,
  IPV4_TOS,
  ipv4FragmentOffset,
  ipv4HeaderLength,
  ipv4MoreFragments,
} from '../wire/ipv4.ts';
import {
  type ExtensionChain,
  IPV6_ADDRESSES,
  IPV6_FRAGMENT_HEADER_LENGTH,
  IPV6_MAX_PAYLOAD,
  ipv6FragmentIdentification,
  ipv6FragmentOffset,
  ipv6MoreFragments,
  ipv6TrafficClass,
} from '../wire/ipv6.ts';
import { PROTOCOL_TCP } from '../wire/protocols.ts';
import type { NetStackDrop } from './drops.ts';
import { Fragment, PartialDatagram } from './partial-datagram.ts';
import { MAX_SLOT_BYTES, ReassemblySlots, slotBytes } from './reassembly-slots.ts';

/** Who has reached the bound of memory makes room for a while, oldest first: not again with the next fragment. */
const LOW_MARK = 3 << 20;
/** One source's datagrams, and their memory, so that a busy one leaves room for others. */
const MAX_HELD_PER_SOURCE = 64;
const MAX_BYTES_PER_SOURCE = 1 << 20;
/** Held and refused datagrams together. */
const MAX_KNOWN = 512;
const MINIMUM_TCP_HEADER = 20;
const ECN_MASK = 3;

/** Puts fragments together again, each datagram in place in a slot of its own outside the packet memory. */
export class Reassembly {
  readonly #drops: DropCounters<NetStackDrop>;
  readonly #timedOut: (firstFragment: PacketBuffer, now: Instant) => void;
  readonly #fragment = new Fragment();
  /** Oldest first. */
  readonly #known: PartialDatagram[] = [];
  readonly #slots = new ReassemblySlots();

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
    return this.#slots.bytes;
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
    fragment.sourceTail = view.getInt32(start + IPV4_ADDRESSES);
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
    fragment.sourceTail = view.getInt32(start + IPV6_ADDRESSES + 12);
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
    this.#slots.takeBack(packet);
    if (this.#known.length === 0) this.#slots.rest();
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
    const datagram = this.#find(memory);
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

  #find(memory: Uint8Array): PartialDatagram | undefined {
    for (let i = 0; i < this.#known.length; i++)
      if (this.#known[i]!.matches(this.#fragment, memory)) return this.#known[i];
    return undefined;
  }

  #add(datagram: PartialDatagram, memory: Uint8Array): PacketBuffer | undefined {
    if (datagram.outgrows(this.#fragmentEnd)) this.#enlarge(datagram, memory);
    let fault = datagram.add(this.#fragment, memory);
    if (!fault && datagram.isComplete) {
      fault = datagram.finish();
      if (!fault) {
        this.#known.splice(this.#known.indexOf(datagram), 1);
        return datagram.slot;
      }
    }
    if (fault) this.#drops.count(fault);
    // RFC 5722, for both families: of a datagram whose fragments overlap, none is to be believed.
    if (fault && fault !== 'fragment-duplicate') this.#refuse(datagram);
    return undefined;
  }

  /** Where the data of the fragment ends within its datagram. */
  get #fragmentEnd(): number {
    const { offset, dataStart, dataEnd } = this.#fragment;
    return offset + dataEnd - dataStart;
  }

  #begin(memory: Uint8Array, now: Instant): PartialDatagram {
    if (this.#known.length >= MAX_KNOWN) this.#evict(0);
    this.#makeRoom(slotBytes(this.#fragmentEnd), memory);
    const slot = this.#slots.lend(this.#fragmentEnd);
    const datagram = new PartialDatagram(this.#fragment, memory, slot, now);
    this.#known.push(datagram);
    return datagram;
  }

  #enlarge(datagram: PartialDatagram, memory: Uint8Array): void {
    this.#makeRoom(slotBytes(this.#fragmentEnd), memory, datagram);
    const old = datagram.slot!;
    datagram.moveTo(this.#slots.lend(this.#fragmentEnd));
    this.release(old);
  }

  /** Gives up the oldest until there may be `bytes` more; `growing` stays. */
  #makeRoom(bytes: number, memory: Uint8Array, growing?: PartialDatagram): void {
    this.#keepToShare(bytes, memory, growing);
    if (this.#slots.lent + bytes <= MAX_SLOT_BYTES) return;
    for (let i = 0; i < this.#known.length && this.#slots.lent + bytes > LOW_MARK; ) {
      const known = this.#known[i]!;
      if (known.slot && known !== growing) this.#evict(i);
      else i++;
    }
  }

  /** The same for those of the fragment's source alone. */
  #keepToShare(bytes: number, memory: Uint8Array, growing?: PartialDatagram): void {
    let count = 0;
    let held = bytes;
    for (let i = this.#known.length - 1; i >= 0; i--) {
      const known = this.#known[i]!;
      if (!known.slot || known === growing || !known.hasSource(this.#fragment, memory)) continue;
      count++;
      held += known.bytes;
      // Seen from the youngest: this one, and all that are older, are beyond the share.
      if (count >= MAX_HELD_PER_SOURCE || held > MAX_BYTES_PER_SOURCE) this.#evict(i);
    }
  }

  #evict(index: number): void {
    const datagram = this.#known[index]!;
    if (datagram.slot) this.#drops.count('fragment-limit');
    this.#refuse(datagram);
    this.#known.splice(index, 1);
  }

  #refuse(datagram: PartialDatagram): void {
    if (!datagram.slot) return;
    this.release(datagram.slot);
    datagram.slot = undefined;
  }
}

/** A TCP header cut in two hides its flags or ports from filters on the way (RFC 1858 §3, RFC 3128). */
function isTinyTcp(fragment: Fragment): boolean {
  if (fragment.protocol !== PROTOCOL_TCP) return false;
  if (fragment.offset === 8) return true;
  return fragment.offset === 0 && fragment.dataEnd - fragment.dataStart < MINIMUM_TCP_HEADER;
}
