// How much may be on its way between a client and its relay. Both ends use it for what they send.
import { type Instant, type Millis, SECOND } from '../time.ts';

/** What waits between the two, beyond what the way itself takes, delays everything behind it by this much. */
const MAX_WAIT: Millis = 32;
/** But two full datagrams may wait: a slow way would be empty between one and the next. */
const MAX_WAIT_BYTES = 3000;
/** A few full datagrams, so that a slow way is never empty. */
const MIN_LIMIT = 8 * 1024;
const MAX_LIMIT = 8 * 1024 * 1024;
/** Before anything was measured. */
const FIRST_LIMIT = 64 * 1024;
/** From one mark to the next the limit grows by no more than this; */
const MAX_GROWTH = 2;
/** until something waits, to so much more than did not: a TCP inside doubles, and a mark sees half of what follows it; */
const FIRST_GROWTH = 4;
/** and while the way's own TCP begins slowly, and what waits behind it has the rate of a round trip ago, to so much more. */
const RISING_GROWTH = 2;
/** The way has no more to give when in so many round trips its rate became no more than this times as high. */
const STEADY_ROUNDS = 2;
const RISING = 1.25;
/** A message is handed on when its last byte is there. */
const MESSAGE_TIME: Millis = 2;
/** Between marks: twenty controls a second are allowed, and others than marks want some of them. */
const MARK_EVERY: Millis = 60;
/** Less than this is no load, and needs no mark. */
const MARK_BYTES = 4096;
/** More marks than this cannot be on their way in any time that matters. */
const MAX_MARKS = 256;
/** The least round trip of so long ago may not be the way's any more: for a moment less is sent, so that none waits. */
const ROUND_TRIP_AGE = 10 * SECOND;
const PROBE: Millis = 200;
/** Of so many marks, about half a second, the rate is the one that this part of them exceeds. */
const SAMPLES = 8;
const EXCEEDING = 1 / 3;

interface Mark {
  readonly number: number;
  readonly at: Instant;
  /** Sent until then, this mark included. */
  readonly bytes: number;
  /** Of them, those that were on their way, by the rate as it was thought to be. */
  readonly outstanding: number;
  /** How much was known to have arrived, and when. */
  readonly arrived: number;
  readonly arrivedAt: Instant;
}

/**
 * A WebSocket takes whatever it is given: its kernel's buffer hides behind `bufferedAmount`, and everything in a tunnel
 * waits behind what is in it. So every now and then a mark is sent (PING, or a WebSocket's ping), and comes back: then
 * everything before it has arrived. What was on its way when it left, by the time it took, is the rate of the way, and the
 * limit is what that rate carries in the least round trip, and a little more, so that the way is never empty and can grow.
 *
 * When something is lost on the way, all behind it waits at the other end until it has come again, a round trip at least.
 * A mark behind it is late though nothing waits here, and says nothing about the rate: so the rate is not the mean, but
 * one that many marks exceed. And for that round trip what is sent is assumed to arrive behind the hole.
 */
export class RelayWindow {
  readonly #marks: Mark[] = [];
  #lastNumber = 0;
  #sent = 0;
  #sentAt: Instant = 0;
  #fullAt: Instant = Number.NEGATIVE_INFINITY;
  #markedBytes = 0;
  #markedAt: Instant = Number.NEGATIVE_INFINITY;
  /** Of the last mark that came back. */
  #confirmed = 0;
  #arrived = 0;
  #arrivedAt: Instant = 0;
  /** Bytes per ms: of the last marks, in turn; and what is made of them, 0 while unknown. */
  readonly #samples: number[] = [];
  #sampleCount = 0;
  #rate = 0;
  #limit = FIRST_LIMIT;
  /** Whether the way has not shown yet what it carries: then the fastest sample says most. */
  #isStarting = true;
  /** While it starts: with which mark a round trip is over, the rate when it began, and how many did not raise it. */
  #roundEnd = 0;
  #roundRate = 0;
  #steadyRounds = 0;
  #roundTrip: Millis = Number.POSITIVE_INFINITY;
  #roundTripAt: Instant = 0;
  /** While it is measured anew: until when, and the least so far. */
  #probeEnd: Instant | undefined;
  #probed: Millis = Number.POSITIVE_INFINITY;

  /** Bytes that may be on their way. */
  get limit(): number {
    return this.#probeEnd === undefined ? this.#limit : this.#limit / 2;
  }

  /** Bytes per ms that the way carries; without bound while nothing was measured. */
  get rate(): number {
    return this.#rate === 0 ? Number.POSITIVE_INFINITY : this.#rate;
  }

