// LISTEN, and SYN-RECEIVED after a passive open (RFC 9293 §3.10.7.2 and §3.10.7.4), on records instead of control
// blocks: one is made by the segment that completes the handshake, and segment-arrives.ts takes it from there.
import type { IpAddress, SocketAddress } from '../../address.ts';
import type { Environment } from '../../environment.ts';
import type { PacketBuffer } from '../../packet-buffer.ts';
import { type Instant, type Millis, NEVER } from '../../time.ts';
import { ACK, FIN, RST, SYN, type SynOptions, TcpSegment } from '../../wire/tcp.ts';
import type { BareSegments } from './bare-segments.ts';
import { asksForEcn } from './ecn.ts';
import type { InitialNumbers } from './isn.ts';
import type { TcpListener } from './listener.ts';
import type { Listeners } from './listeners.ts';
import { defaultMss, negotiate, shiftFor } from './options.ts';
import { noteSynSent } from './output.ts';
import { NO_ROW } from './record-table.ts';
import { segmentArrives } from './segment-arrives.ts';
import { add, ge, gt, le, lt } from './sequence.ts';
import type { TcpDropReason } from './state.ts';
import { COOKIE_LIFETIME, SynCookies } from './syn-cookies.ts';
import { type HalfOpen, SynQueue } from './syn-queue.ts';
import { FIRST_RECEIVE_LIMIT, Tcb, type TcpContext } from './tcb.ts';
import type { TupleHash } from './tuple-hash.ts';

/** RFC 5961 §7: ACKs to unacceptable segments, per connection. */
const CHALLENGE_INTERVAL: Millis = 500;
/** Half-open connections one source may have, as a part of the backlog. */
const SOURCE_SHARE = 4;
const MAX_WINDOW_FIELD = 0xffff;

/** What the passive side asks of the layer it belongs to. */
export interface PassiveOpenHost extends TcpContext {
  /** No more connections can be had. */
  readonly isFull: boolean;
  /** It has a place among the connections from now on. */
  adopt(tcb: Tcb): void;
  /** A segment that nobody wants: RFC 9293 §3.10.7.1. */
  nobody(local: SocketAddress, remote: SocketAddress, segment: TcpSegment, now: Instant): void;
  /** Whether what belongs to no connection may be answered once more (answer-limit.ts). */
  mayAnswer(source: IpAddress, now: Instant): boolean;
}

/** Both ends of a segment that came. */
export interface Ends {
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
}

export class PassiveOpen {
  readonly queue: SynQueue;
  /** SYNs that were answered without being remembered, and connections that came of them. */
  cookiesSent = 0;
  cookiesAccepted = 0;
  readonly #cookies: SynCookies;
  readonly #host: PassiveOpenHost;
  readonly #listeners: Listeners;
  readonly #bare: BareSegments;
  readonly #initialNumbers: InitialNumbers;
  /** What a record offers, as if it stood in a segment. */
  readonly #offer = new TcpSegment();

  constructor(
    host: PassiveOpenHost,
    listeners: Listeners,
    bare: BareSegments,
    initialNumbers: InitialNumbers,
    hash: TupleHash,
    environment: Environment,
  ) {
    this.#cookies = new SynCookies(environment);
    this.#host = host;
    this.#listeners = listeners;
    this.#bare = bare;
    this.#initialNumbers = initialNumbers;
    this.queue = new SynQueue(hash);
  }

  // ---- LISTEN

