import type { IpAddress } from '../address.ts';
import type { DropCounters } from '../counters.ts';
import type { Environment } from '../environment.ts';
import { type EngineMemory, PacketBuffer, type Region } from '../packet-buffer.ts';
import type { Instant, Pollable } from '../time.ts';
import { IPV4_DONT_FRAGMENT, IPV4_HEADER_LENGTH, IPV4_MORE_FRAGMENTS, writeIpv4 } from '../wire/ipv4.ts';
import {
  IPV6_FRAGMENT_HEADER_LENGTH,
  IPV6_HEADER_LENGTH,
  writeIpv6,
  writeIpv6Fragment,
} from '../wire/ipv6.ts';
import { PROTOCOL_FRAGMENT, PROTOCOL_TCP } from '../wire/protocols.ts';
import type { NetStackDrop } from './drops.ts';
import { FlowLabels } from './flow-labels.ts';
import { FragmentIdentification } from './fragment-identification.ts';
import type { IpLayer } from './ip-layer.ts';
import type { LocalAddresses } from './local-addresses.ts';
import type { Loopback } from './loopback.ts';
import type { NetStackSink } from './netstack.ts';
import { IPV4_LEAST_PATH_MTU, PathMtus } from './path-mtu.ts';

/** What the stack takes for itself from the end of the memory's packet slots: its one outgoing packet. */
export const NETSTACK_SLOT_BYTES = 10_240;
/** Before the IP header: 16 bytes for WireGuard's header, and the packet stays aligned to 16. */
const HEADROOM = 32;
/** After the packet: WireGuard's padding (15 bytes) and tag (16). */
const TAILROOM = 32;

/** The largest MTU for which there is room. */
export const MAX_MTU = NETSTACK_SLOT_BYTES - HEADROOM - TAILROOM;

/** No path of either family is smaller than this, for what we do ourselves. */
const LEAST_PATH_MTU = IPV4_LEAST_PATH_MTU;

/** Room for a datagram of the greatest size, before it is cut into fragments. */
const LARGE_SLOT_BYTES = 66 * 1024;
/** Payload up to this length need not wait behind a bulk flow: keystrokes, voice, questions for names. */
const SHORT = 256;

/** The part of the engine's memory that is the stack's; the rest of `slots` is for others. */
export function netstackRegion(memory: EngineMemory): Region {
  return { start: memory.slots.end - NETSTACK_SLOT_BYTES, end: memory.slots.end };
}

/** IP's way out: one packet at a time gets its header here and goes to the tunnel, or back to ourselves. */
export class IpOutput implements IpLayer, Pollable {
  #mtu: number;
  readonly #addresses: LocalAddresses;
  readonly #loopback: Loopback;
  readonly #sink: NetStackSink;
  readonly #drops: DropCounters<NetStackDrop>;
  readonly #identification: FragmentIdentification;
  readonly #paths: PathMtus;
  readonly #flowLabels: FlowLabels;
  readonly #packet: PacketBuffer;
  #large: PacketBuffer | undefined;

  constructor(
    mtu: number,
    addresses: LocalAddresses,
    loopback: Loopback,
    environment: Environment,
    sink: NetStackSink,
    drops: DropCounters<NetStackDrop>,
    pathMtuChanged: (destination: IpAddress) => void,
  ) {
    checkMtu(mtu);
    this.#paths = new PathMtus(environment, pathMtuChanged);
    this.#flowLabels = new FlowLabels(environment);
    this.#mtu = mtu;
    this.#addresses = addresses;
    this.#loopback = loopback;
    this.#sink = sink;
    this.#drops = drops;
    this.#identification = new FragmentIdentification(environment);
    this.#packet = new PacketBuffer(environment.memory, netstackRegion(environment.memory));
  }

  get mtu(): number {
    return this.#mtu;
  }

  /** Of the next packet, and all after it. Throws a RangeError above MAX_MTU. */
  set mtu(mtu: number) {
    checkMtu(mtu);
    this.#mtu = mtu;
    this.#paths.mtuChanged(mtu);
  }