  /** The least of late; undefined while unknown. */
  get roundTrip(): Millis | undefined {
    return Number.isFinite(this.#roundTrip) ? this.#roundTrip : undefined;
  }

  /** With so many bytes a message is full: what the way carries in a moment. One datagram may be longer. */
  get messageLimit(): number {
    return this.rate * MESSAGE_TIME;
  }

  /** Bytes that are on their way: between marks, by the rate at which they arrive. */
  outstanding(now: Instant): number {
    const [next] = this.#marks;
    if (next === undefined && this.#isIdle(now)) return 0;
    let atMost = this.#sent;
    if (next !== undefined) {
      const late = now - next.at - this.#goal;
      atMost = next.bytes + (late > 0 ? this.#rate * Math.min(late, this.#roundTrip) : 0);
    }
    return Math.max(0, this.#sent - Math.min(atMost, this.#arrived + this.#rate * (now - this.#arrivedAt)));
  }

  /** Bytes behind the last mark that came back: all that can possibly be on its way. */
  get unconfirmed(): number {
    return this.#sent - this.#confirmed;
  }

  /** When the oldest mark left that has not come back. */
  get unansweredSince(): Instant | undefined {
    return this.#marks[0]?.at;
  }

  /** `bytes` were given to the WebSocket. */
  sent(bytes: number, now: Instant): void {
    if (this.#marks.length === 0 && this.outstanding(now) <= 0) {
      this.#arrived = this.#sent;
      this.#arrivedAt = now;
    }
    this.#sent += bytes;
    this.#sentAt = now;
  }

  /** More waits to be sent than the limit allows. Only then does a lower rate than before say something about the way. */
  full(now: Instant): void {
    this.#fullAt = now;
  }

  wantsMark(now: Instant): boolean {
    return this.lacksMark && now >= this.nextMarkAt && this.#marks.length < MAX_MARKS;
  }

  /** Enough was sent behind the last mark that only another one tells of its arrival. */
  get lacksMark(): boolean {
    return this.#sent - this.#markedBytes >= Math.min(MARK_BYTES, this.limit / 4);
  }

  get nextMarkAt(): Instant {
    return this.#markedAt + MARK_EVERY;
  }

  /** A mark of so many bytes leaves now, behind all that was sent; returns its number, from 1 on. */
  mark(bytes: number, now: Instant): number {
    this.sent(bytes, now);
    this.#markedBytes = this.#sent;
    this.#markedAt = now;
    const number = ++this.#lastNumber;
    this.#marks.push({
      number,
      at: now,
      bytes: this.#sent,
      outstanding: this.outstanding(now),
      arrived: this.#arrived,
      arrivedAt: this.#arrivedAt,
    });
    return number;
  }

  /** A mark came back. One that was never sent says nothing. */
  markReturned(number: number, now: Instant): void {
    const index = this.#marks.findIndex((mark) => mark.number === number);
    if (index < 0) return;
    const mark = this.#marks[index]!;
    this.#marks.splice(0, index + 1);
    const took = Math.max(now - mark.at, 1);
    this.measureRoundTrip(now - mark.at, now);
    const wasFull = this.#fullAt >= mark.at && this.#probeEnd === undefined;
    if (this.#isStarting && took > this.#goal) {
      if (wasFull) this.#follow(mark, now);
    } else {
      if (wasFull) this.#measureRate(mark.outstanding, took);
      if (this.#isStarting) this.#growBeyond(mark.outstanding);
    }
    this.#arrived = this.#confirmed = mark.bytes;
    this.#arrivedAt = now;
  }

  /** Also from pings that are no marks: the first, before anything waits, knows best. */
  measureRoundTrip(sample: Millis, now: Instant): void {
    if (sample <= this.#roundTrip) {
      this.#roundTrip = sample;
      this.#roundTripAt = now;
      this.#probeEnd = undefined;
    } else if (this.#probeEnd !== undefined) {
      this.#probed = Math.min(this.#probed, sample);
      if (now < this.#probeEnd) return;
      this.#roundTrip = this.#probed;
      this.#roundTripAt = now;
      this.#probeEnd = undefined;
    } else if (now - this.#roundTripAt > ROUND_TRIP_AGE) {
      this.#probeEnd = now + this.#roundTrip + PROBE;
      this.#probed = Number.POSITIVE_INFINITY;
    }
  }

  /** What needs no mark has none to say that it arrived: it has, when a mark would have come back. */
  #isIdle(now: Instant): boolean {
    return !this.lacksMark && now - this.#sentAt > this.#goal;
  }

  /** How long a mark should take. */
  get #goal(): Millis {
    return this.#roundTrip + Math.max(MAX_WAIT, MAX_WAIT_BYTES / this.rate);
  }

  /** So many bytes were on their way, and arrived in that time. */
  #measureRate(bytes: number, took: Millis): void {
    this.#sample(bytes / took);
    const limit = Math.min(this.#rate * this.#goal, this.#limit * MAX_GROWTH);
    this.#setLimit(this.#isStarting ? Math.max(this.#limit, limit) : limit);
  }

  #sample(rate: number): void {
    this.#samples[this.#sampleCount++ % SAMPLES] = rate;
    const fastestFirst = [...this.#samples].sort((a, b) => b - a);
    this.#rate = fastestFirst[this.#isStarting ? 0 : Math.floor(EXCEEDING * fastestFirst.length)]!;
  }

  /**
   * What did not wait at all does not say what the way carries, only that it carries this: as TCP does at its start, so that a
   * TCP inside, which takes the first wait for the way's end, does not meet one here.
   */
  #growBeyond(bytes: number): void {
    this.#setLimit(Math.max(this.#limit, bytes * FIRST_GROWTH));
  }

  /**
   * What waited at the start may have waited for the TCP below, which starts, too: then the rate still rises. What was thought
   * to be on its way is a guess as yet, so the rate is of what is known to have arrived.
   */
  #follow({ number, bytes, arrived, arrivedAt }: Mark, now: Instant): void {
    this.#sample((bytes - arrived) / Math.max(now - arrivedAt, 1));
    const time = Math.max(this.#goal, this.#roundTrip * RISING_GROWTH);
    this.#setLimit(Math.max(this.#limit, this.#rate * time));
    if (number < this.#roundEnd) return;
    this.#steadyRounds = this.#rate < this.#roundRate * RISING ? this.#steadyRounds + 1 : 0;
    this.#roundRate = this.#rate;
    this.#roundEnd = this.#lastNumber + 1;
    this.#isStarting = this.#steadyRounds < STEADY_ROUNDS;
  }

  #setLimit(bytes: number): void {
    this.#limit = Math.min(Math.max(bytes, MIN_LIMIT), MAX_LIMIT);
  }
}
