// UDP (RFC 768, RFC 1122 §4.1): finds the binding for what arrives, and sends what bindings have queued.

import { IpAddress, type SocketAddress } from '../address.ts';
import type { DropCounters } from '../counters.ts';
import type { Environment } from '../environment.ts';
import { TunnelError } from '../errors.ts';
import type { PacketBuffer } from '../packet-buffer.ts';
import { type Instant, NEVER, type Pollable } from '../time.ts';
import { addressSum } from '../wire/checksum.ts';
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
import type { IcmpErrorKind } from './icmp-errors.ts';
import type { IpHeaderInfo, IpLayer } from './ip-layer.ts';
import { isUnspecified, unmapped } from './local-addresses.ts';
import { EphemeralPorts } from './ports.ts';
import {
  MAX_UDP_PAYLOAD_V4,
  MAX_UDP_PAYLOAD_V6,
  UdpBinding,
  type UdpMessage,
  type UdpOptions,
} from './udp-binding.ts';

const MAX_BINDINGS = 65_536;
const DEFAULT_TTL = 64;
const ANY_IPV6 = new IpAddress(new Uint8Array(16));

// How closely a binding fits a packet; the closest gets it.
const NO_MATCH = 0;
const MATCHES_PORT = 1;
const MATCHES_ADDRESS = 2;
const MATCHES_REMOTE = 4;

export class UdpLayer implements Pollable {
  readonly #ip: IpLayer;
  readonly #ports: EphemeralPorts;
  readonly #drops: DropCounters<NetStackDrop>;
  readonly #bindings = new Map<number, UdpBinding[]>();
  #count = 0;
  /** Bindings with messages to send, in the order in which they came to have them. */
  readonly #sending = new Set<UdpBinding>();
  /** The remote of the last message, so that a stream of them from one place shares one object. */
  #lastRemote: SocketAddress = { address: ANY_IPV6, port: 0 };

  constructor(ip: IpLayer, environment: Environment, drops: DropCounters<NetStackDrop>) {
    this.#ip = ip;
    this.#ports = new EphemeralPorts(environment);
    this.#drops = drops;
  }

