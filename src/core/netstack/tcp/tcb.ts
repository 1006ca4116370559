import type { IpAddress, SocketAddress } from '../../address.ts';
import type { DropCounters } from '../../counters.ts';
import type { TunnelError } from '../../errors.ts';
import { type Instant, type Millis, NEVER } from '../../time.ts';
import { addressSum, fold } from '../../wire/checksum.ts';
import { PROTOCOL_TCP } from '../../wire/protocols.ts';
import type { IpLayer } from '../ip-layer.ts';
import type { PagePool } from '../page-pool.ts';
import type { BlackHole } from './black-hole.ts';
import { MAX_CWND } from './congestion.ts';
import type { Flight, FlightPool } from './flight.ts';
import type { TcpListener } from './listener.ts';
import { defineDoubles, defineFlags, defineInts, type NumberRows } from './number-rows.ts';
import { ReceiveQueue } from './receive-queue.ts';
import { pipe } from './recovery.ts';
import { ROUND_TRIP_DOUBLES, RoundTrip } from './round-trip.ts';
import { SendQueue } from './send-queue.ts';
import { add, diff } from './sequence.ts';
import type { TcpDropReason, TcpObserver, TcpOptions, TcpState } from './state.ts';
import { DOUBLES, FIRST_INT, FLAG_WORD, FLAGS, INTS } from './tcb-row.ts';
import type { Urgent } from './urgent.ts';

/** What a control block asks of the layer it belongs to. */
export interface TcpContext {
  readonly ip: IpLayer;
  readonly pages: PagePool;
  readonly drops: DropCounters<TcpDropReason>;
  readonly flights: FlightPool;
  /** Where control blocks have their numbers; of TCB_ROW. */
  readonly rows: NumberRows;
  /** RFC 5681 §4.1; a knob for those who know that their path does not change. */
  readonly slowStartAfterIdle: boolean;
  /** Whether header prediction is used (fast-path.ts). */
  readonly fastPath: boolean;
  /** Whether our SYNs offer them; a peer's offer is not seen otherwise. */
  readonly usesTimestamps: boolean;
  readonly usesSack: boolean;
  /** Whether our SYNs ask for ECN (RFC 3168 §6.1.1). */
  readonly asksForEcn: boolean;
  /** How often a path was suspected to swallow large segments. */
  blackHoleSuspicions: number;
  /** Of how many connections that was proven. */
  blackHoles: number;
  /** Segments sent again, of all connections. */
  retransmits: number;
  /** Something is to be sent or reckoned with at the next poll. */
  wake(tcb: Tcb): void;
  /** It has become writable only when another connection gives pages back. */
  waitForPages(tcb: Tcb): void;
  /** Whether one waits so. */
  readonly isAnyoneStarved: boolean;
  /** It is closed: no segment is its any more. */
  remove(tcb: Tcb): void;
  /** Both FINs are acknowledged: a small record takes over (RFC 9293 §3.6.1). */
  enterTimeWait(tcb: Tcb, now: Instant): void;
}

/** Bytes that may wait to be read at first; receive-tuning.ts gives more to who reads fast. */
export const FIRST_RECEIVE_LIMIT: number = 128 << 10;
/** What the window scale must be able to say: the largest receive buffer there will ever be by itself. */
export const MAX_RECEIVE_LIMIT: number = 16 << 20;
/** Bound of one connection's send queue, sent and unsent. */
const MAX_SEND_LIMIT = 4 << 20;
/** What the MSS option can say. */
const MAX_SEGMENT_SIZE = 0xffff;
/** Bytes not sent yet that a writer may have waiting at least. */
const MIN_UNSENT_LIMIT = 128 << 10;
/** A writer in another thread of a busy machine takes so long to bring more. */
const WRITER_TURN: Millis = 10;

/** What the one resend timer is for: what is in flight, or (`persist`) a window that is closed. */
export type ResendTimer = 'off' | 'retransmission' | 'reordering' | 'probe' | 'persist';

/**
 * The transmission control block (RFC 9293 §3.3.1), with the RFC's names: everything one connection knows. The files
 * of this folder work on it; applications have a TcpConnection. All sequence numbers are int32.
 */
export class Tcb extends RoundTrip {
  // Its numbers and flags lie in a row (tcb-row.ts); `declare` is what stands of them here.

  readonly context: TcpContext;
  readonly localAddress: IpAddress;
  declare readonly localPort: number;
  readonly remoteAddress: IpAddress;
  declare readonly remotePort: number;
  /** The listener that made it, while nobody has accepted it. */
  listener: TcpListener | undefined;
  observer: TcpObserver | undefined;
  state: TcpState = 'CLOSED';
  /** Why it ended, once it has. */
  error: TunnelError | undefined;
  /** The last ICMP error that may pass by itself (RFC 1122 §4.2.3.9): told if the connection times out. */
  softError: TunnelError | undefined;

