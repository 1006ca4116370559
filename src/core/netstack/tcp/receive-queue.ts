import { StreamBuffer } from '../stream-buffer.ts';
import { OutOfOrder } from './out-of-order.ts';
import { add, diff, lt } from './sequence.ts';

/** What became of a segment's bytes. */
export type Placement = 'stored' | 'no-memory' | 'no-range';

/**
 * What has arrived: first the bytes in order that the application has not read, up to RCV.NXT, and behind them, in
 * place, those that came too early. Bytes already stored are never rewritten, and what was stored out of order is kept
 * (RFC 2018 §8) unless memory runs out altogether.
 */
export class ReceiveQueue extends StreamBuffer {
  /** RCV.NXT as far as data goes. */
  #next = 0;
  #readable = 0;
  /** Where it is known what came too early; an idle connection has none. */
  #early: OutOfOrder | undefined;

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
    return this.#early !== undefined && !this.#early.isEmpty;
  }

  /** Stores payload that lies wholly in the window: at or after `next`. */
  place(sequence: number, view: DataView, start: number, length: number): Placement {
    if (sequence === this.#next && !this.hasGap) {
      if (!this.put(this.#readable, view, start, length)) return 'no-memory';
      this.#next = add(sequence, length);
      this.#readable += length;
      return 'stored';
    }
    return this.#placeEarly(sequence, view, start, length);
  }

  /** Copies what is readable into `target` and frees it; returns how many bytes. */
  readInto(target: Uint8Array): number {
    const length = Math.min(target.length, this.#readable);
    this.getArray(target, length);
    this.advance(length);
    this.#readable -= length;
    if (this.#readable === 0 && !this.hasGap) {
      this.rewind();
      this.#early = undefined;
    }
    return length;
  }

  /** Drops everything out of order: only when memory runs out (the peer has not been told that it is safe). */
  dropOutOfOrder(): void {
    this.#early?.clear();
    this.truncate(this.#readable);
  }

  override clear(): void {
    this.#readable = 0;
    this.#early = undefined;
    super.clear();
  }

  /** Where in [start, end) there is something that came too early; `end` if nowhere. */
  firstHeld(start: number, end: number): number {
    return this.#early ? add(start, this.#early.missingAt(start, end)) : end;
  }

  /** The end of what came too early and holds `sequence`. */
  heldUntil(sequence: number): number {
    return this.#early?.endOf(sequence) ?? sequence;
  }

  /**
   * Writes up to `limit` SACK blocks into `blocks`, from pair `from` on, those that changed last first, and returns
   * their number.
   */
  sackBlocks(blocks: Int32Array, from: number, limit: number): number {
    return this.#early?.sackBlocks(blocks, from, limit) ?? 0;
  }

  #placeEarly(sequence: number, view: DataView, start: number, length: number): Placement {
    const early = (this.#early ??= new OutOfOrder());
    const end = add(sequence, length);
    // What fills the first gap is always welcome, or nothing would ever move again.
    if (sequence !== this.#next && !early.hasRoom(sequence, end, this.#next)) return 'no-range';
    // Write only what is missing: first-arrived bytes stay as they are.
    for (let at = sequence; lt(at, end); ) {
      const missing = early.missingAt(at, end);
      if (missing === 0) {
        at = early.endOf(at);
        continue;
      }
      const position = this.#readable + diff(at, this.#next);
      if (!this.put(position, view, start + diff(at, sequence), missing)) return 'no-memory';
      at = add(at, missing);
    }
    early.add(sequence, end);
    const next = early.takeFrom(this.#next);
    this.#readable += diff(next, this.#next);
    this.#next = next;
    return 'stored';
  }
}
