import { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';
import { CallerRangeError, TunnelError } from '../errors.ts';
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
import { IPV6_HEADER_LENGTH, IPV6_MAX_PAYLOAD } from '../wire/ipv6.ts';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from '../wire/protocols.ts';
import type { EchoReplyReceiver, IcmpError } from './icmp.ts';
import type { IcmpReportKind } from './icmp-errors.ts';
import type { IpHeaderInfo, IpLayer } from './ip-layer.ts';

const MAX_PING_SIZE_V4 = IPV4_MAX_LENGTH - IPV4_HEADER_LENGTH - ICMP_HEADER_LENGTH;
const MAX_PING_SIZE_V6 = IPV6_MAX_PAYLOAD - ICMP_HEADER_LENGTH;

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
  /** Whether the data came back as it was sent. */
  isIntact: boolean;
}

export interface PingFailure {
  sequence: number;
  kind: IcmpReportKind;
  /** Of `too-big`: what the next link takes, as the router says; 0 when it does not. */
  mtu: number;
  /** Of the ICMP message. */
  type: number;
  code: number;
  /** Who says so: a router on the way, or the destination. */
  from: IpAddress;
  /** Milliseconds between the request's `now` and the error's. */
  rtt: number;
}

/** Must only take note. */
export interface PingObserver {
  reply(reply: PingReply): void;
  error(failure: PingFailure): void;
}

export interface PingMarks {
  /** TTL or hop limit of the request, 1–255. */
  ttl?: number | undefined;
  /** DSCP and ECN bits. */
  tos?: number | undefined;
  /** Sent whole whatever is known of the path, to find out: routers must not fragment it. */
  dontFragment?: boolean | undefined;
  /** The data, over and over; default: counting up from 0. */
  pattern?: Uint8Array | undefined;
}

interface Request {
  readonly sequence: number;
  readonly size: number;
  readonly marks: PingMarks;
  readonly sentAt: Instant;
  isAnswered: boolean;
}

