import { diff, gt, le, lt } from './sequence.ts';

/** Ranges kept at most; a segment that would need one more is dropped, which its sender will notice. */
const MAX_RANGES = 256;
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

  get isFull(): boolean {
    return this.#count >= MAX_RANGES;
  }

  /** The length of what is missing at `sequence`, up to `end` at most; 0 where something is stored. */
  missingAt(sequence: number, end: number): number {
    const ranges = this.#ranges;
    for (let i = 0; i < this.#count; i++) {
      if (le(ranges[2 * i + 1]!, sequence)) continue;
      if (le(ranges[2 * i]!, sequence)) return 0;
      return diff(lt(ranges[2 * i]!, end) ? ranges[2 * i]! : end, sequence);
    }
    return diff(end, sequence);
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
    let first = 0;
    while (first < this.#count && lt(ranges[2 * first + 1]!, start)) first++;
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

  #rangeWith(sequence: number): number {
    const ranges = this.#ranges;
    for (let i = 0; i < this.#count; i++) {
      if (le(ranges[2 * i]!, sequence) && gt(ranges[2 * i + 1]!, sequence)) return i;
    }
    return -1;
  }
}
