// The IP stack of the host that lives in the tunnel. What to read next, for a packet that comes in: ip-input.ts, then
// tcp/tcp-layer.ts, udp-layer.ts or icmp.ts; for one that goes out: those, then ip-output.ts.

import { type IpAddress, type IpPrefix, type SocketAddress, unmapped } from '../address.ts';
import { DropCounters } from '../counters.ts';
import type { Environment } from '../environment.ts';
import type { PacketBuffer } from '../packet-buffer.ts';
import type { Instant, Pollable } from '../time.ts';
import {
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_PORT_UNREACHABLE,
  ICMP_PROTOCOL_UNREACHABLE,
  ICMP_TIME_EXCEEDED,
  ICMPV6_DESTINATION_UNREACHABLE,
  ICMPV6_PORT_UNREACHABLE,
  ICMPV6_TIME_EXCEEDED,
  REASSEMBLY_TIME_EXCEEDED,
} from '../wire/icmp.ts';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/protocols.ts';
import type { NameNetwork } from './dns/network.ts';
import type { NetStackDrop } from './drops.ts';
import type { ForeignGuard, ForeignSegments } from './foreign.ts';
import { Icmp, type IcmpError } from './icmp.ts';
import { IpInput, type ReceivedHeader, type Transports } from './ip-input.ts';
import type { IpHeaderInfo } from './ip-layer.ts';
import { IpOutput } from './ip-output.ts';
import { LocalAddresses } from './local-addresses.ts';
import { Loopback } from './loopback.ts';
import { Names } from './names.ts';
import { type PingSocket, Pings } from './ping.ts';
import type { TcpConnection } from './tcp/connection.ts';
import type { TcpListener } from './tcp/listener.ts';
import type { ConnectOptions, ListenOptions } from './tcp/state.ts';
import { TcpLayer, type TcpLayerOptions } from './tcp/tcp-layer.ts';
import type { UdpBinding, UdpOptions } from './udp-binding.ts';
import { UdpLayer } from './udp-layer.ts';

/** How often one poll looks at what it has just sent to itself, before it lets others have their turn. */
const LOOPBACK_ROUNDS = 16;

/** The stack's way out. Never calls back in. */
export interface NetStackSink {
  /** An IP packet, lent for the call: in the engine's memory, with 16 bytes before it and 32 after it, at least. */
  sendPacket(packet: PacketBuffer): void;
  /** Whether a packet to the address would find a peer. */
  hasRoute(address: IpAddress): boolean;
  /** Whether there is a peer for any address of the family. Absent: not known, and taken for true. */
  hasRoutes?(version: 4 | 6): boolean;
  /** While true, what can wait does. */
  readonly congested: boolean;
  /** Whether meanwhile what is short may leave all the same. Absent: it may not. */
  readonly takesShort?: boolean;
}

/**
 * Dual-stack IP with TCP, UDP and ping. Sockets' calls only take note; packets leave during `receivePacket` and
 * `poll`, so `poll` must follow such calls (`pollAt` then says "at once").
 */
export class NetStack implements Pollable {
  readonly drops = new DropCounters<NetStackDrop>();
  readonly tcp: TcpLayer;
  readonly names: Names;
  readonly #addresses: LocalAddresses;
  readonly #ip: IpOutput;
  readonly #loopback = new Loopback();
  readonly #input: IpInput;
  readonly #icmp: Icmp;
  readonly #udp: UdpLayer;
  readonly #pings: Pings;
  /** Who decides about what is for others, where we stand in for them. */
  #guard: ForeignGuard | undefined;