  /** §3.10.7.2. `iss`: given where the connection follows one that waits in TIME-WAIT. True when it opened one. */
  listenerHears(
    listener: TcpListener,
    ends: Ends,
    segment: TcpSegment,
    packet: PacketBuffer,
    iss: number | undefined,
    now: Instant,
  ): boolean {
    // First RST, second ACK, third SYN.
    if (segment.has(RST)) return this.#drop('tcp_bad_reset');
    if (segment.has(ACK)) {
      this.#ackArrives(listener, ends, segment, packet, now);
      return false;
    }
    if (!segment.has(SYN) || segment.has(FIN)) return this.#drop('tcp_bad_flags');
    if (!listener.hasRoom) return this.#drop('tcp_accept_queue_full');
    if (this.#host.isFull) return this.#drop('tcp_syn_queue_full');
    const { local, remote } = ends;
    // Text in a SYN is left for the peer to send again: it must not be delivered before the handshake ends.
    const half = offerOf(segment, remote.address.version);
    half.tsOffset = this.#initialNumbers.timestampOffset(local, remote);
    if (!this.#mayQueue(listener, remote)) {
      // A cookie cannot promise to be beyond the numbers of the connection before.
      if (iss !== undefined) return this.#drop('tcp_syn_queue_full');
      const stamp = this.#cookies.bake(ends, half, now);
      this.cookiesSent++;
      listener.cookieSentAt = now;
      this.#sendSynAck(listener, ends, half, stamp);
      return false;
    }
    half.iss = iss ?? this.#initialNumbers.sequence(local, remote, now);
    this.queue.add(local, remote, half, listener.number, now);
    this.#sendSynAck(listener, ends, half, stampOf(half, now));
    return true;
  }

  /** Second, ACK: nobody's, unless it brings back a cookie. */
  #ackArrives(
    listener: TcpListener,
    ends: Ends,
    segment: TcpSegment,
    packet: PacketBuffer,
    now: Instant,
  ): void {
    const half = this.#halfFromCookie(listener, ends, segment, now);
    if (!half) {
      if (!this.#mayFollowCookie(listener, segment, now))
        this.#host.nobody(ends.local, ends.remote, segment, now);
      return;
    }
    // The peer will say it again, when there may be room.
    if (!listener.hasRoom || this.#host.isFull) {
      this.#drop('tcp_accept_queue_full');
      return;
    }
    this.cookiesAccepted++;
    // Low bits of the echo are not time: the round trip stays unknown.
    segment.tsEcr = 0;
    this.#complete(listener, ends, half, 0, NEVER, segment, packet, now);
  }

  /**
   * Only what directly follows upon the SYN brings a cookie back. Where that was lost, a reset to what came behind it would
   * end a connection in which its peer believes: in silence, its beginning comes again.
   */
  #mayFollowCookie(listener: TcpListener, segment: TcpSegment, now: Instant): boolean {
    return segment.length > 0 && !segment.has(SYN) && now - listener.cookieSentAt <= COOKIE_LIFETIME;
  }

