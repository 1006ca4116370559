import type { Instant } from '../../time.ts';
import { add, diff, gt, le, lt } from './sequence.ts';

/** Records of one connection at most: then nothing new is sent until something is acknowledged. */
export const MAX_RECORDS: number = 65_536;
const FIRST_RECORDS = 32;

// A record in `#ints`.
const END = 0;
const FLAGS = 1;
/** Neighbours in the order of transmission, while the record is in flight. */
const PREVIOUS = 2;
const NEXT = 3;
/** Of a record that is SACKed, in the place of NEXT: a later slot, with nothing but SACKed records before it. */
const SKIP = 3;
const FIELDS = 4;

/** Reported by a SACK block. */
export const SACKED = 1;
/** Deemed lost, and not sent again yet. */
export const LOST = 2;
/** Sent more than once. */
export const RESENT = 4;

/** "No record", wherever a slot is expected. */
export const NO_RECORD = -1;

/** Room for records, shared by all connections of a stack. */
export class RecordBudget {
  #left: number;

  constructor(records: number) {
    this.#left = records;
  }

  get left(): number {
    return this.#left;
  }

  take(records: number): boolean {
    if (records > this.#left) return false;
    this.#left -= records;
    return true;
  }

  give(records: number): void {
    this.#left += records;
  }
}

/** Told of every segment that is known to have arrived, once, in the order of sequence numbers within one ACK. */
export interface DeliverySink {
  /** The record at `slot`, which ends at `end`; `flags` are those it had. */
  delivered(slot: number, end: number, flags: number): void;
}

/**
 * What was sent and is not acknowledged: one record for each segment, as it was cut the first time (RFC 6675 §3, RFC
 * 8985 §5.2). A record is in flight, SACKed, or lost. Records are found by sequence number; those in flight are
 * also a list in the order in which they were last sent, which is the order in which RACK looks at them. A SACK block
 * that covers a part of a record says nothing about it, so that nobody can make us cut records to pieces.
 *
 * Records are named by slots, which stay valid until `append` or `resegment`.
 */
export class Scoreboard {
  readonly #sink: DeliverySink;
  readonly #budget: RecordBudget;
  #ints = new Int32Array(0);
  #sentAt = new Float64Array(0);
  #mask = -1;
  /** Slot of the first record. */
  #head = 0;
  #count = 0;
  /** Sequence number of the first record's first byte: SND.UNA. */
  #base = 0;
  #oldest = NO_RECORD;
  #newest = NO_RECORD;
  /** No record before this slot is lost. */
  #lostFrom = 0;
  #pipe = 0;
  #lostCount = 0;
  #sackedCount = 0;
  #sackedBytes = 0;
  #delivered = 0;

  constructor(sink: DeliverySink, budget: RecordBudget) {
    this.#sink = sink;
    this.#budget = budget;
  }

