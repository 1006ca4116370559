// How much may be on its way between a client and its relay. Both ends use it for what they send.
import { type Instant, type Millis, SECOND } from '../time.ts';

/** What waits between the two, beyond what the way itself takes, delays everything behind it by this much. */
const MAX_WAIT: Millis = 35;
/** A few full datagrams, so that a slow way is never empty. */
const MIN_LIMIT = 6 * 1024;
const MAX_LIMIT = 8 * 1024 * 1024;
/** Before anything was measured. */
const FIRST_LIMIT = 64 * 1024;
/** Between marks: twenty controls a second are allowed, and others than marks want some of them. */
const MARK_EVERY: Millis = 60;
/** Less than this is no load, and needs no mark. */
const MARK_BYTES = 4096;
/** More marks than this cannot be on their way in any time that matters. */
const MAX_MARKS = 256;
/** The least round trip of so long ago may not be the way's any more: for a moment less is sent, so that none waits. */
const ROUND_TRIP_AGE = 10 * SECOND;
const PROBE: Millis = 200;
/** A loss on the way holds everything up for a round trip or two, and then lets it go: rates are those of such a while. */
const WHILE: Millis = 500;
/** When the rate has not grown by a quarter for so many samples, the way is known. */
const PLATEAU = 6;
const GROWTH = 1.25;

interface Mark {
  readonly number: number;
  /** Sent until then, this mark included. */
  readonly bytes: number;
  readonly at: Instant;
  /** What was known to have arrived, and since when, as it left. */
  readonly arrived: number;
  readonly arrivedAt: Instant;
}

/**
 * A WebSocket takes whatever it is given: its kernel's buffer hides behind `bufferedAmount`, and everything in a tunnel
 * waits behind what is in it. So every now and then a mark is sent (PING, or a WebSocket's ping), and comes back: then
 * everything before it has arrived. That gives the rate and the round trip, as BBR measures them, and the limit: what the
 * way holds when nothing waits, and a little more, so that it is never empty and can grow.
 */
export class RelayWindow {
  readonly #marks: Mark[] = [];
  #lastNumber = 0;
  #sent = 0;
  #fullAt: Instant = Number.NEGATIVE_INFINITY;
  #markedBytes = 0;
  #markedAt: Instant = Number.NEGATIVE_INFINITY;
  #arrived = 0;
  #arrivedAt: Instant = 0;
  /** Bytes per ms; 0 while unknown. */
  #rate = 0;
  /** How many samples ago the rate grew; beyond PLATEAU it is the mean of a while. */
  #sinceGrowth = 0;
  /** Two moments since which it was full without a break: what had arrived, and when. */
  #laterAt: Instant = 0;
  #laterBytes = 0;
  #earlierAt: Instant | undefined;
  #earlierBytes = 0;
  #roundTrip: Millis = Number.POSITIVE_INFINITY;
  #roundTripAt: Instant = 0;
  /** While it is measured anew: until when, and the least so far. */
  #probeEnd: Instant | undefined;
  #probed: Millis = Number.POSITIVE_INFINITY;

  /** Bytes that may be on their way. */
  get limit(): number {
    const rate = this.#rate;
    if (rate === 0) return FIRST_LIMIT;
    if (this.#probeEnd !== undefined) return Math.max(MIN_LIMIT / 2, (rate * this.#roundTrip) / 2);
    return Math.min(MAX_LIMIT, Math.max(MIN_LIMIT, rate * (this.#roundTrip + MAX_WAIT)));
  }

  /** Bytes that are on their way: between marks, by the rate at which they arrive. */
  outstanding(now: Instant): number {
    const atMost = this.#marks[0]?.bytes ?? this.#sent;
    return this.#sent - Math.min(atMost, this.#arrived + this.#rate * (now - this.#arrivedAt));
  }

  /** `bytes` were given to the WebSocket. */
  sent(bytes: number, now: Instant): void {
    if (this.#marks.length === 0 && this.outstanding(now) <= 0) {
      this.#arrived = this.#sent;
      this.#arrivedAt = now;
    }
    this.#sent += bytes;
  }

  /** More waits to be sent than the limit allows. Only then does a lower rate than before say something about the way. */
  full(now: Instant): void {
    this.#fullAt = now;
  }

  wantsMark(now: Instant): boolean {
    const isDue = now - this.#markedAt >= MARK_EVERY && this.#marks.length < MAX_MARKS;
    return isDue && this.#sent - this.#markedBytes >= Math.min(MARK_BYTES, this.limit / 4);
  }

  /** A mark of so many bytes leaves now, behind all that was sent; returns its number, from 1 on. */
  mark(bytes: number, now: Instant): number {
    this.sent(bytes, now);
    this.#markedBytes = this.#sent;
    this.#markedAt = now;
    const number = ++this.#lastNumber;
    const [arrived, arrivedAt] = [this.#arrived, this.#arrivedAt];
    this.#marks.push({ number, bytes: this.#sent, at: now, arrived, arrivedAt });
    return number;
  }

  /** A mark came back. One that was never sent says nothing. */
  markReturned(number: number, now: Instant): void {
    const index = this.#marks.findIndex((mark) => mark.number === number);
    if (index < 0) return;
    const mark = this.#marks[index]!;
    this.#marks.splice(0, index + 1);
    this.measureRoundTrip(now - mark.at, now);
    const wasFull = this.#fullAt >= mark.at && this.#probeEnd === undefined;
    this.#measureRate((mark.bytes - mark.arrived) / Math.max(now - mark.arrivedAt, 1), wasFull);
    this.#measureMean(mark.bytes, wasFull, now);
    this.#arrived = mark.bytes;
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

  /** The beginning: as much as was ever seen. Where there was room, little arrived because little was sent. */
  #measureRate(sample: number, wasFull: boolean): void {
    if (this.#sinceGrowth > PLATEAU || (!wasFull && (this.#rate === 0 || sample <= this.#rate))) return;
    this.#sinceGrowth = sample >= this.#rate * GROWTH ? 0 : this.#sinceGrowth + 1;
    this.#rate = Math.max(this.#rate, sample);
  }

  /** Afterwards: the mean of the last while in which it was always full. */
  #measureMean(arrived: number, wasFull: boolean, now: Instant): void {
    if (!wasFull || this.#earlierAt === undefined) {
      this.#earlierAt = this.#laterAt = now;
      this.#earlierBytes = this.#laterBytes = arrived;
      return;
    }
    if (this.#sinceGrowth > PLATEAU && now - this.#earlierAt >= WHILE)
      this.#rate = (arrived - this.#earlierBytes) / (now - this.#earlierAt);
    if (now - this.#laterAt < WHILE) return;
    this.#earlierAt = this.#laterAt;
    this.#earlierBytes = this.#laterBytes;
    this.#laterAt = now;
    this.#laterBytes = arrived;
  }
}
