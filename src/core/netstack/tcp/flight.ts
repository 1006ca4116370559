import { type Instant, type Millis, NEVER } from '../../time.ts';
import type { TcpSegment } from '../../wire/tcp.ts';
import { trialAnswered } from './black-hole.ts';
import { type CongestionControl, MAX_CWND } from './congestion.ts';
import { HyStart } from './hystart.ts';
import { Rack } from './rack.ts';
import { Recovery } from './recovery.ts';
import { type DeliverySink, LOST, RESENT, type RecordBudget, Scoreboard } from './scoreboard.ts';
import { add, le, lt } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/** Records that a flight keeps room for while nobody uses it. */
const KEPT_RECORDS = 128;
/** Flights that are kept for whoever sends next. */
const KEPT_FLIGHTS = 64;

/**
 * What a connection has in the air, and all that must be known to get it there: which segments, what was lost, how
 * much more may be sent. A connection has one only while it sends; ten thousand idle ones have none.
 */
export class Flight implements DeliverySink {
  readonly scoreboard: Scoreboard;
  readonly rack: Rack = new Rack();
  readonly recovery: Recovery = new Recovery();
  readonly hystart: HyStart = new HyStart();
  readonly congestion: CongestionControl;

  // Deadlines; the earliest is the resend timer's (retransmission.ts).
  /** Retransmission timeout (RFC 6298); NEVER while nothing is in flight. */
  rtoAt: Instant = NEVER;
  /** RACK's reordering timer (RFC 8985 §6.2 step 5). */
  reorderAt: Instant = NEVER;
  /** The tail loss probe (RFC 8985 §7.2). */
  probeAt: Instant = NEVER;
  /** New data was sent, or acknowledged: the probe's time begins anew. */
  probeDue = false;
  /** New data was held back by the congestion window when SND.NXT was this. */
  cwndLimitedAt = 0;

  // Notes on the ACK that is being looked at.
  #tcb: Tcb | undefined;
  now: Instant = 0;
  #echo = 0;
  #hasEcho = false;
  /** When the first and the last segment that arrived by this ACK, and were never resent, had been sent. */
  firstSentAt: Instant = NEVER;
  lastSentAt: Instant = NEVER;
  /** When the last one that had been resent was sent for the last time. */
  resentAt: Instant = NEVER;
  /** Bytes by which it moved SND.UNA; 0 when no ACK is being looked at. */
  justAcknowledged = 0;
  /** What was in the air when it was last our turn to send: the ACKs of a batch all come before it is again. */
  inAir = 0;
  // The most of it in this round trip, and in the one before.
  #most = 0;
  #mostBefore = 0;
  #roundAt: Instant = 0;
  /** A segment arrived that was sent before the timeout and never again since (RFC 5682 §3). */
  originalArrived = false;
  /** A segment arrived that was deemed lost, and had never been sent again. */
  lostArrived = false;

  constructor(congestion: CongestionControl, budget: RecordBudget) {
    this.congestion = congestion;
    this.scoreboard = new Scoreboard(this, budget);
  }

  /** A connection begins to send at SND.NXT. */
  begin(tcb: Tcb): void {
    const { sndNxt } = tcb;
    this.scoreboard.begin(sndNxt);
    this.rack.begin(sndNxt);
    // RFC 6582 §3.2 step 1: before anything that duplicates could be about.
    this.recovery.begin(add(sndNxt, -1));
    this.hystart.begin(sndNxt, tcb.ssthresh === MAX_CWND);
    this.congestion.begin(tcb);
    this.rtoAt = this.reorderAt = this.probeAt = NEVER;
    this.probeDue = false;
    this.cwndLimitedAt = sndNxt;
    this.inAir = this.#most = this.#mostBefore = 0;
  }

  /** It was our turn, and this is in the air now. */
  noteInAir(bytes: number, roundTrip: Millis, now: Instant): void {
    this.inAir = bytes;
    const age = now - this.#roundAt;
    if (age > roundTrip) {
      this.#mostBefore = age > 2 * roundTrip ? 0 : this.#most;
      this.#most = 0;
      this.#roundAt = now;
    }
    this.#most = Math.max(this.#most, bytes);
  }

  /** The most that was in the air lately. */
  get mostInAir(): number {
    return Math.max(this.#most, this.#mostBefore);
  }

  get isIdle(): boolean {
    return this.scoreboard.isEmpty && this.recovery.phase === 'open';
  }

  /** Whatever is due before `at` is due then. */
  postpone(at: Instant): void {
    this.rtoAt = Math.max(this.rtoAt, at);
    this.reorderAt = Math.max(this.reorderAt, at);
    this.probeAt = Math.max(this.probeAt, at);
  }

  /** Keeps little while nobody uses it. */
  rest(): void {
    this.scoreboard.clear();
    this.scoreboard.shrink(KEPT_RECORDS);
    this.#tcb = undefined;
  }

  /** Before the scoreboard hears of an ACK. */
  ackArrives(tcb: Tcb, segment: TcpSegment, now: Instant): void {
    this.#tcb = tcb;
    this.now = now;
    this.#hasEcho = tcb.timestamps && segment.hasTimestamps && segment.tsEcr !== 0;
    this.#echo = segment.tsEcr;
    this.firstSentAt = this.lastSentAt = this.resentAt = NEVER;
    this.originalArrived = this.lostArrived = false;
  }

  delivered(end: number, sentAt: Instant, flags: number): void {
    const tcb = this.#tcb!;
    const rtt = this.now - sentAt;
    if (flags & RESENT) {
      this.resentAt = sentAt;
    } else {
      if (this.firstSentAt === NEVER) this.firstSentAt = sentAt;
      this.lastSentAt = sentAt;
      if (le(end, this.recovery.recover)) this.originalArrived = true;
      if (flags & LOST) this.lostArrived = true;
    }
    if (tcb.blackHole) trialAnswered(tcb, end, (flags & RESENT) !== 0);
    this.rack.delivered(end, sentAt, flags, rtt, tcb.roundTrip.least, this.echoesBefore(tcb, sentAt));
  }

  /** Whether the ACK echoes a timestamp from before `sentAt` (RFC 3522 §3.2): it answers an earlier copy. */
  echoesBefore(tcb: Tcb, sentAt: Instant): boolean {
    return this.#hasEcho && lt(this.#echo, tcb.timestamp(sentAt));
  }

  /** The RTT of the ACK's echo; negative where it has none. */
  echoedRtt(tcb: Tcb): Millis {
    if (!this.#hasEcho) return -1;
    return (tcb.timestamp(this.now) - this.#echo) | 0;
  }
}

/** Flights that nobody uses, so that a connection that sends now and then makes none each time. */
export class FlightPool {
  readonly budget: RecordBudget;
  readonly #create: () => CongestionControl;
  readonly #free: Flight[] = [];

  constructor(budget: RecordBudget, create: () => CongestionControl) {
    this.budget = budget;
    this.#create = create;
  }

  take(tcb: Tcb): Flight {
    const flight = this.#free.pop() ?? new Flight(this.#create(), this.budget);
    flight.begin(tcb);
    return flight;
  }

  give(flight: Flight): void {
    flight.rest();
    if (this.#free.length < KEPT_FLIGHTS) this.#free.push(flight);
    else flight.scoreboard.shrink(0);
  }
}
