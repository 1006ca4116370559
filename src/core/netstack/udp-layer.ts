// UDP (RFC 768, RFC 1122 §4.1): finds the binding for what arrives, and sends what bindings have queued.

import { IpAddress, isMulticastAt, type SocketAddress, unmapped } from '../address.ts';
import type { DropCounters } from '../counters.ts';
import type { Environment } from '../environment.ts';
import { CallerRangeError, CallerTypeError, TunnelError } from '../errors.ts';
import type { PacketBuffer } from '../packet-buffer.ts';
import { type Instant, NEVER, type Pollable } from '../time.ts';
import { addressSum } from '../wire/checksum.ts';
import { IPV4_HEADER_LENGTH } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import { PROTOCOL_UDP } from '../wire/protocols.ts';
import {
  checkUdp,
  UDP_HEADER_LENGTH,
  udpDestinationPort,
  udpLength,
  udpSourcePort,
  writeUdp,
} from '../wire/udp.ts';
import type { NetStackDrop } from './drops.ts';
import type { IcmpError } from './icmp.ts';
import type { IpHeaderInfo, IpLayer } from './ip-layer.ts';
import { isAllNodesAt, isUnspecified, type LocalAddresses } from './local-addresses.ts';
import { EphemeralPorts } from './ports.ts';
import {
  checkByte,
  checkTtls,
  hardError,
  isHard,
  MAX_UDP_PAYLOAD_V4,
  MAX_UDP_PAYLOAD_V6,
  UdpBinding,
  type UdpMarks,
  type UdpOptions,
} from './udp-binding.ts';
import type { UdpOutgoing } from './udp-outgoing.ts';

const MAX_BINDINGS = 65_536;
/** Multicast groups that one binding may join, as in Linux. */
const MAX_GROUPS = 20;
const ANY_IPV6 = new IpAddress(new Uint8Array(16));
const ANYWHERE = { isWildcard: true, isDualStack: true };

// How closely a binding fits a packet; the closest gets it.
const NO_MATCH = 0;
const MATCHES_PORT = 1;
const MATCHES_ADDRESS = 2;
const MATCHES_REMOTE = 4;

export class UdpLayer implements Pollable {
  readonly #ip: IpLayer;
  readonly #addresses: LocalAddresses;
  readonly #ports: EphemeralPorts;
  readonly #drops: DropCounters<NetStackDrop>;
  readonly #bindings = new Map<number, UdpBinding[]>();
  /** The one that sends for hosts for which we stand in. It hears only of errors. */
  readonly #proxy = [new UdpBinding(this, { address: ANY_IPV6, port: 0 }, undefined, ANYWHERE, {})] as const;
  #count = 0;
  /** Bindings with messages to send, in the order in which they came to have them. */
  readonly #sending = new Set<UdpBinding>();
  /** Whether one of them has been queued since the last poll. */
  #hasNew = false;
  /** The flow of the last message, so that a stream of them to one place need not be labelled one by one. */
  #lastFlow: { binding: UdpBinding; remote: SocketAddress; label: number } | undefined;

  constructor(
    ip: IpLayer,
    addresses: LocalAddresses,
    environment: Environment,
    drops: DropCounters<NetStackDrop>,
  ) {
    this.#ip = ip;
    this.#addresses = addresses;
    this.#ports = new EphemeralPorts(environment);
    this.#drops = drops;
  }