  /**
   * `addresses` are ours, each with the length of its network's prefix. Takes the end of `environment.memory.slots`
   * for itself (netstackRegion in ip-output.ts).
   */
  constructor(
    options: { addresses: IpPrefix[]; mtu: number; tcp?: TcpLayerOptions },
    environment: Environment,
    sink: NetStackSink,
  ) {
    const addresses = new LocalAddresses(options.addresses);
    this.#addresses = addresses;
    const ip = new IpOutput(
      options.mtu,
      addresses,
      this.#loopback,
      environment,
      sink,
      this.drops,
      (destination) => this.tcp.pathMtuChanged(destination),
    );
    this.#ip = ip;
    this.tcp = new TcpLayer(ip, environment, options.tcp, this.#foreignSegments());
    this.#udp = new UdpLayer(ip, addresses, environment, this.drops);
    this.#pings = new Pings(ip, environment);
    this.#icmp = new Icmp(ip, addresses, environment, this.drops, this.#pings, {
      receiveError: (packet, quoted, error, now) => this.#receiveError(packet, quoted, error, now),
      answersEcho: (packet, header, now) => this.#judge(packet, header, now) === 'deliver',
    });
    const transports: Transports = {
      receiveTcp: (packet, header, now) => this.tcp.receiveSegment(packet, header, now),
      receiveUdp: (packet, header, now) => this.#receiveUdp(packet, header, now),
      receiveIcmp: (packet, header, now) => this.#icmp.receive(packet, header, now),
      receiveUnknown: (packet, header, now) => this.#receiveUnknown(packet, header, now),
      receiveIncomplete: (packet, header, now) => this.#receiveIncomplete(packet, header, now),
      receiveFaulty: (packet, header, problem, now) => this.#icmp.sendProblem(packet, header, problem, now),
    };
    this.#input = new IpInput(addresses, transports, this.drops);
    const network: NameNetwork = {
      bindUdp: (udp) => this.bindUdp(udp),
      connectTcp: (remote, tcp, now) => this.connectTcp(remote, tcp, now),
      sourceFor: (destination) => ip.sourceFor(destination),
      hasRoute: (address) => ip.hasRoute(address),
      hasFamily: (version) => addresses.hasFamily(version) && (sink.hasRoutes?.(version) ?? true),
    };
    this.names = new Names(network, environment, this.drops);
  }

  /** An inner packet from a peer whose allowed IPs cover its source. May be changed in place. */
  receivePacket(packet: PacketBuffer, now: Instant): void {
    this.#input.receive(packet, now);
  }

  pollAt(): Instant {
    if (!this.#loopback.isEmpty) return 0;
    return Math.min(
      this.tcp.pollAt(),
      this.#udp.pollAt(),
      this.#pings.pollAt(),
      this.#input.pollAt(),
      this.names.pollAt(),
      this.#ip.pollAt(),
    );
  }

  poll(now: Instant): void {
    this.#input.poll(now);
    this.names.poll(now);
    this.#ip.poll(now);
    this.#pings.poll();
    this.#udp.poll();
    this.tcp.poll(now);
    for (let round = 0; round < LOOPBACK_ROUNDS && !this.#loopback.isEmpty; round++) {
      this.#loopback.drain((packet) => this.#input.receiveLoopback(packet, now));
      this.#udp.poll();
      this.tcp.poll(now);
    }
  }

  /** Our outer address changed: what waits to be sent again goes at once. */
  reconnected(now: Instant): void {
    this.names.resolver.reconnected();
    this.tcp.reconnected(now);
  }

  /**
   * Gives the host other addresses. TCP connections from one that is gone are reset at the next poll, UDP bindings to it
   * fail; sockets that hear every address live on, and so does a listener on one that may come back. Returns how many
   * connections and bindings that ended.
   */
  setAddresses(prefixes: readonly IpPrefix[]): number {
    this.#addresses.replace(prefixes);
    return this.tcp.addressesChanged() + this.#udp.addressesChanged();
  }

  /**
   * In bytes of whole inner packet. Existing connections obey it with their next segment, as far as their peers take
   * larger ones. Throws a RangeError above MAX_MTU.
   */
  setMtu(mtu: number): void {
    this.#ip.mtu = mtu;
    this.tcp.mtuChanged();
  }

  /** Of the tunnel, in bytes of whole inner packet. */
  get mtu(): number {
    return this.#ip.mtu;
  }

  isLocal(address: IpAddress): boolean {
    return this.#ip.isLocal(unmapped(address));
  }

  /** What the way to `destination` carries as far as is known, in bytes of whole packet. */
  pathMtu(destination: IpAddress): number {
    return this.#ip.pathMtu(unmapped(destination));
  }

  /** See TcpLayer.connect. */
  connectTcp(remote: SocketAddress, options: ConnectOptions, now: Instant): TcpConnection {
    return this.tcp.connect({ address: unmapped(remote.address), port: remote.port }, options, now);
  }

  /** See TcpLayer.listen. */
  listenTcp(options: ListenOptions, now: Instant): TcpListener {
    return this.tcp.listen(options, now);
  }

  /** Throws a TunnelError: ERR_NO_ROUTE, ERR_ADDRESS_IN_USE, ERR_LIMIT. */
  bindUdp(options: UdpOptions): UdpBinding {
    return this.#udp.bind(options);
  }

  /** All that are bound, also those of the resolver. */
  udpBindings(): UdpBinding[] {
    return this.#udp.all();
  }

  /** Throws a TunnelError: ERR_NO_ROUTE, ERR_LIMIT. */
  openPing(remote: IpAddress): PingSocket {
    return this.#pings.open(unmapped(remote));
  }

  /**
   * Stands in for all other hosts from now on, as `guard` says; undefined: for none. `tcp.listenForOthers` hears the
   * connections that it lets through.
   */
  standIn(guard: ForeignGuard | undefined): void {
    this.#guard = guard;
    this.#addresses.standsIn = guard !== undefined;
  }

  /** Sends a copy of `data` as if `source`, a host for which we stand in, had; it leaves at the next poll. */
  sendUdpFor(source: SocketAddress, remote: SocketAddress, data: Uint8Array): void {
    this.#udp.queueFor(source, remote, data);
  }

  #receiveUdp(packet: PacketBuffer, header: ReceivedHeader, now: Instant): void {
    if (!this.#udp.check(packet, header)) return;
    const wasWanted = header.isForeign
      ? this.#judge(packet, header, now) !== 'refuse'
      : this.#udp.receive(packet, header, header.isForGroup, now);
    const code = header.version === 4 ? ICMP_PORT_UNREACHABLE : ICMPV6_PORT_UNREACHABLE;
    if (!wasWanted) this.#sendUnreachable(packet, header, code, now);
  }

  #foreignSegments(): ForeignSegments {
    const isForeign = () => this.#input.header.isForeign;
    return {
      get isForeign() {
        return isForeign();
      },
      judge: (packet, now) => this.#judge(packet, this.#input.header, now),
    };
  }

  /** What the guard says of a packet for another host; where that is the code of an ICMP error, it is sent. */
  #judge(packet: PacketBuffer, header: ReceivedHeader, now: Instant): 'deliver' | 'refuse' | 'taken' {
    const verdict = this.#guard?.judge(packet, header, now) ?? 'taken';
    if (typeof verdict === 'string') return verdict;
    this.#sendUnreachable(packet, header, verdict, now);
    return 'taken';
  }

  #sendUnreachable(packet: PacketBuffer, header: ReceivedHeader, code: number, now: Instant): void {
    const type = header.version === 4 ? ICMP_DESTINATION_UNREACHABLE : ICMPV6_DESTINATION_UNREACHABLE;
    this.#icmp.sendError(packet, header, type, code, now);
  }

  #receiveUnknown(packet: PacketBuffer, header: ReceivedHeader, now: Instant): void {
    this.#icmp.sendError(packet, header, ICMP_DESTINATION_UNREACHABLE, ICMP_PROTOCOL_UNREACHABLE, now);
  }

  #receiveIncomplete(packet: PacketBuffer, header: ReceivedHeader, now: Instant): void {
    const type = header.version === 4 ? ICMP_TIME_EXCEEDED : ICMPV6_TIME_EXCEEDED;
    this.#icmp.sendError(packet, header, type, REASSEMBLY_TIME_EXCEEDED, now);
  }

  /** Hands an error to the socket whose packet it quotes. */
  #receiveError(packet: PacketBuffer, quoted: IpHeaderInfo, error: IcmpError, now: Instant): boolean {
    switch (quoted.protocol) {
      case PROTOCOL_TCP:
        if (error.kind === 'too-big')
          this.tcp.receiveTooBig(packet, quoted, error.mtu, error.quotedLength, now);
        else this.tcp.receiveError(packet, quoted, error.kind, now);
        return true;
      case PROTOCOL_UDP:
        return this.#udp.receiveError(packet, quoted, error, now);
      case PROTOCOL_ICMP:
      case PROTOCOL_ICMPV6:
        return this.#pings.receiveError(packet, quoted, error, now);
      default:
        return false;
    }
  }
}