  /** Throws a TunnelError: ERR_NO_ROUTE, ERR_ADDRESS_IN_USE, ERR_LIMIT. */
  bind(options: UdpOptions): UdpBinding {
    if (this.#count >= MAX_BINDINGS) throw new TunnelError('ERR_LIMIT', 'Too many UDP sockets.');
    checkOptions(options);
    const remote = options.remote && this.#connectable(options.remote);
    const address = this.#localAddress(options.address && unmapped(options.address), remote);
    const isWildcard = isUnspecified(address);
    const isDualStack = isWildcard && address.version === 6 && !options.ipv6Only;
    const scope = { isWildcard, isDualStack };
    const marks = { ttl: options.ttl ?? DEFAULT_TTL, tos: options.tos ?? 0 };
    const port = options.port || this.#ports.random((candidate) => this.#bindings.has(candidate));
    if (port === undefined) throw new TunnelError('ERR_ADDRESS_IN_USE', 'All UDP ports are taken.');
    const binding = new UdpBinding(this, { address, port }, remote, scope, marks);
    this.#insert(binding);
    return binding;
  }

  remove(binding: UdpBinding): void {
    this.#sending.delete(binding);
    const { port } = binding.local;
    const left = this.#bindings.get(port)?.filter((other) => other !== binding) ?? [];
    if (left.length > 0) this.#bindings.set(port, left);
    else this.#bindings.delete(port);
    this.#count--;
  }

  /** For a binding: takes a copy of what it sends. */
  queue(binding: UdpBinding, data: Uint8Array, to: SocketAddress | undefined): void {
    const remote = this.#destination(binding, to);
    const most = remote.address.version === 4 ? MAX_UDP_PAYLOAD_V4 : MAX_UDP_PAYLOAD_V6;
    if (data.length > most) {
      throw new TunnelError(
        'ERR_MESSAGE_TOO_LONG',
        `A UDP message over IPv${remote.address.version} carries at most ${most} bytes; this one has ${data.length}.`,
      );
    }
    const { unsent } = binding;
    while (!unsent.hasRoom(data.length)) {
      unsent.shift();
      this.#drops.count('udp-send-queue-full');
    }
    unsent.push({ data: data.slice(), remote });
    this.#sending.add(binding);
  }

  /** The packet starts with the UDP header. False when no binding wants it and its sender may be told. */
  receive(packet: PacketBuffer, header: IpHeaderInfo, isForGroup: boolean): boolean {
    const { view, start, end } = packet;
    const fault = checkUdp(view, start, end, header.version, header.addresses);
    if (fault) {
      this.#drops.count(fault);
      return true;
    }
    const bindings = this.#bindings.get(udpDestinationPort(view, start));
    const wasWanted = bindings
      ? isForGroup
        ? this.#deliverToAll(bindings, packet, header)
        : this.#deliverToClosest(bindings, packet, header)
      : false;
    if (!wasWanted) this.#drops.count('udp-port-closed');
    return wasWanted;
  }

  /** An ICMP error about a message of ours: `packet` starts with its UDP header. Whether it can be ours. */
  receiveError(packet: PacketBuffer, quoted: IpHeaderInfo, kind: IcmpErrorKind): boolean {
    const { memory, view, start } = packet;
    const { version, addresses } = quoted;
    const size = version === 4 ? 4 : 16;
    const port = udpSourcePort(view, start);
    const remotePort = udpDestinationPort(view, start);
    const bindings = this.#bindings.get(port);
    if (!bindings) return false;
    const binding = closest(bindings, memory, version, addresses, addresses + size, remotePort);
    if (!binding) return false;
    // RFC 1122 §4.1.3.3 has errors passed up; soft ones would end what may still work, so those are not.
    if (binding.remote && (kind === 'refused' || kind === 'prohibited'))
      binding.observer?.failed(errorOf(kind, binding.remote));
    return true;
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
    return this.#sending.size > 0 && !this.#ip.congested ? 0 : NEVER;
  }

  /** Sends what is queued, in turn, one message of each binding at a time, while the way out has room. */
  poll(): void {
    for (const binding of this.#sending) {
      if (this.#ip.congested) return;
      this.#sending.delete(binding);
      this.#send(binding, binding.unsent.shift()!);
      // Back at the end of the line, where this very loop will find it again.
      if (!binding.unsent.isEmpty) this.#sending.add(binding);
    }
  }

  #send(binding: UdpBinding, { data, remote }: UdpMessage): void {
    const { address, port } = remote;
    const source = binding.isWildcard ? this.#ip.sourceFor(address) : binding.local.address;
    if (!source) return;
    const length = UDP_HEADER_LENGTH + data.length;
    const packet = this.#ip.begin(address.version, length);
    const at = packet.append(length);
    packet.memory.set(data, at + UDP_HEADER_LENGTH);
    writeUdp(packet.view, at, binding.local.port, port, length, addressSum(source, address));
    this.#ip.send(packet, source, address, PROTOCOL_UDP, binding.ttl, binding.tos);
  }

  #deliverToClosest(bindings: UdpBinding[], packet: PacketBuffer, header: IpHeaderInfo): boolean {
    const { memory, view, start } = packet;
    const { version, addresses } = header;
    const local = addresses + (version === 4 ? 4 : 16);
    const binding = closest(bindings, memory, version, local, addresses, udpSourcePort(view, start));
    if (binding) this.#deliver(binding, packet, header);
    return binding !== undefined;
  }