  declare noDelay: boolean;
  declare corked: boolean;
  declare keepAliveDelay: Millis;
  declare sendLimit: number;
  /** 0: as much as the congestion window makes sensible. */
  declare unsentLimit: number;
  declare receiveLimit: number;
  /** Were read out, and count against `receiveLimit` still. */
  declare heldBytes: number;
  /** The application chose it. */
  declare readonly isReceiveLimitFixed: boolean;
  declare userTimeout: Millis;
  /** The application's bound of a segment's payload, options counted. */
  declare readonly maxSegmentSize: number;
  declare ttl: number;
  declare tos: number;

  // Send sequence variables.
  declare iss: number;
  declare sndUna: number;
  /** After the last sequence number ever sent. */
  declare sndNxt: number;
  /** Our SYN is to be sent, for the first time or again. */
  declare synDue: boolean;
  declare sndWnd: number;
  declare sndWl1: number;
  declare sndWl2: number;
  declare maxSndWnd: number;
  declare sndScale: number;
  /** After the last segment that was smaller than the MSS (Minshall's refinement of Nagle's algorithm). */
  declare sndSmall: number;
  declare finQueued: boolean;
  readonly sendQueue: SendQueue;

  /** SND.UP and RCV.UP, once either side has marked something. */
  urgent: Urgent | undefined;

  // Receive sequence variables.
  declare irs: number;
  declare rcvNxt: number;
  /** The right edge that was advertised; it never moves left. */
  declare rcvEdge: number;
  declare rcvScale: number;
  declare lastAckSent: number;
  /** Where the peer's FIN lies, when `finKnown`. */
  declare rcvFin: number;
  declare finKnown: boolean;
  declare finReceived: boolean;
  readonly receiveQueue: ReceiveQueue;

  /** Payload bytes of a full segment of ours, options deducted. */
  declare mss: number;
  /** The MSS that the peer offered. */
  declare peerMss: number;
  /** Silence has suggested that large segments vanish. */
  blackHole: BlackHole | undefined;
  /** The largest payload the peer has sent: what "full-sized" means for delayed ACKs. */
  declare rcvMss: number;
  declare windowScaling: boolean;
  declare sackPermitted: boolean;
  declare timestamps: boolean;
  /** Both ends speak ECN (RFC 3168). */
  declare ecn: boolean;
  /** Marks arrived, and the peer has not said yet that it heard of them. */
  declare ecnEcho: boolean;
  /** Our window was reduced: the next new text says so. */
  declare cwrDue: boolean;
  /** Added to our clock in timestamps (RFC 7323 §5.4). */
  declare tsOffset: number;
  declare tsRecent: number;
  declare tsRecentAt: Instant;
  /** The congestion window and the slow start threshold (RFC 5681 §2), in bytes. */
  declare cwnd: number;
  declare ssthresh: number;
  /** What is in the air; undefined while we have nothing to send. */
  flight: Flight | undefined;
  /** When the first SYN left; it alone can be timed without a flight. */
  declare synSentAt: Instant;

  // Auto-tuning of the receive buffer (receive-tuning.ts).
  /** When the round trip began in which reading is being measured, and what had been read then. */
  declare tunedAt: Instant;
  declare tunedRead: number;
  /** The most that was read in a round trip. */
  declare tunedSpace: number;
  declare receiveRtt: Millis;

  // ACKs we owe.
  declare ackDue: boolean;
  /** Data segments since our last ACK. */
  declare unackedSegments: number;
  /** While positive, ACKs are not delayed beyond every second segment. */
  declare quickAcks: number;
  /** ACKs sent for out-of-order segments since RCV.NXT last moved. */
  declare duplicateAcksSent: number;
  declare dsackPending: boolean;
  declare dsackStart: number;
  declare dsackEnd: number;
  /** When the last ACK to an unacceptable segment was sent (RFC 5961 §7). */
  declare challengedAt: Instant;

  // Deadlines.
  resendTimer: ResendTimer = 'off';
  declare resendAt: Instant;
  declare delayedAckAt: Instant;
  declare keepAliveAt: Instant;
  /** End of the handshake's patience, or of FIN-WAIT-2 without an application. */
  declare finalAt: Instant;
  /** When the flight, with nothing in it, is given back. */
  declare restAt: Instant;
  /** Consecutive times the resend timer fired. */
  declare resends: number;
  declare synResends: number;
  declare keepAliveProbes: number;
  /** Since when the peer owes us an acknowledgment or a window; NEVER when it owes none. */
  declare waitingSince: Instant;
  declare lastHeardAt: Instant;
  declare lastSentAt: Instant;

