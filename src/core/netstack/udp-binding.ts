import type { IpAddress, SocketAddress } from '../address.ts';
import { CallerRangeError, TunnelError } from '../errors.ts';
import type { Instant } from '../time.ts';
import { IPV4_HEADER_LENGTH, IPV4_MAX_LENGTH } from '../wire/ipv4.ts';
import { IPV6_MAX_PAYLOAD } from '../wire/ipv6.ts';
import { UDP_HEADER_LENGTH } from '../wire/udp.ts';
import type { IcmpReportKind } from './icmp-errors.ts';
import type { UdpLayer } from './udp-layer.ts';
import { UdpSendQueue, UdpSent } from './udp-outgoing.ts';
import { type UdpMessage, UdpRing } from './udp-ring.ts';

export const MAX_UDP_PAYLOAD_V4 = IPV4_MAX_LENGTH - IPV4_HEADER_LENGTH - UDP_HEADER_LENGTH;
export const MAX_UDP_PAYLOAD_V6 = IPV6_MAX_PAYLOAD - UDP_HEADER_LENGTH;

/** How messages are marked. */
export interface UdpMarks {
  /** TTL or hop limit, 1–255. */
  ttl?: number;
  /** DSCP and ECN bits. */
  tos?: number;
}

export interface UdpOptions extends UdpMarks {
  /** An address of ours. Absent or `::`: all of them, of both families; `0.0.0.0`: all of IPv4. */
  address?: IpAddress;
  /** Absent or 0: any free one. */
  port?: number;
  /** Connected: only this remote is heard, and ICMP errors about it reach the observer. */
  remote?: SocketAddress;
  /** With `::`: IPv6 only. */
  ipv6Only?: boolean;
  /** Others that say so too may have the same address and port: for groups, whose messages reach them all. */
  sharesAddress?: boolean;
  /** What does not fit the path is an error, ERR_MESSAGE_TOO_LONG, instead of fragments. */
  dontFragment?: boolean;
  /** Sending to a broadcast address is meant. */
  broadcast?: boolean;
  /** TTL of messages to a multicast group; default 1. */
  multicastTtl?: number;
  /** Whether members among our own sockets hear what is sent to their group; default true. */
  multicastLoopback?: boolean;
}

/** What can change while it is open; what is absent stays. */
export type UdpChanges = {
  [Name in 'ttl' | 'broadcast' | 'multicastTtl' | 'multicastLoopback']?: UdpOptions[Name] | undefined;
};

/** A multicast group that a binding hears. */
export interface Membership {
  readonly group: IpAddress;
  /** Whose messages it hears; absent: everybody's. */
  readonly source: IpAddress | undefined;
}

/** What an ICMP message said about a message of ours. */
export interface UdpReport {
  readonly kind: IcmpReportKind;
  /** Of the ICMP message. */
  readonly type: number;
  readonly code: number;
  /** Who says so: a router on the way, or the destination. */
  readonly from: IpAddress;
  /** Where the message went. */
  readonly remote: SocketAddress;
  readonly at: Instant;
}

/** Must only take note. */
export interface UdpObserver {
  readable(): void;
  /** Of a connected binding: its remote cannot be reached. The binding stays usable. */
  failed(error: TunnelError): void;
  /** Every ICMP error about a message of ours, also of a binding that is not connected: for those who ask. */
  reported?(report: UdpReport): void;
}

/** A bound UDP port: what a UDP socket is, inside the stack. */
export class UdpBinding {
  readonly local: SocketAddress;
  /** Where it is connected to. */
  readonly remote: SocketAddress | undefined;
  /** Whether it hears every address of ours, of `local.address`'s family. */
  readonly isWildcard: boolean;
  /** Whether, as `::`, it hears IPv4 too. */
  readonly isDualStack: boolean;
  readonly sharesAddress: boolean;
  ttl: number;
  readonly tos: number;
  dontFragment: boolean;
  broadcast: boolean;
  multicastTtl: number;
  multicastLoopback: boolean;
  observer: UdpObserver | undefined;
  readonly #layer: UdpLayer;
  readonly #received = new UdpRing();
  /** Multicast groups that it hears. */
  readonly groups: Membership[] = [];
  /** Filled by `send`, emptied by the layer. */
  readonly unsent = new UdpSendQueue();
  /** Kept by the layer. */
  readonly sent = new UdpSent();
  /** Of payload. */
  bytesSent = 0;
  bytesReceived = 0;
  #isClosed = false;