  get count(): number {
    return this.#count;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Bytes believed to be in the network (RFC 6675 §4, "pipe"). */
  get pipe(): number {
    return this.#pipe;
  }

  get lostCount(): number {
    return this.#lostCount;
  }

  get sackedCount(): number {
    return this.#sackedCount;
  }

  get sackedBytes(): number {
    return this.#sackedBytes;
  }

  /** All bytes that were ever found to have arrived, modulo 2^32; a counter to take differences of. */
  get delivered(): number {
    return this.#delivered;
  }

  /** The record in flight that was sent longest ago. */
  get oldest(): number {
    return this.#oldest;
  }

  /** The one that was sent after it. */
  sentNext(slot: number): number {
    return this.#ints[slot * FIELDS + NEXT]!;
  }

  /** The record that begins at SND.UNA. */
  get first(): number {
    return this.#count === 0 ? NO_RECORD : this.#head;
  }

  /** The record with the highest sequence numbers. */
  get last(): number {
    return this.#count === 0 ? NO_RECORD : (this.#head + this.#count - 1) & this.#mask;
  }

  start(slot: number): number {
    return slot === this.#head ? this.#base : this.#ints[((slot - 1) & this.#mask) * FIELDS + END]!;
  }

  end(slot: number): number {
    return this.#ints[slot * FIELDS + END]!;
  }

  length(slot: number): number {
    return diff(this.end(slot), this.start(slot));
  }

  sentAt(slot: number): Instant {
    return this.#sentAt[slot]!;
  }

  has(slot: number, flag: number): boolean {
    return (this.#ints[slot * FIELDS + FLAGS]! & flag) !== 0;
  }

  /** Whether one more segment can be recorded. */
  hasRoom(): boolean {
    return this.#count + 1 < this.#mask + 1 || this.#grow();
  }

  /** Begins anew at `sequence`, with no record. */
  begin(sequence: number): void {
    this.clear();
    this.#base = sequence;
  }

  /** [start, end) was sent for the first time, right behind what was sent before. There must be room. */
  append(start: number, end: number, now: Instant): number {
    if (this.#count === 0) this.#base = start;
    const slot = (this.#head + this.#count) & this.#mask;
    this.#count++;
    this.#ints[slot * FIELDS + END] = end;
    this.#ints[slot * FIELDS + FLAGS] = 0;
    this.#sentAt[slot] = now;
    this.#link(slot, diff(end, start));
    return slot;
  }

  /** The last record, which is lost, goes again with more behind it. */
  extendLast(end: number): void {
    this.#ints[this.last * FIELDS + END] = end;
  }

  /** The record was sent again. */
  resent(slot: number, now: Instant): void {
    const at = slot * FIELDS;
    const length = this.length(slot);
    if (this.#ints[at + FLAGS]! & LOST) this.#lostCount--;
    else this.#unlink(slot, length);
    this.#ints[at + FLAGS] = RESENT;
    this.#sentAt[slot] = now;
    this.#link(slot, length);
  }

  /** The record, if it is lost, was sent again where the window does not take it: it stays lost. */
  probed(slot: number, now: Instant): void {
    if (!this.has(slot, LOST)) return;
    this.#ints[slot * FIELDS + FLAGS]! |= RESENT;
    this.#sentAt[slot] = now;
  }

  /** Everything before `acknowledgment` has arrived. */
  acknowledge(acknowledgment: number): void {
    while (this.#count > 0 && le(this.end(this.#head), acknowledgment)) this.#dropFirst();
    const part = diff(acknowledgment, this.#base);
    if (this.#count === 0 || part <= 0) return;
    const flags = this.#ints[this.#head * FIELDS + FLAGS]!;
    if (flags & SACKED) this.#sackedBytes -= part;
    else this.#delivered = (this.#delivered + part) | 0;
    if ((flags & (SACKED | LOST)) === 0) this.#pipe -= part;
    this.#base = acknowledgment;
  }

  /** A block [start, end) of what arrived out of order. Says whether it told anything new. */
  sack(start: number, end: number): boolean {
    const before = this.#sackedCount;
    let index = this.#indexFrom(start);
    while (index < this.#count) {
      const slot = (this.#head + index) & this.#mask;
      if (gt(this.end(slot), end)) break;
      if (this.has(slot, SACKED)) {
        index = this.#indexOf(this.#skipSacked(slot));
        continue;
      }
      this.#markSacked(slot);
      index++;
    }
    return this.#sackedCount > before;
  }

  /** It is in flight no more; `nextLost` will name it. */
  markLost(slot: number): void {
    this.#unlink(slot, this.length(slot));
    this.#ints[slot * FIELDS + FLAGS]! |= LOST;
    this.#lostCount++;
    if (this.#indexOf(slot) < this.#indexOf(this.#lostFrom) || this.#lostCount === 1) this.#lostFrom = slot;
  }

  /** Everything that is in flight is lost. */
  loseAll(): void {
    while (this.#oldest !== NO_RECORD) this.markLost(this.#oldest);
  }

  /** What is in flight in more than `most` bytes is lost. */
  loseLonger(most: number): void {
    for (let slot = this.#oldest; slot !== NO_RECORD; ) {
      const next = this.sentNext(slot);
      if (this.length(slot) > most) this.markLost(slot);
      slot = next;
    }
  }

  /** The lost record with the lowest sequence number. */
  nextLost(): number {
    if (this.#lostCount === 0) return NO_RECORD;
    let slot = this.#lostFrom;
    while (!this.has(slot, LOST))
      slot = this.has(slot, SACKED) ? this.#skipSacked(slot) : (slot + 1) & this.#mask;
    return (this.#lostFrom = slot);
  }

  /** It was a mistake: what was deemed lost and not sent again is in flight. */
  findLost(): void {
    let before = NO_RECORD;
    for (let index = 0; index < this.#count && this.#lostCount > 0; index++) {
      const slot = (this.#head + index) & this.#mask;
      const at = slot * FIELDS;
      if (!this.has(slot, LOST)) continue;
      this.#ints[at + FLAGS]! &= ~LOST;
      this.#lostCount--;
      before = this.#linkInTime(slot, before);
    }
  }

  /** The peer took back what it had reported (RFC 2018 §8): believe none of it. */
  forgetSacks(now: Instant): void {
    for (let index = 0; index < this.#count; index++) {
      const slot = (this.#head + index) & this.#mask;
      if (!this.has(slot, SACKED)) continue;
      this.#ints[slot * FIELDS + FLAGS]! &= ~SACKED;
      this.#sentAt[slot] = now;
      this.#link(slot, this.length(slot));
    }
    this.#sackedCount = this.#sackedBytes = 0;
  }

  /** Cuts records that are longer than `mss` into pieces that can be sent. False when there is no room for them. */
  resegment(mss: number): boolean {
    let pieces = 0;
    for (let index = 0; index < this.#count; index++)
      pieces += Math.max(1, Math.ceil(this.length((this.#head + index) & this.#mask) / mss));
    if (pieces === this.#count) return true;
    while (pieces >= this.#mask + 1) if (!this.#grow()) return false;
    this.#cut(mss, pieces - this.#count);
    return true;
  }

  clear(): void {
    this.#head = this.#count = this.#pipe = this.#lostCount = 0;
    this.#sackedCount = this.#sackedBytes = this.#delivered = this.#lostFrom = 0;
    this.#oldest = this.#newest = NO_RECORD;
  }

  /** Keeps room for no more than `records`, when it is empty. */
  shrink(records: number): void {
    if (this.#mask + 1 <= records) return;
    this.#budget.give(this.#mask + 1);
    this.#mask = -1;
    this.#ints = new Int32Array(0);
    this.#sentAt = new Float64Array(0);
    this.clear();
  }

  /** The pipe, counted anew: for tests. */
  countPipe(): number {
    let pipe = 0;
    for (let index = 0; index < this.#count; index++) {
      const slot = (this.#head + index) & this.#mask;
      if (!this.has(slot, SACKED | LOST)) pipe += this.length(slot);
    }
    return pipe;
  }

  /** The longest of the segments that are SACKed; 0 if none is. For times when there is time: it looks at all. */
  longestSacked(): number {
    let longest = 0;
    for (let index = 0; index < this.#count; index++) {
      const slot = (this.#head + index) & this.#mask;
      if (this.has(slot, SACKED)) longest = Math.max(longest, this.length(slot));
    }
    return longest;
  }

  /** Bytes that are lost and not sent again yet: for people who look. */
  countLost(): number {
    let bytes = 0;
    for (let index = 0; index < this.#count; index++) {
      const slot = (this.#head + index) & this.#mask;
      if (this.has(slot, LOST)) bytes += this.length(slot);
    }
    return bytes;
  }

  /** Bytes that were sent again and are in flight. Looks at every record. */
  countResent(): number {
    let bytes = 0;
    for (let index = 0; index < this.#count; index++) {
      const slot = (this.#head + index) & this.#mask;
      if (this.has(slot, RESENT) && !this.has(slot, SACKED | LOST)) bytes += this.length(slot);
    }
    return bytes;
  }

  #indexOf(slot: number): number {
    return (slot - this.#head) & this.#mask;
  }

  /** Index of the first record that begins at or after `sequence`. */
  #indexFrom(sequence: number): number {
    if (this.#count === 0 || le(sequence, this.#base)) return 0;
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lt(this.end((this.#head + middle) & this.#mask), sequence)) low = middle + 1;
      else high = middle;
    }
    // The record at `low` ends at or behind `sequence`, and begins before it.
    return low + 1;
  }

  /** The first slot at or after `slot`, itself SACKed, that is not; shortens the way for whoever comes next. */
  #skipSacked(slot: number): number {
    const ints = this.#ints;
    const end = this.#count;
    while (this.#indexOf(slot) < end && (ints[slot * FIELDS + FLAGS]! & SACKED) !== 0) {
      const next = ints[slot * FIELDS + SKIP]!;
      if (this.#indexOf(next) < end && (ints[next * FIELDS + FLAGS]! & SACKED) !== 0)
        ints[slot * FIELDS + SKIP] = ints[next * FIELDS + SKIP]!;
      slot = next;
    }
    return slot;
  }

  #markSacked(slot: number): void {
    const at = slot * FIELDS;
    const flags = this.#ints[at + FLAGS]!;
    const length = this.length(slot);
    if (flags & LOST) this.#lostCount--;
    else this.#unlink(slot, length);
    this.#ints[at + FLAGS] = (flags & ~LOST) | SACKED;
    this.#ints[at + SKIP] = (slot + 1) & this.#mask;
    this.#sackedCount++;
    this.#sackedBytes += length;
    this.#delivered = (this.#delivered + length) | 0;
    this.#sink.delivered(slot, this.end(slot), flags);
  }

  #dropFirst(): void {
    const slot = this.#head;
    const at = slot * FIELDS;
    const flags = this.#ints[at + FLAGS]!;
    const end = this.#ints[at + END]!;
    const length = diff(end, this.#base);
    if (flags & SACKED) {
      this.#sackedCount--;
      this.#sackedBytes -= length;
    } else {
      if (flags & LOST) this.#lostCount--;
      else this.#unlink(slot, length);
      this.#delivered = (this.#delivered + length) | 0;
      this.#sink.delivered(slot, end, flags);
    }
    this.#head = (slot + 1) & this.#mask;
    if (this.#lostFrom === slot) this.#lostFrom = this.#head;
    this.#base = end;
    this.#count--;
  }

  /** Puts a record of `length` bytes behind all that are in flight. */
  #link(slot: number, length: number): void {
    const ints = this.#ints;
    ints[slot * FIELDS + PREVIOUS] = this.#newest;
    ints[slot * FIELDS + NEXT] = NO_RECORD;
    if (this.#newest === NO_RECORD) this.#oldest = slot;
    else ints[this.#newest * FIELDS + NEXT] = slot;
    this.#newest = slot;
    this.#pipe += length;
  }

  /** Puts a record where its time of sending belongs, searching behind `after`; returns the record. */
  #linkInTime(slot: number, after: number): number {
    const ints = this.#ints;
    const sentAt = this.#sentAt[slot]!;
    let before = after;
    let next = before === NO_RECORD ? this.#oldest : this.sentNext(before);
    while (next !== NO_RECORD && this.#sentAt[next]! <= sentAt) {
      before = next;
      next = this.sentNext(next);
    }
    ints[slot * FIELDS + PREVIOUS] = before;
    ints[slot * FIELDS + NEXT] = next;
    if (before === NO_RECORD) this.#oldest = slot;
    else ints[before * FIELDS + NEXT] = slot;
    if (next === NO_RECORD) this.#newest = slot;
    else ints[next * FIELDS + PREVIOUS] = slot;
    this.#pipe += this.length(slot);
    // The next one may have been sent earlier than this, if this one was sent again: begin from the front then.
    return this.has(slot, RESENT) ? NO_RECORD : slot;
  }

  #unlink(slot: number, length: number): void {
    const ints = this.#ints;
    const previous = ints[slot * FIELDS + PREVIOUS]!;
    const next = ints[slot * FIELDS + NEXT]!;
    if (previous === NO_RECORD) this.#oldest = next;
    else ints[previous * FIELDS + NEXT] = next;
    if (next === NO_RECORD) this.#newest = previous;
    else ints[next * FIELDS + PREVIOUS] = previous;
    this.#pipe -= length;
  }

  #grow(): boolean {
    const size = this.#mask + 1;
    const larger = Math.max(FIRST_RECORDS, 2 * size);
    if (larger > MAX_RECORDS || !this.#budget.take(larger - size)) return false;
    const ints = new Int32Array(larger * FIELDS);
    const sentAt = new Float64Array(larger);
    for (let index = 0; index < this.#count; index++) {
      const slot = (this.#head + index) & this.#mask;
      const [at, to] = [slot * FIELDS, index * FIELDS];
      ints[to + END] = this.#ints[at + END]!;
      ints[to + FLAGS] = this.#ints[at + FLAGS]!;
      ints[to + PREVIOUS] = this.#moved(this.#ints[at + PREVIOUS]!);
      ints[to + NEXT] = this.#moved(this.#ints[at + NEXT]!);
      sentAt[index] = this.#sentAt[slot]!;
    }
    this.#oldest = this.#moved(this.#oldest);
    this.#newest = this.#moved(this.#newest);
    this.#lostFrom = this.#indexOf(this.#lostFrom);
    this.#head = 0;
    this.#ints = ints;
    this.#sentAt = sentAt;
    this.#mask = larger - 1;
    return true;
  }

  /** Where a slot goes when the first record moves to slot 0. */
  #moved(slot: number): number {
    return slot === NO_RECORD ? NO_RECORD : this.#indexOf(slot);
  }

  /** Spreads the records, from the last to the first, so that `more` pieces find room. */
  #cut(mss: number, more: number): void {
    const mask = this.#mask;
    const ints = this.#ints;
    const before = this.#count;
    let to = this.#count + more;
    for (let index = before - 1; index >= 0; index--) {
      const slot = (this.#head + index) & mask;
      const [start, end, flags] = [this.start(slot), this.end(slot), ints[slot * FIELDS + FLAGS]!];
      const sentAt = this.#sentAt[slot]!;
      const pieces = Math.max(1, Math.ceil(diff(end, start) / mss));
      for (let piece = pieces - 1; piece >= 0; piece--) {
        const target = (this.#head + --to) & mask;
        ints[target * FIELDS + END] = piece === pieces - 1 ? end : add(start, (piece + 1) * mss);
        ints[target * FIELDS + FLAGS] = flags;
        this.#sentAt[target] = sentAt;
      }
    }
    this.#count = before + more;
    this.#relink();
  }

  /** Counts everything and makes the list anew: after a cut. */
  #relink(): void {
    this.#oldest = this.#newest = NO_RECORD;
    this.#pipe = this.#lostCount = this.#sackedCount = 0;
    this.#lostFrom = this.#head;
    let before = NO_RECORD;
    for (let index = 0; index < this.#count; index++) {
      const slot = (this.#head + index) & this.#mask;
      if (this.has(slot, SACKED)) {
        this.#sackedCount++;
        this.#ints[slot * FIELDS + SKIP] = (slot + 1) & this.#mask;
      } else if (this.has(slot, LOST)) this.#lostCount++;
      else before = this.#linkInTime(slot, before);
    }
  }
}