  // What the application did.
  /** Nobody will read or write any more. */
  declare appGone: boolean;
  declare resetPending: boolean;
  /** Why, where it was not the application that wanted it. */
  resetCause: TunnelError | undefined;
  /** A write was refused; the application waits for `writable`. */
  declare writeBlocked: boolean;

  // Bookkeeping of the layer.
  /** The part of the pseudo-header's sum that never changes. */
  declare readonly addressSum: number;
  /** Of IPv6: the same in all its packets (RFC 6437), unless the way seems broken. */
  declare flowLabel: number;
  declare hash: number;
  hashNext: Tcb | undefined;
  declare isAwake: boolean;
  declare heapIndex: number;
  declare heapAt: Instant;

  // Counts.
  declare bytesSent: number;
  declare bytesAcknowledged: number;
  declare bytesReceived: number;
  declare segmentsSent: number;
  declare segmentsReceived: number;
  declare retransmits: number;
  declare timeouts: number;
  /** Times that loss was found other than by a timeout. */
  declare recoveries: number;
  /** Reductions that were taken back. */
  declare undos: number;
  declare tailProbes: number;
  /** Duplicates the peer has reported (RFC 2883). */
  declare duplicatesReported: number;

  constructor(context: TcpContext, local: SocketAddress, remote: SocketAddress, options: TcpOptions) {
    super();
    this.context = context;
    context.rows.add(this);
    this.beginMeasuring();
    this.rcvMss = 536;
    this.quickAcks = 16;
    this.ssthresh = MAX_CWND;
    this.heapIndex = -1;
    this.resendAt = this.delayedAckAt = this.keepAliveAt = this.finalAt = this.restAt = this.heapAt = NEVER;
    this.synSentAt = this.waitingSince = NEVER;
    this.tunedAt = this.challengedAt = Number.NEGATIVE_INFINITY;
    this.localAddress = local.address;
    this.localPort = local.port;
    this.remoteAddress = remote.address.compact();
    this.remotePort = remote.port;
    this.noDelay = options.noDelay ?? false;
    this.corked = options.cork ?? false;
    this.keepAliveDelay = options.keepAliveDelay ?? 0;
    this.sendLimit = options.sendBufferSize ?? 0;
    this.unsentLimit = options.unsentLimit ?? 0;
    this.receiveLimit = options.receiveBufferSize ?? FIRST_RECEIVE_LIMIT;
    this.isReceiveLimitFixed = options.receiveBufferSize !== undefined;
    this.userTimeout = options.userTimeout ?? 0;
    this.maxSegmentSize = options.maxSegmentSize ?? MAX_SEGMENT_SIZE;
    this.ttl = options.ttl ?? 64;
    this.tos = (options.tos ?? 0) & 0xfc;
    this.sendQueue = new SendQueue(context.pages);
    this.receiveQueue = new ReceiveQueue(context.pages);
    this.addressSum = fold(addressSum(local.address, remote.address) + PROTOCOL_TCP);
    const { address, port } = local;
    this.flowLabel = context.ip.flowLabel(address, remote.address, PROTOCOL_TCP, port, remote.port);
  }

  /** Itself: an object for the few numbers of a round trip would be larger than they are. */
  get roundTrip(): RoundTrip {
    return this;
  }

  get version(): 4 | 6 {
    return this.remoteAddress.version;
  }

  get local(): SocketAddress {
    return { address: this.localAddress, port: this.localPort };
  }

  get remote(): SocketAddress {
    return { address: this.remoteAddress, port: this.remotePort };
  }

  /** Bytes believed to be in the network; a window probe, or what is deemed lost, is not. */
  get inFlight(): number {
    return this.flight ? pipe(this, this.flight) : 0;
  }

  /** FlightSize (RFC 5681 §2): sent at some time and not acknowledged. */
  get outstanding(): number {
    return diff(this.sndNxt, this.sndUna);
  }

  /** Bytes the application wrote that were never sent. */
  get unsent(): number {
    return Math.max(0, this.sendQueue.lengthFrom(this.sndNxt));
  }

  /** Whether our FIN has been sent, at some time. */
  get finSent(): boolean {
    return this.finQueued && diff(this.sndNxt, this.sendQueue.end) > 0;
  }

  get finAcknowledged(): boolean {
    return this.finQueued && diff(this.sndUna, this.sendQueue.end) > 0;
  }

