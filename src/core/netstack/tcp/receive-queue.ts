import type { PagePool } from '../page-pool.ts';
import { StreamBuffer } from '../stream-buffer.ts';
import { add, diff, ge, gt, le, lt } from './sequence.ts';

/** Out-of-order ranges kept at most; a segment that would need one more is dropped, which its sender will notice. */
const MAX_RANGES = 256;
const FIRST_RANGES = 16;
/** Ranges whose last change is remembered, for the order of SACK blocks (RFC 2018 §4). */
const RECENT = 4;

/** What became of a segment's bytes. */
export type Placement = 'stored' | 'no-memory' | 'no-range';

/**
 * What has arrived: first the bytes in order that the application has not read, up to RCV.NXT, and behind them, in
 * place, those that came too early, as a sorted table of ranges. Bytes already stored are never rewritten, and what
 * was stored out of order is kept (RFC 2018 §8) unless memory runs out altogether.
 */
export class ReceiveQueue {
  readonly #buffer: StreamBuffer;
  /** RCV.NXT as far as data goes. */
  #next = 0;
  #readable = 0;
  /** [start, end) pairs of sequence numbers, ascending, never touching. */
  #ranges: Int32Array | undefined;
  #rangeCount = 0;
  /** A sequence number inside each recently changed range, latest first. */
  #recent: Int32Array | undefined;
  #recentCount = 0;

  constructor(pool: PagePool) {
    this.#buffer = new StreamBuffer(pool);
  }

  /** How many pages it holds. For tests. */
  countPages(): number {
    return this.#buffer.countPages();
  }

  /** Sets the sequence number of the first byte of the stream. */
  begin(sequence: number): void {
    this.#next = sequence;
  }

  /** The sequence number after the last byte in order. */
  get next(): number {
    return this.#next;
  }

  /** Bytes in order that wait to be read. */
  get readable(): number {
    return this.#readable;
  }

  /** Whether something beyond RCV.NXT is stored: there is a gap. */
  get hasGap(): boolean {
    return this.#rangeCount > 0;
  }

