import { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';
import { TunnelError } from '../errors.ts';
import type { PacketBuffer } from '../packet-buffer.ts';
import { type Instant, NEVER, type Pollable } from '../time.ts';
import { addressSum } from '../wire/checksum.ts';
import {
  echoIdentifier,
  echoRequestType,
  echoSequence,
  ICMP_HEADER_LENGTH,
  icmpType,
  writeIcmp,
} from '../wire/icmp.ts';
import { IPV4_HEADER_LENGTH, IPV4_MAX_LENGTH } from '../wire/ipv4.ts';
import { IPV6_MAX_PAYLOAD } from '../wire/ipv6.ts';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from '../wire/protocols.ts';
import type { EchoReplyReceiver, IcmpError } from './icmp.ts';
import type { IcmpErrorKind } from './icmp-errors.ts';
import type { IpHeaderInfo, IpLayer } from './ip-layer.ts';

/** What Linux's ping sends when nothing is asked for. */
export const DEFAULT_PING_SIZE = 56;
export const MAX_PING_SIZE_V4 = IPV4_MAX_LENGTH - IPV4_HEADER_LENGTH - ICMP_HEADER_LENGTH;
export const MAX_PING_SIZE_V6 = IPV6_MAX_PAYLOAD - ICMP_HEADER_LENGTH;

const MAX_SOCKETS = 1024;
/** Requests that are remembered, answered or not; the oldest is forgotten. */
const MAX_REMEMBERED = 1024;
/** Requests that wait for the next poll; more are refused. */
const MAX_WAITING = 64;
const DEFAULT_TTL = 64;

export interface PingReply {
  sequence: number;
  /** Of the echoed data. */
  bytes: number;
  /** Hops the reply may still have gone. */
  ttl: number;
  /** Milliseconds between the request's `now` and the reply's. */
  rtt: number;
  from: IpAddress;
  /** Whether this sequence number was answered before. */
  isDuplicate: boolean;
}

export interface PingFailure {
  sequence: number;
  kind: IcmpErrorKind;
  /** Of the ICMP message. */
  type: number;
  code: number;
  /** Who says so: a router on the way, or the destination. */
  from: IpAddress;
}

/** Must only take note. */
export interface PingObserver {
  reply(reply: PingReply): void;
  error(failure: PingFailure): void;
}

interface Request {
  sequence: number;
  size: number;
  ttl: number;
}

/** Echo requests to one destination, under one identifier, and what comes back. */
export class PingSocket {
  readonly remote: IpAddress;
  readonly identifier: number;
  observer: PingObserver | undefined;
  readonly #pings: Pings;
  /** When each sequence number left, negative once answered (−1 − instant). Oldest first. */
  readonly #sentAt = new Map<number, number>();
  #waiting: Request[] = [];
  #isClosed = false;

  constructor(remote: IpAddress, identifier: number, pings: Pings) {
    this.remote = remote;
    this.identifier = identifier;
    this.#pings = pings;
  }

  /**
   * Asks for an echo of `size` bytes of data, with a sequence number of 16 bits; it leaves at the next poll. Throws a
   * TunnelError: ERR_MESSAGE_TOO_LONG, ERR_LIMIT when too many are waiting to leave, ERR_CLOSED.
   */
  send(sequence: number, size: number, ttl: number | undefined, now: Instant): void {
    if (this.#isClosed) throw new TunnelError('ERR_CLOSED', 'The ping is closed.');
    checkPing(sequence, size, ttl, this.remote.version);
    if (this.#waiting.length >= MAX_WAITING)
      throw new TunnelError('ERR_LIMIT', 'Too many echo requests at once.', { retryable: true });
    this.#sentAt.delete(sequence);
    if (this.#sentAt.size >= MAX_REMEMBERED) this.#sentAt.delete(this.#sentAt.keys().next().value!);
    this.#sentAt.set(sequence, now);
    this.#waiting.push({ sequence, size, ttl: ttl ?? DEFAULT_TTL });
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#pings.remove(this);
  }

  /** For Pings only, as all below. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  takeWaiting(): Request[] {
    const requests = this.#waiting;
    this.#waiting = [];
    return requests;
  }

  /** Whether the reply is to a request of ours. */
  receiveReply(sequence: number, bytes: number, ttl: number, now: Instant): boolean {
    const sent = this.#sentAt.get(sequence);
    if (sent === undefined) return false;
    const isDuplicate = sent < 0;
    const sentAt = isDuplicate ? -1 - sent : sent;
    // Overwriting keeps its place among the others.
    this.#sentAt.set(sequence, -1 - sentAt);
    this.observer?.reply({ sequence, bytes, ttl, rtt: now - sentAt, from: this.remote, isDuplicate });
    return true;
  }

  /** Whether the error is about a request of ours. */
  receiveError(sequence: number, error: IcmpError, from: IpAddress): boolean {
    if (!this.#sentAt.has(sequence)) return false;
    this.observer?.error({ sequence, kind: error.kind, type: error.type, code: error.code, from });
    return true;
  }
}

/** All pings, by identifier. */
export class Pings implements Pollable, EchoReplyReceiver {
  readonly #ip: IpLayer;
  readonly #environment: Environment;
  readonly #sockets = new Map<number, PingSocket>();

  constructor(ip: IpLayer, environment: Environment) {
    this.#ip = ip;
    this.#environment = environment;
  }

  /** Throws a TunnelError: ERR_NO_ROUTE, ERR_LIMIT. */
  open(remote: IpAddress): PingSocket {
    if (!this.#ip.hasRoute(remote))
      throw new TunnelError('ERR_NO_ROUTE', `No peer's allowed IPs cover ${remote}.`, { leg: 'inside' });
    if (this.#sockets.size >= MAX_SOCKETS)
      throw new TunnelError('ERR_LIMIT', `No more than ${MAX_SOCKETS} pings at a time.`);
    const socket = new PingSocket(remote, this.#freeIdentifier(), this);
    this.#sockets.set(socket.identifier, socket);
    return socket;
  }

  remove(socket: PingSocket): void {
    if (this.#sockets.get(socket.identifier) === socket) this.#sockets.delete(socket.identifier);
  }

  receiveEchoReply(packet: PacketBuffer, header: IpHeaderInfo, now: Instant): boolean {
    const { memory, view, start } = packet;
    const socket = this.#sockets.get(echoIdentifier(view, start));
    if (!socket || socket.remote.version !== header.version) return false;
    if (!socket.remote.equalsAt(memory, header.addresses)) return false;
    const bytes = packet.length - ICMP_HEADER_LENGTH;
    return socket.receiveReply(echoSequence(view, start), bytes, header.ttl, now);
  }

  /** `packet` starts with the ICMP header that is quoted. */
  receiveError(packet: PacketBuffer, quoted: IpHeaderInfo, error: IcmpError): boolean {
    const { memory, view, start } = packet;
    const { version } = quoted;
    if (icmpType(view, start) !== echoRequestType(version)) return false;
    const socket = this.#sockets.get(echoIdentifier(view, start));
    const destination = quoted.addresses + (version === 4 ? 4 : 16);
    if (!socket || socket.remote.version !== version) return false;
    if (!socket.remote.equalsAt(memory, destination)) return false;
    const from = IpAddress.readFrom(memory, error.reporter, version);
    return socket.receiveError(echoSequence(view, start), error, from);
  }

  pollAt(): Instant {
    for (const socket of this.#sockets.values()) if (socket.hasWaiting) return 0;
    return NEVER;
  }

  poll(): void {
    for (const socket of this.#sockets.values()) {
      if (!socket.hasWaiting) continue;
      for (const request of socket.takeWaiting()) this.#send(socket, request);
    }
  }

  #send(socket: PingSocket, request: Request): void {
    const { remote, identifier } = socket;
    const source = this.#ip.sourceFor(remote);
    if (!source) return;
    const { version } = remote;
    const packet = this.#ip.begin(version, ICMP_HEADER_LENGTH + request.size);
    const at = packet.append(ICMP_HEADER_LENGTH + request.size);
    const data = at + ICMP_HEADER_LENGTH;
    for (let i = 0; i < request.size; i++) packet.memory[data + i] = i;
    const rest = (identifier << 16) | request.sequence;
    const sum = version === 4 ? 0 : addressSum(source, remote);
    writeIcmp(packet.view, at, packet.end, version, echoRequestType(version), 0, rest, sum);
    const protocol = version === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
    this.#ip.send(packet, source, remote, protocol, request.ttl, 0);
  }

  #freeIdentifier(): number {
    const random = new Uint16Array(1);
    do this.#environment.fillRandom(new Uint8Array(random.buffer));
    while (this.#sockets.has(random[0]!));
    return random[0]!;
  }
}

function checkPing(sequence: number, size: number, ttl: number | undefined, version: 4 | 6): void {
  if (!Number.isInteger(sequence) || sequence < 0 || sequence > 0xffff)
    throw new RangeError(`sequence: expected 0–65535, got ${sequence}`);
  if (ttl !== undefined && (!Number.isInteger(ttl) || ttl < 1 || ttl > 255))
    throw new RangeError(`ttl: expected 1–255, got ${ttl}`);
  if (!Number.isInteger(size) || size < 0) throw new RangeError(`size: expected 0 or more, got ${size}`);
  const most = version === 4 ? MAX_PING_SIZE_V4 : MAX_PING_SIZE_V6;
  if (size > most)
    throw new TunnelError('ERR_MESSAGE_TOO_LONG', `A ping over IPv${version} carries at most ${most} bytes.`);
}