  pathMtu(destination: IpAddress): number {
    return this.#paths.of(destination, this.#mtu);
  }

  lowerPathMtu(destination: IpAddress, claimed: number, sent: number, now: Instant): boolean {
    return !this.isLocal(destination) && this.#paths.lower(destination, claimed, sent, this.#mtu, now);
  }

  flowLabel(
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    sourcePort: number,
    destinationPort: number,
  ): number {
    return this.#flowLabels.of(source, destination, protocol, sourcePort, destinationPort);
  }

  /** When what is known of some path expires. */
  pollAt(): Instant {
    return this.#paths.pollAt();
  }

  poll(now: Instant): void {
    this.#paths.poll(now);
  }

  get congested(): boolean {
    return this.#sink.congested || this.#loopback.isFilling;
  }

  holdsBack(length: number): boolean {
    if (!this.congested) return false;
    return length > SHORT || !this.#sink.takesShort || this.#loopback.isFilling;
  }

  sourceFor(destination: IpAddress): IpAddress | undefined {
    return this.#addresses.sourceFor(destination);
  }

  isLocal(address: IpAddress): boolean {
    return this.#addresses.isLocal(address);
  }

  answersFor(address: IpAddress): boolean {
    return this.#addresses.answersFor(address);
  }

  isUnicast(address: IpAddress): boolean {
    return this.#addresses.isUnicast(address);
  }

  hasRoute(address: IpAddress): boolean {
    if (this.isLocal(address)) return true;
    return this.sourceFor(address) !== undefined && this.#sink.hasRoute(address);
  }