/** Echo requests to one destination, under one identifier, and what comes back. */
export class PingSocket {
  readonly remote: IpAddress;
  readonly identifier: number;
  observer: PingObserver | undefined;
  readonly #pings: Pings;
  /** By sequence number, the oldest first. */
  readonly #requests = new Map<number, Request>();
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
  send(sequence: number, size: number, marks: PingMarks, now: Instant): void {
    if (this.#isClosed) throw new TunnelError('ERR_CLOSED', 'The ping is closed.');
    checkPing(sequence, size, marks);
    this.#pings.checkSize(this.remote, size, marks);
    if (this.#waiting.length >= MAX_WAITING)
      throw new TunnelError('ERR_LIMIT', 'Too many echo requests at once.', { retryable: true });
    this.#requests.delete(sequence);
    if (this.#requests.size >= MAX_REMEMBERED) this.#requests.delete(this.#requests.keys().next().value!);
    const request = { sequence, size, marks, sentAt: now, isAnswered: false };
    this.#requests.set(sequence, request);
    this.#waiting.push(request);
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

  /** Whether the reply, whose data is packet's from `start` on, is to a request of ours. */
  receiveReply(packet: PacketBuffer, start: number, sequence: number, ttl: number, now: Instant): boolean {
    const request = this.#requests.get(sequence);
    if (!request) return false;
    const { sentAt, isAnswered: isDuplicate } = request;
    request.isAnswered = true;
    const bytes = packet.end - start;
    const isIntact = bytes === request.size && holdsData(packet.memory, start, request);
    this.observer?.reply({
      sequence,
      bytes,
      ttl,
      rtt: now - sentAt,
      from: this.remote,
      isDuplicate,
      isIntact,
    });
    return true;
  }

  /** The length of the request's packet; 0 if it is not ours. */
  lengthOf(sequence: number): number {
    const request = this.#requests.get(sequence);
    return request ? ipHeaderLength(this.remote.version) + ICMP_HEADER_LENGTH + request.size : 0;
  }

  receiveError(sequence: number, error: IcmpError, from: IpAddress, now: Instant): void {
    const { kind, type, code, mtu } = error;
    const rtt = now - this.#requests.get(sequence)!.sentAt;
    this.observer?.error({ sequence, kind, type, code, mtu, from, rtt });
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
    return socket.receiveReply(
      packet,
      start + ICMP_HEADER_LENGTH,
      echoSequence(view, start),
      header.ttl,
      now,
    );
  }

  /** `packet` starts with the ICMP header that is quoted. */
  receiveError(packet: PacketBuffer, quoted: IpHeaderInfo, error: IcmpError, now: Instant): boolean {
    const { memory, view, start } = packet;
    const { version } = quoted;
    if (icmpType(view, start) !== echoRequestType(version)) return false;
    const socket = this.#sockets.get(echoIdentifier(view, start));
    const destination = quoted.addresses + (version === 4 ? 4 : 16);
    if (!socket || socket.remote.version !== version) return false;
    if (!socket.remote.equalsAt(memory, destination)) return false;
    const sequence = echoSequence(view, start);
    const length = socket.lengthOf(sequence);
    if (length === 0) return false;
    if (error.kind === 'too-big') {
      const sent = error.mtu === 0 ? Math.min(error.quotedLength, length) : length;
      // Not news, perhaps; but an answer to this request if it can be true.
      if (error.mtu >= length) return false;
      this.#ip.lowerPathMtu(socket.remote, error.mtu, sent, now);
    }
    socket.receiveError(sequence, error, IpAddress.readFrom(memory, error.reporter, version), now);
    return true;
  }

  /** For a ping. Throws ERR_MESSAGE_TOO_LONG. */
  checkSize(remote: IpAddress, size: number, { dontFragment }: PingMarks): void {
    const { version } = remote;
    const mayBeCut = !dontFragment || this.#ip.isLocal(remote);
    const greatest = version === 4 ? MAX_PING_SIZE_V4 : MAX_PING_SIZE_V6;
    const most = mayBeCut ? greatest : this.#ip.mtu - ipHeaderLength(version) - ICMP_HEADER_LENGTH;
    if (size <= most) return;
    const how = mayBeCut ? '' : ' without fragments';
    throw new TunnelError(
      'ERR_MESSAGE_TOO_LONG',
      `A ping over IPv${version} carries at most ${most} bytes${how}.`,
    );
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
    for (let i = 0; i < request.size; i++) packet.memory[data + i] = byteAt(request, i);
    const rest = (identifier << 16) | request.sequence;
    const sum = version === 4 ? 0 : addressSum(source, remote);
    writeIcmp(packet.view, at, packet.end, version, echoRequestType(version), 0, rest, sum);
    const protocol = version === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
    const { ttl = DEFAULT_TTL, tos = 0, dontFragment = false } = request.marks;
    const label = this.#ip.flowLabel(source, remote, protocol, identifier, 0);
    this.#ip.send(packet, source, remote, protocol, ttl, tos, label, dontFragment);
  }

  #freeIdentifier(): number {
    const random = new Uint16Array(1);
    do this.#environment.fillRandom(new Uint8Array(random.buffer));
    while (this.#sockets.has(random[0]!));
    return random[0]!;
  }
}

function byteAt({ marks: { pattern } }: Request, index: number): number {
  return pattern ? pattern[index % pattern.length]! : index & 255;
}

function holdsData(memory: Uint8Array, start: number, request: Request): boolean {
  for (let i = 0; i < request.size; i++) if (memory[start + i] !== byteAt(request, i)) return false;
  return true;
}

function ipHeaderLength(version: 4 | 6): number {
  return version === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
}

function checkPing(sequence: number, size: number, { ttl, tos, pattern }: PingMarks): void {
  if (!Number.isInteger(sequence) || sequence < 0 || sequence > 0xffff)
    throw new CallerRangeError(`sequence: expected 0–65535, got ${sequence}`);
  if (ttl !== undefined && (!Number.isInteger(ttl) || ttl < 1 || ttl > 255))
    throw new CallerRangeError(`ttl: expected 1–255, got ${ttl}`);
  if (tos !== undefined && (!Number.isInteger(tos) || tos < 0 || tos > 255))
    throw new CallerRangeError(`tos: expected 0–255, got ${tos}`);
  if (pattern?.length === 0) throw new CallerRangeError('pattern: expected one byte or more, got none');
  if (!Number.isInteger(size) || size < 0)
    throw new CallerRangeError(`size: expected 0 or more, got ${size}`);
}