  constructor(
    layer: UdpLayer,
    local: SocketAddress,
    remote: SocketAddress | undefined,
    scope: { isWildcard: boolean; isDualStack: boolean },
    options: UdpOptions,
  ) {
    this.#layer = layer;
    this.local = local;
    this.remote = remote;
    this.isWildcard = scope.isWildcard;
    this.isDualStack = scope.isDualStack;
    this.sharesAddress = options.sharesAddress ?? false;
    this.ttl = options.ttl ?? 64;
    this.tos = options.tos ?? 0;
    this.dontFragment = options.dontFragment ?? false;
    this.broadcast = options.broadcast ?? false;
    this.multicastTtl = options.multicastTtl ?? 1;
    this.multicastLoopback = options.multicastLoopback ?? true;
  }

  /**
   * Sends a copy of `data` (empty is a message too) to `to`, or to where it is connected; it leaves at the next poll,
   * or when the way out has room again. When too much is waiting, the oldest is dropped and counted. Throws a
   * TunnelError: ERR_NO_ROUTE, ERR_MESSAGE_TOO_LONG, ERR_NOT_ALLOWED (a broadcast that was not asked for), ERR_CLOSED.
   */
  send(data: Uint8Array, to?: SocketAddress, marks: UdpMarks = {}): void {
    this.#checkOpen();
    this.#layer.queue(this, data, to, marks);
  }

  /** For what is sent from now on. Throws a RangeError. */
  setOptions(changes: UdpChanges): void {
    checkTtls(changes);
    this.ttl = changes.ttl ?? this.ttl;
    this.broadcast = changes.broadcast ?? this.broadcast;
    this.multicastTtl = changes.multicastTtl ?? this.multicastTtl;
    this.multicastLoopback = changes.multicastLoopback ?? this.multicastLoopback;
  }

  /** The oldest message that has come, or undefined. */
  receive(): UdpMessage | undefined {
    return this.#received.shift();
  }

  /**
   * Hears what is sent to a multicast group from now on, by everybody or by `source` (RFC 4607). That is a filter of ours:
   * nobody is told (no IGMP, no MLD), so a peer must send us the group's packets by itself. Throws a TunnelError:
   * ERR_ADDRESS_IN_USE (joined already), ERR_LIMIT, ERR_CLOSED; a TypeError for an address that is no group of the socket's
   * family.
   */
  joinGroup(group: IpAddress, source?: IpAddress): void {
    this.#checkOpen();
    this.#layer.joinGroup(this, group, source);
  }

  /** Throws a TypeError for a group that it has not joined. */
  leaveGroup(group: IpAddress, source?: IpAddress): void {
    this.#layer.leaveGroup(this, group, source);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.observer = undefined;
    this.#layer.remove(this);
  }

  /** For the layer: whether there is room for `length` bytes. */
  hasRoom(length: number): boolean {
    return this.#received.hasRoom(length);
  }

  /** For the layer: takes a copy of memory[start, end), which came from the address at `address`. */
  deliver(
    memory: Uint8Array,
    start: number,
    end: number,
    version: 4 | 6,
    address: number,
    port: number,
    ttl: number,
    tos: number,
    at: Instant,
  ): void {
    this.bytesReceived += end - start;
    this.#received.push(memory, start, end, version, address, port, ttl, tos, at);
    this.observer?.readable();
  }

  /** For the layer: whether it hears what the address at `source` sends to the group whose address lies at `offset`. */
  hasJoined(memory: Uint8Array, offset: number, source: number, version: 4 | 6): boolean {
    for (let i = 0; i < this.groups.length; i++) {
      const membership = this.groups[i]!;
      if (membership.group.version !== version || !membership.group.equalsAt(memory, offset)) continue;
      if (membership.source?.equalsAt(memory, source) ?? true) return true;
    }
    return false;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new TunnelError('ERR_CLOSED', 'The UDP socket is closed.');
  }
}

/** Throws a RangeError. */
export function checkTtls({ ttl, multicastTtl }: UdpChanges): void {
  if (ttl !== undefined) checkByte(ttl, 1, 'ttl');
  if (multicastTtl !== undefined) checkByte(multicastTtl, 0, 'multicastTtl');
}

export function checkByte(value: number, least: number, name: string): void {
  if (!Number.isInteger(value) || value < least || value > 255)
    throw new CallerRangeError(`${name}: expected ${least}–255, got ${value}`);
}

/** Whether it will not go away by itself (RFC 1122 §4.1.3.3): what ends a way, and not only a message. */
export function isHard(kind: IcmpReportKind): kind is 'refused' | 'prohibited' {
  return kind === 'refused' || kind === 'prohibited';
}

export function hardError(kind: 'refused' | 'prohibited', { address, port }: SocketAddress): TunnelError {
  return kind === 'refused'
    ? new TunnelError('ERR_CONNECTION_REFUSED', `${address} says that UDP port ${port} is closed.`, {
        leg: 'inside',
        retryable: true,
      })
    : new TunnelError('ERR_HOST_UNREACHABLE', `A router forbids the way to ${address}.`, { leg: 'inside' });
}