  /** Broadcast and multicast reach every binding that is not bound to one address. */
  #deliverToAll(bindings: UdpBinding[], packet: PacketBuffer, header: IpHeaderInfo): boolean {
    let wasWanted = false;
    for (const binding of bindings) {
      if (!binding.isWildcard || !hears(binding, header.version)) continue;
      if (!isFrom(binding, packet.memory, header.addresses, udpSourcePort(packet.view, packet.start)))
        continue;
      this.#deliver(binding, packet, header);
      wasWanted = true;
    }
    return wasWanted;
  }

  #deliver(binding: UdpBinding, packet: PacketBuffer, header: IpHeaderInfo): void {
    const { memory, view, start } = packet;
    const length = udpLength(view, start) - UDP_HEADER_LENGTH;
    if (!binding.hasRoom(length)) {
      this.#drops.count('udp-queue-full');
      return;
    }
    const from = start + UDP_HEADER_LENGTH;
    const remote = binding.remote ?? this.#remoteOf(packet, header);
    binding.deliver({ data: memory.slice(from, from + length), remote });
  }

  #remoteOf(packet: PacketBuffer, header: IpHeaderInfo): SocketAddress {
    const { memory } = packet;
    const port = udpSourcePort(packet.view, packet.start);
    const last = this.#lastRemote;
    const isSame =
      last.port === port &&
      last.address.version === header.version &&
      last.address.equalsAt(memory, header.addresses);
    if (!isSame)
      this.#lastRemote = { address: IpAddress.readFrom(memory, header.addresses, header.version), port };
    return this.#lastRemote;
  }

  #insert(binding: UdpBinding): void {
    const { port } = binding.local;
    const others = this.#bindings.get(port) ?? [];
    if (others.some((other) => collide(binding, other)))
      throw new TunnelError('ERR_ADDRESS_IN_USE', `UDP port ${port} is in use.`);
    this.#bindings.set(port, [...others, binding]);
    this.#count++;
  }

  #connectable(remote: SocketAddress): SocketAddress {
    const address = unmapped(remote.address);
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
      if (to) throw new TypeError('to: a connected UDP socket sends to its remote only');
      return binding.remote;
    }
    if (!to) throw new TypeError('to: expected an address, for the UDP socket is not connected');
    checkPort(to.port, 1, 'to.port');
    const address = unmapped(to.address);
    if (!hears(binding, address.version) || !this.#ip.hasRoute(address)) throw noRoute(address);
    return address === to.address ? to : { address, port: to.port };
  }
}

/** The binding that fits best: connected to this remote, else bound to this address, else to the port alone. */
function closest(
  bindings: UdpBinding[],
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

/** Whether a connected binding's remote is the one at `offset`; an unconnected one hears all. */
function isFrom(binding: UdpBinding, memory: Uint8Array, offset: number, port: number): boolean {
  const { remote } = binding;
  return remote === undefined || (remote.port === port && remote.address.equalsAt(memory, offset));
}

/** Whether two bindings of one port could not be told apart. */
function collide(a: UdpBinding, b: UdpBinding): boolean {
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
  if (options.ttl !== undefined) checkByte(options.ttl, 1, 'ttl');
  if (options.tos !== undefined) checkByte(options.tos, 0, 'tos');
}

function checkPort(port: number, least: number, name: string): void {
  if (!Number.isInteger(port) || port < least || port > 65_535)
    throw new RangeError(`${name}: expected ${least}–65535, got ${port}`);
}

function checkByte(value: number, least: number, name: string): void {
  if (!Number.isInteger(value) || value < least || value > 255)
    throw new RangeError(`${name}: expected ${least}–255, got ${value}`);
}

function gone(address: IpAddress): TunnelError {
  return new TunnelError('ERR_NO_ROUTE', `${address} is no longer an address of this tunnel.`, {
    leg: 'inside',
  });
}

function noRoute(address: IpAddress): TunnelError {
  return new TunnelError('ERR_NO_ROUTE', `No peer's allowed IPs cover ${address}.`, { leg: 'inside' });
}

function errorOf(kind: 'refused' | 'prohibited', remote: SocketAddress): TunnelError {
  return kind === 'refused'
    ? new TunnelError(
        'ERR_CONNECTION_REFUSED',
        `${remote.address} says that UDP port ${remote.port} is closed.`,
        {
          leg: 'inside',
          retryable: true,
        },
      )
    : new TunnelError('ERR_HOST_UNREACHABLE', `A router forbids the way to ${remote.address}.`, {
        leg: 'inside',
      });
}