  /** What the peer may still send, as it was last told. */
  get rcvWnd(): number {
    return Math.max(0, diff(this.rcvEdge, this.rcvNxt));
  }

  /** Bytes the application may write now. */
  get writeRoom(): number {
    if (this.finQueued || this.appGone || !this.isOpenForSending) return 0;
    return Math.max(0, Math.min(this.mostUnsent - this.unsent, this.mostQueued - this.sendQueue.length));
  }

  /** Bytes that may be in the send queue, sent and unsent: many writers have to share the memory. */
  get mostQueued(): number {
    return Math.min(this.sendLimit || MAX_SEND_LIMIT, this.context.pages.share);
  }

  /** Bytes that may wait to be sent: what leaves in a round trip, and until a writer that was told of room brings more. */
  get mostUnsent(): number {
    const limit = this.unsentLimit || this.sendLimit;
    if (limit !== 0) return limit;
    const roundTrips = 1 + WRITER_TURN / Math.max(1, this.roundTrip.smoothed);
    return Math.min(Math.max(MIN_UNSENT_LIMIT, Math.trunc(this.cwnd * roundTrips)), MAX_SEND_LIMIT);
  }

  get isOpenForSending(): boolean {
    return (
      this.state === 'ESTABLISHED' ||
      this.state === 'CLOSE-WAIT' ||
      this.state === 'SYN-SENT' ||
      this.state === 'SYN-RECEIVED'
    );
  }

  /** SYN sent or received, not yet ESTABLISHED. */
  get isEmbryonic(): boolean {
    return this.state === 'SYN-SENT' || this.state === 'SYN-RECEIVED';
  }

  /** Sets the initial send sequence number; nothing is sent yet. */
  beginSending(iss: number): void {
    this.iss = this.sndUna = this.sndNxt = this.sndSmall = iss;
    this.synDue = true;
    this.sendQueue.begin(add(iss, 1));
  }

  /** Takes over the peer's initial sequence number. */
  beginReceiving(irs: number): void {
    this.irs = irs;
    this.rcvNxt = this.lastAckSent = add(irs, 1);
    this.rcvEdge = add(this.rcvNxt, this.synWindow);
    this.receiveQueue.begin(this.rcvNxt);
  }

  /** The window field of our SYN, which is never scaled (RFC 7323 §2.2). */
  get synWindow(): number {
    return Math.min(this.receiveLimit, 0xffff);
  }

  /** Our clock as it stands in timestamps. */
  timestamp(now: Instant): number {
    return ((now | 0) + this.tsOffset) | 0;
  }

  wake(): void {
    this.context.wake(this);
  }

  /** The connection is over: nothing is sent or awaited any more. What was received stays to be read. */
  end(error?: TunnelError): void {
    if (this.state === 'CLOSED') return;
    this.state = 'CLOSED';
    this.error = error;
    this.#letGo();
    this.context.remove(this);
    this.observer?.closed(error);
  }

  /** TIME-WAIT: for the application it is over, without error. */
  endInTimeWait(now: Instant): void {
    this.state = 'TIME-WAIT';
    this.#letGo();
    this.context.enterTimeWait(this, now);
    this.observer?.closed();
  }

  #letGo(): void {
    this.sendQueue.clear();
    this.endFlight();
    if (this.appGone) this.receiveQueue.clear();
    else this.receiveQueue.dropOutOfOrder();
    this.resendTimer = 'off';
    this.resendAt = this.delayedAckAt = this.keepAliveAt = this.finalAt = this.restAt = NEVER;
  }

  /** The flight of what is to be sent. */
  takeFlight(): Flight {
    this.restAt = NEVER;
    return (this.flight ??= this.context.flights.take(this));
  }

  endFlight(): void {
    this.restAt = NEVER;
    if (!this.flight) return;
    this.context.flights.give(this.flight);
    this.flight = undefined;
  }

  /** Brings `heapAt` forward to the earliest deadline. Whether that is news. */
  becomesDueEarlier(): boolean {
    const before = this.heapAt;
    this.heapAt = Math.min(
      before,
      this.resendAt,
      this.delayedAckAt,
      this.keepAliveAt,
      this.finalAt,
      this.restAt,
    );
    return this.heapAt < before;
  }

  /** The earliest of its deadlines: for tests. */
  nextDeadline(): Instant {
    return Math.min(this.resendAt, this.delayedAckAt, this.keepAliveAt, this.finalAt, this.restAt);
  }
}

defineDoubles(Tcb.prototype, ROUND_TRIP_DOUBLES, DOUBLES);
defineInts(Tcb.prototype, FIRST_INT, INTS);
defineFlags(Tcb.prototype, FLAG_WORD, FLAGS);