  begin(version: 4 | 6, length = 0): PacketBuffer {
    const header = version === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
    // What fits the tunnel may have to be cut for its path all the same, which cannot be done in place.
    const fits = header + length <= (this.#paths.size === 0 ? this.mtu : Math.min(this.mtu, LEAST_PATH_MTU));
    const packet = fits ? this.#packet : this.#largePacket();
    packet.reset(HEADROOM + header);
    return packet;
  }

  send(
    packet: PacketBuffer,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    ttl: number,
    tos: number,
    flowLabel = 0,
    staysWhole = protocol === PROTOCOL_TCP,
  ): void {
    const header = source.version === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
    const length = header + packet.length;
    if (this.isLocal(destination)) {
      prependHeader(packet, source, destination, protocol, ttl, tos, flowLabel);
      if (!this.#loopback.push(packet)) this.#drops.count('loopback-full');
    } else if (length <= this.pathMtu(destination) || (staysWhole && length <= this.mtu)) {
      const whole = this.#inPlace(packet, header);
      if (this.#paths.isTiny(destination))
        this.#prependFragmentable(whole, source, destination, protocol, ttl, tos);
      else prependHeader(whole, source, destination, protocol, ttl, tos, flowLabel);
      this.#sink.sendPacket(whole);
    } else if (source.version === 4) {
      this.#sendIpv4Fragments(packet, source, destination, protocol, ttl, tos);
    } else {
      this.#sendIpv6Fragments(packet, source, destination, protocol, ttl, tos, flowLabel);
    }
  }

  /** Where routers have to fragment even small packets, each needs an identification (RFC 6864 §4.3). */
  #prependFragmentable(
    packet: PacketBuffer,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    ttl: number,
    tos: number,
  ): void {
    const identification = this.#identification.next(source, destination, protocol) & 0xffff;
    const { view } = packet;
    const at = packet.prepend(IPV4_HEADER_LENGTH);
    writeIpv4(view, at, packet.length, identification, 0, ttl, protocol, tos, source, destination);
  }

  loopBack(
    packet: PacketBuffer,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    ttl: number,
    tos: number,
  ): void {
    const { start } = packet;
    prependHeader(packet, source, destination, protocol, ttl, tos, 0);
    if (!this.#loopback.push(packet)) this.#drops.count('loopback-full');
    packet.trimFront(start - packet.start);
  }

  #sendIpv4Fragments(
    whole: PacketBuffer,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    ttl: number,
    tos: number,
  ): void {
    const identification = this.#identification.next(source, destination, protocol) & 0xffff;
    const most = (this.pathMtu(destination) - IPV4_HEADER_LENGTH) & ~7;
    for (let offset = 0; offset < whole.length; offset += most) {
      const size = Math.min(most, whole.length - offset);
      const more = offset + size < whole.length ? IPV4_MORE_FRAGMENTS : 0;
      const packet = this.#fragment(whole, offset, size, IPV4_HEADER_LENGTH);
      const at = packet.prepend(IPV4_HEADER_LENGTH);
      const { view, length } = packet;
      const fragment = more | (offset >> 3);
      writeIpv4(view, at, length, identification, fragment, ttl, protocol, tos, source, destination);
      this.#sink.sendPacket(packet);
    }
  }

  #sendIpv6Fragments(
    whole: PacketBuffer,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    ttl: number,
    tos: number,
    flowLabel: number,
  ): void {
    const identification = this.#identification.next(source, destination, protocol);
    const headers = IPV6_HEADER_LENGTH + IPV6_FRAGMENT_HEADER_LENGTH;
    const most = (this.pathMtu(destination) - headers) & ~7;
    for (let offset = 0; offset < whole.length; offset += most) {
      const size = Math.min(most, whole.length - offset);
      const packet = this.#fragment(whole, offset, size, headers);
      const fragmentAt = packet.prepend(IPV6_FRAGMENT_HEADER_LENGTH);
      writeIpv6Fragment(
        packet.view,
        fragmentAt,
        protocol,
        offset,
        offset + size < whole.length,
        identification,
      );
      prependHeader(packet, source, destination, PROTOCOL_FRAGMENT, ttl, tos, flowLabel);
      this.#sink.sendPacket(packet);
    }
  }

  /** The outgoing packet, holding what the large one held, if that was used without need. */
  #inPlace(packet: PacketBuffer, headers: number): PacketBuffer {
    if (packet !== this.#large) return packet;
    this.#packet.copyFrom(packet.memory, packet.start, packet.end, HEADROOM + headers);
    return this.#packet;
  }

  /** The outgoing packet, holding `size` bytes of the large one. */
  #fragment(whole: PacketBuffer, offset: number, size: number, headers: number): PacketBuffer {
    if (whole === this.#packet) throw new RangeError('packet longer than begin() was told');
    const start = whole.start + offset;
    this.#packet.copyFrom(whole.memory, start, start + size, HEADROOM + headers);
    return this.#packet;
  }

  #largePacket(): PacketBuffer {
    if (!this.#large) {
      const bytes = new Uint8Array(LARGE_SLOT_BYTES);
      this.#large = new PacketBuffer(
        { bytes, view: new DataView(bytes.buffer) },
        { start: 0, end: LARGE_SLOT_BYTES },
      );
    }
    return this.#large;
  }
}

function checkMtu(mtu: number): void {
  if (mtu > MAX_MTU) throw new RangeError(`MTU: at most ${MAX_MTU}, got ${mtu}`);
}

/** Prepends the header of a packet that travels whole and, in IPv4, must not be fragmented on its way. */
function prependHeader(
  packet: PacketBuffer,
  source: IpAddress,
  destination: IpAddress,
  protocol: number,
  ttl: number,
  tos: number,
  flowLabel: number,
): void {
  const { view } = packet;
  if (source.version === 4) {
    const at = packet.prepend(IPV4_HEADER_LENGTH);
    // Atomic: the identification has no meaning (RFC 6864 §4.1).
    const { length } = packet;
    writeIpv4(view, at, length, 0, IPV4_DONT_FRAGMENT, ttl, protocol, tos, source, destination);
  } else {
    const payloadLength = packet.length;
    const at = packet.prepend(IPV6_HEADER_LENGTH);
    writeIpv6(view, at, payloadLength, protocol, ttl, tos, source, destination, flowLabel);
  }
}