  #halfFromCookie(
    listener: TcpListener,
    ends: Ends,
    segment: TcpSegment,
    now: Instant,
  ): HalfOpen | undefined {
    if (segment.has(SYN) || now - listener.cookieSentAt > COOKIE_LIFETIME) return undefined;
    const irs = add(segment.sequence, -1);
    const iss = add(segment.acknowledgment, -1);
    const hasTimestamps = segment.hasTimestamps && this.#host.usesTimestamps;
    const tsEcr = hasTimestamps ? segment.tsEcr : undefined;
    const read = this.#cookies.read(ends, irs, iss, tsEcr, now);
    if (!read) {
      this.#drop('tcp_bad_cookie');
      return undefined;
    }
    return {
      ...read,
      iss,
      irs,
      timestamps: hasTimestamps,
      tsRecent: hasTimestamps ? segment.tsVal : 0,
      tsOffset: this.#initialNumbers.timestampOffset(ends.local, ends.remote),
    };
  }

  #mayQueue(listener: TcpListener, { address }: SocketAddress): boolean {
    if (this.queue.countOf(listener.number) >= listener.backlog) return false;
    const share = Math.max(1, Math.floor(listener.backlog / SOURCE_SHARE));
    return this.queue.countFrom(address, listener.number) < share;
  }

  #sendSynAck(listener: TcpListener, { local, remote }: Ends, half: HalfOpen, tsVal: number): void {
    const bare = {
      sequence: half.iss,
      acknowledgment: add(half.irs, 1),
      window: synWindow(listener),
      ttl: listener.options.ttl ?? 64,
      tos: (listener.options.tos ?? 0) & 0xfc,
    };
    // Only what the SYN offered (RFC 7323 §2.2, §3.2; RFC 2018 §2).
    const options: SynOptions = {
      mss: Math.min(
        this.#host.ip.mtu - (remote.address.version === 4 ? 40 : 60),
        listener.options.maxSegmentSize ?? 0xffff,
      ),
      windowScale: half.windowScale < 0 ? -1 : shiftFor(listener.options.receiveBufferSize),
      sackPermitted: half.sackPermitted,
      timestamps: half.timestamps,
      tsVal,
      tsEcr: half.tsRecent,
    };
    this.#bare.synAck(local, remote, bare, options, half.ecn);
  }

  // ---- SYN-RECEIVED

  /** §3.10.7.4, in its order, for a segment that belongs to the half-open connection of `row`. */
  segmentArrives(row: number, ends: Ends, segment: TcpSegment, packet: PacketBuffer, now: Instant): void {
    const listener = this.#listeners.byNumber(this.queue.listenerOf(row));
    if (!listener) {
      this.queue.remove(row);
      this.#host.nobody(ends.local, ends.remote, segment, now);
      return;
    }
    const half = this.queue.read(row);
    const refusal = this.#check(row, listener, half, ends, segment, now);
    if (refusal) {
      this.#drop(refusal);
      return;
    }
    if (segment.has(RST)) {
      this.queue.remove(row);
      return;
    }
    // The peer will be asked again by the SYN|ACK's timer, when there may be room.
    if (!listener.hasRoom || this.#host.isFull) {
      this.#drop('tcp_accept_queue_full');
      return;
    }
    const resends = this.queue.resends(row);
    const sentAt = this.queue.sentAt(row);
    this.queue.remove(row);
    this.#complete(listener, ends, half, resends, sentAt, segment, packet, now);
  }

  /** Why the segment neither resets the half-open connection nor completes it; undefined when it does. */
  #check(
    row: number,
    listener: TcpListener,
    half: HalfOpen,
    ends: Ends,
    segment: TcpSegment,
    now: Instant,
  ): TcpDropReason | undefined {
    const { local, remote } = ends;
    const rcvNxt = add(half.irs, 1);
    // First, timestamps and the sequence number.
    if (half.timestamps && !segment.has(RST)) {
      if (!segment.hasTimestamps) return 'tcp_no_timestamp';
      if (lt(segment.tsVal, half.tsRecent)) {
        this.#challenge(row, listener, half, ends, now);
        return 'tcp_paws';
      }
    }
    if (!isAcceptable(segment, rcvNxt, add(rcvNxt, synWindow(listener)))) {
      if (segment.has(SYN) && !segment.has(ACK) && segment.sequence === half.irs) {
        // The peer has not seen our SYN|ACK: send it again, without waiting for the timer.
        this.queue.noteRepeated(row);
        this.#sendSynAck(listener, ends, half, stampOf(half, now));
      } else if (!segment.has(RST)) {
        this.#challenge(row, listener, half, ends, now);
      }
      return 'tcp_outside_window';
    }
    // Second, RST; fourth, SYN; fifth, ACK.
    if (segment.has(RST)) {
      if (segment.sequence === rcvNxt) return undefined;
      this.#challenge(row, listener, half, ends, now);
      return 'tcp_bad_reset';
    }
    if (segment.has(SYN)) {
      this.#challenge(row, listener, half, ends, now);
      return 'tcp_unexpected_syn';
    }
    if (!segment.has(ACK)) return 'tcp_no_ack';
    if (segment.acknowledgment === add(half.iss, 1)) return undefined;
    if (this.#host.mayAnswer(remote.address, now)) this.#bare.reset(local, remote, segment.acknowledgment);
    return 'tcp_bad_ack';
  }

  /** An ACK that tells the peer where we stand (RFC 5961 §7). */
  #challenge(
    row: number,
    listener: TcpListener,
    half: HalfOpen,
    { local, remote }: Ends,
    now: Instant,
  ): void {
    if (!this.queue.mayChallenge(row, CHALLENGE_INTERVAL, now)) return;
    this.#bare.acknowledge(local, remote, {
      sequence: add(half.iss, 1),
      acknowledgment: add(half.irs, 1),
      window:
        synWindow(listener) >> (half.windowScale < 0 ? 0 : shiftFor(listener.options.receiveBufferSize)),
      timestamps: half.timestamps ? { tsVal: stampOf(half, now), tsEcr: half.tsRecent } : undefined,
      ttl: listener.options.ttl ?? 64,
      tos: (listener.options.tos ?? 0) & 0xfc,
    });
  }

  /** A control block as it stands after its SYN|ACK, for the segment that acknowledges it. */
  #complete(
    listener: TcpListener,
    { local, remote }: Ends,
    half: HalfOpen,
    resends: number,
    sentAt: Instant,
    segment: TcpSegment,
    packet: PacketBuffer,
    now: Instant,
  ): void {
    const tcb = new Tcb(this.#host, local, remote, listener.options);
    tcb.listener = listener;
    tcb.tsOffset = half.tsOffset;
    tcb.beginSending(half.iss);
    tcb.beginReceiving(half.irs);
    const offer = this.#offer;
    offer.mss = half.mss;
    offer.windowScale = half.windowScale;
    offer.sackPermitted = half.sackPermitted;
    offer.hasTimestamps = half.timestamps;
    offer.tsVal = half.tsRecent;
    negotiate(tcb, offer, now);
    tcb.ecn = half.ecn;
    tcb.state = 'SYN-RECEIVED';
    noteSynSent(tcb, sentAt);
    tcb.synResends = resends;
    this.#host.adopt(tcb);
    segmentArrives(tcb, segment, packet, now);
  }

  // ---- everything else

  /** An ICMP error that ends a connection attempt quotes our SYN|ACK. Whether it concerned one. */
  errorArrives({ local, remote }: Ends, quotedSequence: number, isHard: boolean): boolean {
    const row = this.queue.get(local, remote);
    if (row === NO_ROW || this.queue.read(row).iss !== quotedSequence) return false;
    if (isHard) this.queue.remove(row);
    return true;
  }

  /** Addresses that are ours no longer cannot finish a handshake. */
  addressesChanged(): void {
    this.queue.removeIf(
      (row) => !this.#host.ip.answersFor(this.queue.table.localOf(row).address),
      () => undefined,
    );
  }

  get next(): Instant {
    return this.#listeners.hasClosed ? 0 : this.queue.next;
  }

  poll(now: Instant): void {
    for (let closed = this.#listeners.takeClosed(); closed; closed = this.#listeners.takeClosed()) {
      const { number } = closed;
      this.queue.removeIf(
        (row) => this.queue.listenerOf(row) === number,
        (row) => this.#resetRecord(row),
      );
    }
    for (let row = this.queue.takeDue(now); row !== NO_ROW; row = this.queue.takeDue(now)) {
      const listener = this.#listeners.byNumber(this.queue.listenerOf(row))!;
      const { table } = this.queue;
      const ends = { local: table.localOf(row), remote: table.remoteOf(row) };
      const half = this.queue.read(row);
      this.#sendSynAck(listener, ends, half, stampOf(half, now));
    }
  }

  #resetRecord(row: number): void {
    const { table } = this.queue;
    this.#bare.reset(table.localOf(row), table.remoteOf(row), add(this.queue.read(row).iss, 1));
  }

  #drop(reason: TcpDropReason): false {
    this.#host.drops.count(reason);
    return false;
  }
}

