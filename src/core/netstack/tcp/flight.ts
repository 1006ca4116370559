import { type Instant, type Millis, NEVER } from '../../time.ts';
import type { TcpSegment } from '../../wire/tcp.ts';
import { trialAnswered } from './black-hole.ts';
import { type CongestionControl, MAX_CWND } from './congestion.ts';
import { HyStart } from './hystart.ts';
import { Rack } from './rack.ts';
import { Recovery } from './recovery.ts';
import { type DeliverySink, LOST, RESENT, type RecordBudget, Scoreboard } from './scoreboard.ts';
import { add, diff, le } from './sequence.ts';
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

  /** What was sent before says how long the way was broken, not how long it is. */
  measuresFrom: Instant = Number.NEGATIVE_INFINITY;

  // Notes on the ACK that is being looked at.
  #tcb: Tcb | undefined;
  now: Instant = 0;
  /** The RTT of the ACK's echo; negative where it has none. */
  echoedRtt: Millis = -1;
  /** The ACK does not answer what was sent then or later, but an earlier copy (RFC 3522 §3.2); NEVER without an echo. */
  unansweredFrom: Instant = NEVER;
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
    this.measuresFrom = Number.NEGATIVE_INFINITY;
    this.cwndLimitedAt = sndNxt;
    this.inAir = this.#most = this.#mostBefore = 0;
  }

  /** It was our turn, and this is in the air now. */
  noteInAir({ outstanding, roundTrip }: Tcb, now: Instant): void {
    this.inAir = outstanding;
    const age = now - this.#roundAt;
    if (age > roundTrip.smoothed) {
      this.#mostBefore = age > 2 * roundTrip.smoothed ? 0 : this.#most;
      this.#most = 0;
      this.#roundAt = now;
    }
    this.#most = Math.max(this.#most, outstanding);
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
    const hasEcho = tcb.timestamps && segment.hasTimestamps && segment.tsEcr !== 0;
    this.echoedRtt = hasEcho ? diff(tcb.timestamp(now), segment.tsEcr) : -1;
    this.unansweredFrom = hasEcho ? Math.floor(now) - this.echoedRtt + 1 : NEVER;
    this.firstSentAt = this.lastSentAt = this.resentAt = NEVER;
    this.originalArrived = this.lostArrived = false;
  }

  delivered(slot: number, end: number, flags: number): void {
    const tcb = this.#tcb!;
    const sentAt = this.scoreboard.sentAt(slot);
    let isOriginal = true;
    if (flags & RESENT) {
      this.resentAt = sentAt;
      isOriginal = sentAt >= this.unansweredFrom;
    } else {
      if (this.firstSentAt === NEVER) this.firstSentAt = sentAt;
      this.lastSentAt = sentAt;
      if (le(end, this.recovery.recover)) this.originalArrived = true;
      if (flags & LOST) this.lostArrived = true;
    }
    if (tcb.blackHole) trialAnswered(tcb, end, (flags & RESENT) !== 0);
    this.rack.delivered(this, tcb.roundTrip, slot, end, isOriginal);
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
