import type { IpAddress, SocketAddress } from '../address.ts';
import { TunnelError } from '../errors.ts';
import { IPV4_HEADER_LENGTH, IPV4_MAX_LENGTH } from '../wire/ipv4.ts';
import { IPV6_MAX_PAYLOAD } from '../wire/ipv6.ts';
import { UDP_HEADER_LENGTH } from '../wire/udp.ts';
import type { UdpLayer } from './udp-layer.ts';

export const MAX_UDP_PAYLOAD_V4 = IPV4_MAX_LENGTH - IPV4_HEADER_LENGTH - UDP_HEADER_LENGTH;
export const MAX_UDP_PAYLOAD_V6 = IPV6_MAX_PAYLOAD - UDP_HEADER_LENGTH;

/** Of received messages that nobody has taken yet, and of sent ones that have not left yet. */
export const UDP_QUEUE_BYTES = 256 * 1024;
/** What a message costs a queue besides its data, so that empty ones fill it too. */
export const UDP_MESSAGE_OVERHEAD = 32;

export interface UdpOptions {
  /** An address of ours. Absent or `::`: all of them, of both families; `0.0.0.0`: all of IPv4. */
  address?: IpAddress;
  /** Absent or 0: any free one. */
  port?: number;
  /** Connected: only this remote is heard, and ICMP errors about it reach the observer. */
  remote?: SocketAddress;
  /** With `::`: IPv6 only. */
  ipv6Only?: boolean;
  ttl?: number;
  /** DSCP and ECN bits of what is sent. */
  tos?: number;
}

export interface UdpMessage {
  readonly data: Uint8Array;
  readonly remote: SocketAddress;
}

/** Must only take note. */
export interface UdpObserver {
  readable(): void;
  /** Of a connected binding: its remote cannot be reached. The binding stays usable. */
  failed(error: TunnelError): void;
}

/** Messages up to a number of bytes, oldest first. */
export class UdpQueue {
  #messages: UdpMessage[] = [];
  #first = 0;
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#first === this.#messages.length;
  }

  /** Whether there is room for a message of `length` bytes. */
  hasRoom(length: number): boolean {
    return this.#bytes + length + UDP_MESSAGE_OVERHEAD <= UDP_QUEUE_BYTES;
  }

  push(message: UdpMessage): void {
    this.#messages.push(message);
    this.#bytes += message.data.length + UDP_MESSAGE_OVERHEAD;
  }

  shift(): UdpMessage | undefined {
    if (this.isEmpty) return undefined;
    const message = this.#messages[this.#first++]!;
    this.#bytes -= message.data.length + UDP_MESSAGE_OVERHEAD;
    // Forget what was taken once it is half of the array, so that taking costs the same however long the queue is.
    if (this.#first * 2 >= this.#messages.length) {
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
    return message;
  }
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
  readonly ttl: number;
  readonly tos: number;
  observer: UdpObserver | undefined;
  readonly #layer: UdpLayer;
  readonly #received = new UdpQueue();
  /** Filled by `send`, emptied by the layer. */
  readonly unsent = new UdpQueue();
  #isClosed = false;

  constructor(
    layer: UdpLayer,
    local: SocketAddress,
    remote: SocketAddress | undefined,
    scope: { isWildcard: boolean; isDualStack: boolean },
    marks: { ttl: number; tos: number },
  ) {
    this.#layer = layer;
    this.local = local;
    this.remote = remote;
    this.isWildcard = scope.isWildcard;
    this.isDualStack = scope.isDualStack;
    this.ttl = marks.ttl;
    this.tos = marks.tos;
  }

  /**
   * Sends a copy of `data` (empty is a message too) to `to`, or to where it is connected; it leaves at the next poll,
   * or when the way out has room again. When too much is waiting, the oldest is dropped and counted. Throws a
   * TunnelError: ERR_NO_ROUTE, ERR_MESSAGE_TOO_LONG, ERR_CLOSED.
   */
  send(data: Uint8Array, to?: SocketAddress): void {
    if (this.#isClosed) throw new TunnelError('ERR_CLOSED', 'The UDP socket is closed.');
    this.#layer.queue(this, data, to);
  }

  /** The oldest message that has come, or undefined. */
  receive(): UdpMessage | undefined {
    return this.#received.shift();
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

  /** For the layer: takes a message in. */
  deliver(message: UdpMessage): void {
    this.#received.push(message);
    this.observer?.readable();
  }
}
