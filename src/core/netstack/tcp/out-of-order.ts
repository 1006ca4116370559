import { add, diff, gt, le, lt } from './sequence.ts';

/**
 * Ranges kept at most: so many, and one more for each KiB from RCV.NXT to the last byte that came; a segment that would
 * need one more is dropped, which its sender will notice. Where every second segment was lost, all the others fit.
 */
const LEAST_RANGES = 256;
const RANGE_SHIFT = 10;
const FIRST_RANGES = 16;
/** Ranges whose last change is remembered, for the order of SACK blocks (RFC 2018 §4). */
const RECENT = 4;

/** Which sequence numbers are stored beyond RCV.NXT: a sorted table of ranges. */
export class OutOfOrder {
  /** [start, end) pairs of sequence numbers, ascending, never touching. */
  #ranges = new Int32Array(2 * FIRST_RANGES);
  #count = 0;
  /** A sequence number inside each recently changed range, latest first. */
  readonly #recent = new Int32Array(RECENT);
  #recentCount = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Whether [start, end), beyond `next`, can be added: it touches what is there, or there may be one range more. */
  hasRoom(start: number, end: number, next: number): boolean {
    if (this.#count < LEAST_RANGES) return true;
    const ranges = this.#ranges;
    const at = this.#firstBehind(add(start, -1));
    if (at < this.#count && le(ranges[2 * at]!, end)) return true;
    const last = ranges[2 * this.#count - 1]!;
    return this.#count < diff(gt(end, last) ? end : last, next) >> RANGE_SHIFT;
  }

  /** The length of what is missing at `sequence`, up to `end` at most; 0 where something is stored. */
  missingAt(sequence: number, end: number): number {
    const at = this.#firstBehind(sequence);
    if (at === this.#count) return diff(end, sequence);
    const start = this.#ranges[2 * at]!;
    if (le(start, sequence)) return 0;
    return diff(lt(start, end) ? start : end, sequence);
  }

  /** The end of the range that holds `sequence`. */
  endOf(sequence: number): number {
    return this.#ranges[2 * this.#rangeWith(sequence) + 1]!;
  }

  /** Adds [start, end), merging it with what it touches. */
  add(start: number, end: number): void {
    this.#insert(start, end);
    this.#remember(start);
  }

  /** If the first range begins at `next`, takes it out. Returns where what is in order ends now. */
  takeFrom(next: number): number {
    const ranges = this.#ranges;
    if (this.#count === 0 || ranges[0] !== next) return next;
    const end = ranges[1]!;
    ranges.copyWithin(0, 2, 2 * this.#count);
    if (--this.#count === 0) this.#recentCount = 0;
    return end;
  }

  clear(): void {
    this.#count = 0;
    this.#recentCount = 0;
  }

  /**
   * Writes up to `limit` SACK blocks into `blocks`, from pair `from` on, those that changed last first, and returns
   * their number.
   */
  sackBlocks(blocks: Int32Array, from: number, limit: number): number {
    let count = 0;
    for (let i = 0; i < this.#recentCount && count < limit; i++) {
      const index = this.#rangeWith(this.#recent[i]!);
      if (index >= 0) count += this.#listRange(index, blocks, from, count);
    }
    for (let i = this.#count - 1; i >= 0 && count < limit; i--) {
      count += this.#listRange(i, blocks, from, count);
    }
    return count;
  }

  /** Adds a range to the `count` blocks listed from `from` on; returns 0 if it is listed already. */
  #listRange(index: number, blocks: Int32Array, from: number, count: number): number {
    const start = this.#ranges[2 * index]!;
    for (let i = from; i < from + count; i++) if (blocks[2 * i] === start) return 0;
    blocks[2 * (from + count)] = start;
    blocks[2 * (from + count) + 1] = this.#ranges[2 * index + 1]!;
    return 1;
  }

  #insert(start: number, end: number): void {
    const ranges = this.#roomForRange();
    const first = this.#firstBehind(add(start, -1));
    let after = first;
    while (after < this.#count && le(ranges[2 * after]!, end)) {
      if (lt(ranges[2 * after]!, start)) start = ranges[2 * after]!;
      if (gt(ranges[2 * after + 1]!, end)) end = ranges[2 * after + 1]!;
      after++;
    }
    ranges.copyWithin(2 * first + 2, 2 * after, 2 * this.#count);
    this.#count += 1 - (after - first);
    ranges[2 * first] = start;
    ranges[2 * first + 1] = end;
  }

  /** The table, with room for one range more. */
  #roomForRange(): Int32Array {
    const ranges = this.#ranges;
    if (2 * this.#count < ranges.length) return ranges;
    this.#ranges = new Int32Array(2 * ranges.length);
    this.#ranges.set(ranges);
    return this.#ranges;
  }

  #remember(sequence: number): void {
    const recent = this.#recent;
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

  /** The index of the range that holds `sequence`; −1 if none does. */
  #rangeWith(sequence: number): number {
    const at = this.#firstBehind(sequence);
    return at < this.#count && le(this.#ranges[2 * at]!, sequence) ? at : -1;
  }

  /** The index of the first range that ends behind `sequence`; the number of ranges if none does. */
  #firstBehind(sequence: number): number {
    const ranges = this.#ranges;
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (gt(ranges[2 * middle + 1]!, sequence)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