  /** Throws a TunnelError: ERR_NO_ROUTE, ERR_ADDRESS_IN_USE, ERR_NOT_ALLOWED, ERR_LIMIT. */
  bind(options: UdpOptions): UdpBinding {
    if (this.#count >= MAX_BINDINGS) throw new TunnelError('ERR_LIMIT', 'Too many UDP sockets.');
    checkOptions(options);
    const remote = options.remote && this.#connectable(options.remote, options.broadcast ?? false);
    const address = this.#localAddress(options.address && unmapped(options.address), remote);
    const isWildcard = isUnspecified(address);
    const isDualStack = isWildcard && address.version === 6 && !options.ipv6Only;
    const scope = { isWildcard, isDualStack };
    const port = options.port || this.#ports.random((candidate) => this.#bindings.has(candidate));
    if (port === undefined) throw new TunnelError('ERR_ADDRESS_IN_USE', 'All UDP ports are taken.');
    const binding = new UdpBinding(this, { address, port }, remote, scope, options);
    this.#insert(binding);
    return binding;
  }

  remove(binding: UdpBinding): void {
    this.#sending.delete(binding);
    if (this.#lastFlow?.binding === binding) this.#lastFlow = undefined;
    for (const { group } of binding.groups.splice(0)) this.#addresses.leave(group);
    const { port } = binding.local;
    const left = this.#bindings.get(port)?.filter((other) => other !== binding) ?? [];
    if (left.length > 0) this.#bindings.set(port, left);
    else this.#bindings.delete(port);
    this.#count--;
  }

  /** For a binding: takes a copy of what it sends. */
  queue(binding: UdpBinding, data: Uint8Array, to: SocketAddress | undefined, marks: UdpMarks): void {
    checkMarks(marks);
    const remote = this.#destination(binding, to);
    this.#checkLength(binding, remote.address, data.length);
    const { address } = remote;
    const isToGroup = isMulticastAt(address.bytes, 0, address.version);
    const ttl = marks.ttl ?? (isToGroup ? binding.multicastTtl : binding.ttl);
    this.#queue(binding, { data: data.slice(), remote, ttl, tos: marks.tos ?? binding.tos });
  }

  /**
   * Takes a copy of what `source`, a host for which we stand in, sends; nobody is told if there is no way, or no room for it
   * in a message.
   */
  queueFor(source: SocketAddress, remote: SocketAddress, data: Uint8Array): void {
    const [binding] = this.#proxy;
    if (!this.#ip.hasRoute(remote.address) || data.length > greatestPayload(remote.address)) return;
    this.#queue(binding, { data: data.slice(), remote, ttl: binding.ttl, tos: 0, source });
  }

  #queue(binding: UdpBinding, message: UdpOutgoing): void {
    const { unsent } = binding;
    while (!unsent.hasRoom(message.data.length)) {
      unsent.shift();
      this.#drops.count('udp-send-queue-full');
    }
    unsent.push(message);
    this.#sending.add(binding);
    this.#hasNew = true;
  }

  /** For a binding. */
  joinGroup(binding: UdpBinding, group: IpAddress, source: IpAddress | undefined): void {
    const address = unmapped(group);
    if (!isMulticastAt(address.bytes, 0, address.version) || !hears(binding, address.version))
      throw new CallerTypeError(`group: ${group} is not a multicast group that this socket can hear`);
    if (membershipAt(binding, address, source) >= 0)
      throw new TunnelError('ERR_ADDRESS_IN_USE', `The socket has joined ${address} already.`);
    if (binding.groups.length >= MAX_GROUPS || !this.#addresses.join(address))
      throw new TunnelError('ERR_LIMIT', 'Too many multicast groups.');
    binding.groups.push({ group: address, source });
  }

  /** For a binding. */
  leaveGroup(binding: UdpBinding, group: IpAddress, source: IpAddress | undefined): void {
    const address = unmapped(group);
    const index = membershipAt(binding, address, source);
    if (index < 0) throw new CallerTypeError(`group: the socket has not joined ${group}`);
    binding.groups.splice(index, 1);
    this.#addresses.leave(address);
  }

  /** The packet starts with the UDP header. Whether that is as it should be. */
  check({ view, start, end }: PacketBuffer, { version, addresses }: IpHeaderInfo): boolean {
    const fault = checkUdp(view, start, end, version, addresses);
    if (fault) this.#drops.count(fault);
    return !fault;
  }

  /** What was checked. False when no binding wants it and its sender may be told. */
  receive(packet: PacketBuffer, header: IpHeaderInfo, isForGroup: boolean, now: Instant): boolean {
    const { view, start } = packet;
    const bindings = this.#bindings.get(udpDestinationPort(view, start));
    const wasWanted = bindings
      ? isForGroup
        ? this.#deliverToAll(bindings, packet, header, now)
        : this.#deliverToClosest(bindings, packet, header, now)
      : false;
    if (!wasWanted) this.#drops.count('udp-port-closed');
    return wasWanted;
  }

  /** An ICMP error about a message of ours: `packet` starts with its UDP header. Whether it can be ours. */
  receiveError(packet: PacketBuffer, quoted: IpHeaderInfo, error: IcmpError, now: Instant): boolean {
    const { memory, view, start } = packet;
    const { version, addresses } = quoted;
    const size = version === 4 ? 4 : 16;
    const port = udpSourcePort(view, start);
    const remotePort = udpDestinationPort(view, start);
    const isProxied = this.#addresses.isForeignAt(memory, addresses, version);
    const bindings = isProxied ? this.#proxy : this.#bindings.get(port);
    if (!bindings) return false;
    const binding = closest(bindings, memory, version, addresses, addresses + size, remotePort);
    if (!binding) return false;
    const { kind, type, code, mtu } = error;
    const address = IpAddress.readFrom(memory, addresses + size, version);
    if (kind === 'too-big') {
      const most = binding.sent.to(address);
      const sent = mtu === 0 ? Math.min(error.quotedLength, most) : most;
      if (!this.#ip.lowerPathMtu(address, mtu, sent, now)) return false;
    }
    const from = IpAddress.readFrom(memory, error.reporter, version);
    binding.observer?.reported?.({ kind, type, code, from, remote: { address, port: remotePort }, at: now });
    // RFC 1122 §4.1.3.3 has errors passed up; soft ones would end what may still work, so those are only reported.
    if (binding.remote && isHard(kind)) binding.observer?.failed(hardError(kind, binding.remote));
    return true;
  }

  all(): UdpBinding[] {
    return [...this.#bindings.values()].flat();
  }

  /** Bindings to addresses that are ours no longer fail; says how many. */
  addressesChanged(): number {
    const orphans = [...this.#bindings.values()].flat().filter((binding) => !this.#hasAddress(binding));
    for (const binding of orphans) {
      while (!binding.unsent.isEmpty) binding.unsent.shift();
      this.#sending.delete(binding);
      binding.observer?.failed(gone(binding.local.address));
    }
    return orphans.length;
  }

  pollAt(): Instant {
    const mayLeave = !this.#ip.congested || (this.#hasNew && !this.#ip.holdsBack(0));
    return this.#sending.size > 0 && mayLeave ? 0 : NEVER;
  }

  /** Sends what is queued, in turn, one message of each binding at a time, while the way out has room for it. */
  poll(): void {
    this.#hasNew = false;
    if (this.#ip.holdsBack(0)) return;
    for (const binding of this.#sending) {
      if (this.#ip.holdsBack(binding.unsent.firstLength)) continue;
      this.#sending.delete(binding);
      this.#send(binding, binding.unsent.shift()!);
      // Back at the end of the line, where this very loop will find it again.
      if (!binding.unsent.isEmpty) this.#sending.add(binding);
    }
  }

  #send(binding: UdpBinding, message: UdpOutgoing): void {
    const { data, remote, ttl, tos } = message;
    const { address, port } = remote;
    const source =
      message.source?.address ?? (binding.isWildcard ? this.#ip.sourceFor(address) : binding.local.address);
    if (!source) return;
    const sourcePort = message.source?.port ?? binding.local.port;
    const length = UDP_HEADER_LENGTH + data.length;
    const packet = this.#ip.begin(address.version, length);
    const at = packet.append(length);
    packet.memory.set(data, at + UDP_HEADER_LENGTH);
    writeUdp(packet.view, at, sourcePort, port, length, addressSum(source, address));
    if (this.#reachesUs(binding, address)) this.#ip.loopBack(packet, source, address, PROTOCOL_UDP, ttl, tos);
    // Zero hops: no further than this host.
    if (ttl === 0) return;
    const whole = packet.length + (address.version === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH);
    binding.bytesSent += data.length;
    binding.sent.note(address, Math.min(whole, this.#ip.pathMtu(address)));
    const label = this.#flowLabel(binding, source, sourcePort, remote);
    this.#ip.send(packet, source, address, PROTOCOL_UDP, ttl, tos, label, binding.dontFragment);
  }

  /** Whether a message to a group is for sockets of ours, too. */
  #reachesUs(binding: UdpBinding, address: IpAddress): boolean {
    const { bytes, version } = address;
    if (!this.#addresses.isOurGroupAt(bytes, 0, version)) return false;
    return binding.multicastLoopback || !isMulticastAt(bytes, 0, version);
  }

  #flowLabel(binding: UdpBinding, source: IpAddress, sourcePort: number, remote: SocketAddress): number {
    if (source.version === 4) return 0;
    const last = this.#lastFlow;
    if (last?.binding === binding && last.remote === remote) return last.label;
    const { address, port } = remote;
    const label = this.#ip.flowLabel(source, address, PROTOCOL_UDP, sourcePort, port);
    this.#lastFlow = { binding, remote, label };
    return label;
  }

  #deliverToClosest(
    bindings: UdpBinding[],
    packet: PacketBuffer,
    header: IpHeaderInfo,
    now: Instant,
  ): boolean {
    const { memory, view, start } = packet;
    const { version, addresses } = header;
    const local = addresses + (version === 4 ? 4 : 16);
    const binding = closest(bindings, memory, version, local, addresses, udpSourcePort(view, start));
    if (binding) this.#deliver(binding, packet, header, now);
    return binding !== undefined;
  }

  /** A multicast message reaches every binding that joined its group; a broadcast, all that hear every address. */
  #deliverToAll(bindings: UdpBinding[], packet: PacketBuffer, header: IpHeaderInfo, now: Instant): boolean {
    const { memory, view, start } = packet;
    const { version, addresses } = header;
    const destination = addresses + (version === 4 ? 4 : 16);
    const isForAll = !isMulticastAt(memory, destination, version) || isAllNodesAt(memory, destination);
    let wasWanted = false;
    for (const binding of bindings) {
      if (!hears(binding, version) || !isFrom(binding, memory, addresses, udpSourcePort(view, start)))
        continue;
      const isMember = binding.hasJoined(memory, destination, addresses, version);
      if (!isMember && !(isForAll && binding.isWildcard)) continue;
      this.#deliver(binding, packet, header, now);
      wasWanted = true;
    }
    return wasWanted;
  }

  #deliver(binding: UdpBinding, packet: PacketBuffer, header: IpHeaderInfo, now: Instant): void {
    const { memory, view, start } = packet;
    const length = udpLength(view, start) - UDP_HEADER_LENGTH;
    if (!binding.hasRoom(length)) {
      this.#drops.count('udp-queue-full');
      return;
    }
    const from = start + UDP_HEADER_LENGTH;
    const { version, addresses, ttl, tos } = header;
    binding.deliver(
      memory,
      from,
      from + length,
      version,
      addresses,
      udpSourcePort(view, start),
      ttl,
      tos,
      now,
    );
  }

  #insert(binding: UdpBinding): void {
    const { port } = binding.local;
    const others = this.#bindings.get(port) ?? [];
    if (others.some((other) => collide(binding, other)))
      throw new TunnelError('ERR_ADDRESS_IN_USE', `UDP port ${port} is in use.`);
    this.#bindings.set(port, [...others, binding]);
    this.#count++;
  }

  #connectable(remote: SocketAddress, broadcast: boolean): SocketAddress {
    const address = unmapped(remote.address);
    if (this.#addresses.isBroadcast(address) && !broadcast) throw notAllowed(address);
    if (!this.#ip.hasRoute(address)) throw noRoute(address);
    return { address, port: remote.port };
  }

  #localAddress(address: IpAddress | undefined, remote: SocketAddress | undefined): IpAddress {
    if (!address || isUnspecified(address)) {
      if (remote) return this.#ip.sourceFor(remote.address)!;
      return address ?? ANY_IPV6;
    }
    if (!this.#ip.isLocal(address))
      throw new TunnelError('ERR_NO_ROUTE', `${address} is not an address of this tunnel.`, {
        leg: 'inside',
        reason: 'not-ours',
      });
    if (remote && remote.address.version !== address.version)
      throw new TunnelError('ERR_NO_ROUTE', `${address} cannot reach ${remote.address}.`, { leg: 'inside' });
    return address;
  }

  #hasAddress(binding: UdpBinding): boolean {
    return binding.isWildcard || this.#ip.isLocal(binding.local.address);
  }

  #destination(binding: UdpBinding, to: SocketAddress | undefined): SocketAddress {
    if (!this.#hasAddress(binding)) throw gone(binding.local.address);
    if (binding.remote) {
      if (to) throw new CallerTypeError('to: a connected UDP socket sends to its remote only');
      return binding.remote;
    }
    if (!to) throw new CallerTypeError('to: expected an address, for the UDP socket is not connected');
    checkPort(to.port, 1, 'to.port');
    const address = unmapped(to.address);
    if (!hears(binding, address.version) || !this.#ip.hasRoute(address)) throw noRoute(address);
    if (this.#addresses.isBroadcast(address) && !binding.broadcast) throw notAllowed(address);
    return address === to.address ? to : { address, port: to.port };
  }

  #checkLength(binding: UdpBinding, address: IpAddress, length: number): void {
    const { version } = address;
    const headers = UDP_HEADER_LENGTH + (version === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH);
    const mayBeCut = !binding.dontFragment || this.#ip.isLocal(address);
    const most = mayBeCut ? greatestPayload(address) : this.#ip.pathMtu(address) - headers;
    if (length <= most) return;
    const over = mayBeCut ? `over IPv${version}` : `without fragments to ${address}`;
    const message = `A UDP message ${over} carries at most ${most} bytes; this one has ${length}.`;
    throw new TunnelError('ERR_MESSAGE_TOO_LONG', message);
  }
}

function greatestPayload({ version }: IpAddress): number {
  return version === 4 ? MAX_UDP_PAYLOAD_V4 : MAX_UDP_PAYLOAD_V6;
}

/** The binding that fits best: connected to this remote, else bound to this address, else to the port alone. */
function closest(
  bindings: readonly UdpBinding[],
  memory: Uint8Array,
  version: 4 | 6,
  local: number,
  remote: number,
  remotePort: number,
): UdpBinding | undefined {
  let best: UdpBinding | undefined;
  let bestFit = NO_MATCH;
  for (let i = 0; i < bindings.length; i++) {
    const binding = bindings[i]!;
    if (!hears(binding, version) || !isFrom(binding, memory, remote, remotePort)) continue;
    if (!binding.isWildcard && !binding.local.address.equalsAt(memory, local)) continue;
    const fit =
      (binding.isWildcard ? MATCHES_PORT : MATCHES_ADDRESS) + (binding.remote ? MATCHES_REMOTE : NO_MATCH);
    if (fit > bestFit) {
      best = binding;
      bestFit = fit;
    }
  }
  return best;
}

function hears(binding: UdpBinding, version: 4 | 6): boolean {
  return binding.local.address.version === version || binding.isDualStack;
}

/** Which of its memberships is this one; -1 if none. */
function membershipAt(binding: UdpBinding, group: IpAddress, source: IpAddress | undefined): number {
  return binding.groups.findIndex(
    (joined) =>
      joined.group.equals(group) && (source ? joined.source?.equals(source) === true : !joined.source),
  );
}

/** Whether a connected binding's remote is the one at `offset`; an unconnected one hears all. */
function isFrom(binding: UdpBinding, memory: Uint8Array, offset: number, port: number): boolean {
  const { remote } = binding;
  return remote === undefined || (remote.port === port && remote.address.equalsAt(memory, offset));
}

/** Whether two bindings of one port could not be told apart. */
function collide(a: UdpBinding, b: UdpBinding): boolean {
  if (a.sharesAddress && b.sharesAddress) return false;
  if (a.remote && b.remote) {
    const isSameRemote = a.remote.port === b.remote.port && a.remote.address.equals(b.remote.address);
    return isSameRemote && a.local.address.equals(b.local.address);
  }
  if (a.remote || b.remote) return false;
  if (a.isWildcard !== b.isWildcard) return false;
  if (!a.isWildcard) return a.local.address.equals(b.local.address);
  return hears(a, b.local.address.version) || hears(b, a.local.address.version);
}

function checkOptions(options: UdpOptions): void {
  if (options.port !== undefined) checkPort(options.port, 0, 'port');
  if (options.remote) checkPort(options.remote.port, 1, 'remote.port');
  checkTtls(options);
  checkMarks(options);
}

function checkMarks({ ttl, tos }: UdpMarks): void {
  if (ttl !== undefined) checkByte(ttl, 1, 'ttl');
  if (tos !== undefined) checkByte(tos, 0, 'tos');
}

function checkPort(port: number, least: number, name: string): void {
  if (!Number.isInteger(port) || port < least || port > 65_535)
    throw new CallerRangeError(`${name}: expected ${least}–65535, got ${port}`);
}

function gone(address: IpAddress): TunnelError {
  return new TunnelError('ERR_NO_ROUTE', `${address} is no longer an address of this tunnel.`, {
    leg: 'inside',
  });
}

function notAllowed(address: IpAddress): TunnelError {
  return new TunnelError(
    'ERR_NOT_ALLOWED',
    `${address} is a broadcast address; the socket needs \`broadcast\`.`,
  );
}

function noRoute(address: IpAddress): TunnelError {
  return new TunnelError('ERR_NO_ROUTE', `No peer's allowed IPs cover ${address}.`, { leg: 'inside' });
}