/** What a SYN offers, in a connection that has no numbers of ours yet. */
function offerOf(segment: TcpSegment, version: 4 | 6): HalfOpen {
  return {
    iss: 0,
    irs: segment.sequence,
    mss: segment.mss || defaultMss(version),
    windowScale: segment.windowScale,
    sackPermitted: segment.sackPermitted,
    ecn: asksForEcn(segment),
    timestamps: segment.hasTimestamps,
    tsRecent: segment.hasTimestamps ? segment.tsVal : 0,
    tsOffset: 0,
  };
}

/** Our clock as it stands in the connection's timestamps. */
function stampOf(half: HalfOpen, now: Instant): number {
  return (Math.floor(now) + half.tsOffset) | 0;
}

/** The four cases of §3.4, table 6; the window of a SYN is never closed. */
function isAcceptable({ sequence, length }: TcpSegment, rcvNxt: number, edge: number): boolean {
  if (length === 0) return ge(sequence, rcvNxt) && le(sequence, edge);
  return gt(add(sequence, length), rcvNxt) && lt(sequence, edge);
}

/** The window field of our SYN|ACK, which is never scaled. */
function synWindow({ options }: TcpListener): number {
  return Math.min(options.receiveBufferSize ?? FIRST_RECEIVE_LIMIT, MAX_WINDOW_FIELD);
}