  /** Stores payload that lies wholly in the window: at or after `next`. */
  place(sequence: number, view: DataView, start: number, length: number): Placement {
    if (this.#rangeCount === 0 && sequence === this.#next) {
      if (!this.#buffer.put(this.#readable, view, start, length)) return 'no-memory';
      this.#next = add(sequence, length);
      this.#readable += length;
      return 'stored';
    }
    return this.#placeAmongRanges(sequence, view, start, length);
  }

  /** Copies what is readable into `target` and frees it; returns how many bytes. */
  readInto(target: Uint8Array): number {
    const length = Math.min(target.length, this.#readable);
    this.#buffer.getArray(target, length);
    this.#buffer.advance(length);
    this.#readable -= length;
    if (this.#readable === 0 && this.#rangeCount === 0) this.#buffer.rewind();
    return length;
  }

  /** Drops everything out of order: only when memory runs out (the peer has not been told that it is safe). */
  dropOutOfOrder(): void {
    this.#rangeCount = 0;
    this.#recentCount = 0;
    this.#buffer.truncate(this.#readable);
  }

  clear(): void {
    this.#readable = 0;
    this.#rangeCount = 0;
    this.#recentCount = 0;
    this.#buffer.clear();
  }

  /** Whether [start, end) is stored already, wholly and out of order. */
  holds(start: number, end: number): boolean {
    const ranges = this.#ranges;
    for (let i = 0; i < this.#rangeCount; i++) {
      if (le(ranges![2 * i]!, start) && ge(ranges![2 * i + 1]!, end)) return true;
    }
    return false;
  }

  /**
   * Writes up to `limit` SACK blocks into `blocks`, from pair `from` on, those that changed last first, and returns
   * their number.
   */
  sackBlocks(blocks: Int32Array, from: number, limit: number): number {
    let count = 0;
    for (let i = 0; i < this.#recentCount && count < limit; i++) {
      const index = this.#rangeWith(this.#recent![i]!);
      if (index >= 0) count += this.#listRange(index, blocks, from, count);
    }
    for (let i = this.#rangeCount - 1; i >= 0 && count < limit; i--) {
      count += this.#listRange(i, blocks, from, count);
    }
    return count;
  }

  /** Adds a range to the `count` blocks listed from `from` on; returns 0 if it is listed already. */
  #listRange(index: number, blocks: Int32Array, from: number, count: number): number {
    const start = this.#ranges![2 * index]!;
    for (let i = from; i < from + count; i++) if (blocks[2 * i] === start) return 0;
    blocks[2 * (from + count)] = start;
    blocks[2 * (from + count) + 1] = this.#ranges![2 * index + 1]!;
    return 1;
  }

  #placeAmongRanges(sequence: number, view: DataView, start: number, length: number): Placement {
    const end = add(sequence, length);
    // What fills the first gap is always welcome, or nothing would ever move again.
    if (this.#rangeCount >= MAX_RANGES && sequence !== this.#next) return 'no-range';
    const ranges = this.#roomForRange();
    // Write only what no range holds: first-arrived bytes stay as they are.
    let at = sequence;
    for (let i = 0; i < this.#rangeCount && lt(at, end); i++) {
      if (le(ranges[2 * i + 1]!, at)) continue;
      const gapEnd = lt(ranges[2 * i]!, end) ? ranges[2 * i]! : end;
      if (lt(at, gapEnd) && !this.#put(at, gapEnd, sequence, view, start)) return 'no-memory';
      if (gt(ranges[2 * i + 1]!, at)) at = ranges[2 * i + 1]!;
    }
    if (lt(at, end) && !this.#put(at, end, sequence, view, start)) return 'no-memory';
    this.#addRange(ranges, sequence, end);
    this.#remember(sequence);
    this.#takeInOrder(ranges);
    return 'stored';
  }

  /** Stores [from, to), which is part of a payload at `start` whose first byte has number `sequence`. */
  #put(from: number, to: number, sequence: number, view: DataView, start: number): boolean {
    const position = this.#readable + diff(from, this.#next);
    return this.#buffer.put(position, view, start + diff(from, sequence), diff(to, from));
  }

  /** Merges [start, end) into the table, which has room for it. */
  #addRange(ranges: Int32Array, start: number, end: number): void {
    let first = 0;
    while (first < this.#rangeCount && lt(ranges[2 * first + 1]!, start)) first++;
    let after = first;
    while (after < this.#rangeCount && le(ranges[2 * after]!, end)) {
      if (lt(ranges[2 * after]!, start)) start = ranges[2 * after]!;
      if (gt(ranges[2 * after + 1]!, end)) end = ranges[2 * after + 1]!;
      after++;
    }
    ranges.copyWithin(2 * first + 2, 2 * after, 2 * this.#rangeCount);
    this.#rangeCount += 1 - (after - first);
    ranges[2 * first] = start;
    ranges[2 * first + 1] = end;
  }

  /** If the first range now begins at RCV.NXT, its bytes are in order. */
  #takeInOrder(ranges: Int32Array): void {
    if (ranges[0] !== this.#next) return;
    const end = ranges[1]!;
    this.#readable += diff(end, this.#next);
    this.#next = end;
    ranges.copyWithin(0, 2, 2 * this.#rangeCount);
    if (--this.#rangeCount === 0) this.#recentCount = 0;
  }

  /** The table, with room for one range more. */
  #roomForRange(): Int32Array {
    const ranges = this.#ranges;
    if (!ranges) return (this.#ranges = new Int32Array(2 * FIRST_RANGES));
    if (2 * this.#rangeCount < ranges.length) return ranges;
    this.#ranges = new Int32Array(2 * ranges.length);
    this.#ranges.set(ranges);
    return this.#ranges;
  }

  #remember(sequence: number): void {
    const recent = (this.#recent ??= new Int32Array(RECENT));
    const index = this.#rangeWith(sequence);
    // Drop older marks of the same range, so that four marks are four ranges.
    let kept = 0;
    for (let i = 0; i < this.#recentCount; i++) {
      const mark = recent[i]!;
      if (this.#rangeWith(mark) !== index && kept < RECENT - 1) recent[kept++] = mark;
    }
    recent.copyWithin(1, 0, kept);
    recent[0] = sequence;
    this.#recentCount = kept + 1;
  }

  #rangeWith(sequence: number): number {
    const ranges = this.#ranges;
    for (let i = 0; i < this.#rangeCount; i++) {
      if (le(ranges![2 * i]!, sequence) && gt(ranges![2 * i + 1]!, sequence)) return i;
    }
    return -1;
  }
}
