import { describe, expect, it } from 'vitest';
import { PagePool } from '../../../../src/core/netstack/page-pool.ts';
import { ReceiveQueue } from '../../../../src/core/netstack/tcp/receive-queue.ts';
import { SeededRandom } from '../../../support/random.ts';

const WINDOW = 60_000;
const STEPS = 200;
const LONGEST = 1500;

/** Single bytes by their place in the stream, the first of which stays: the plainest thing that a queue can be compared with. */
class PlainBytes {
  readonly #bytes = new Int16Array(STEPS * LONGEST + WINDOW).fill(-1);

  has(position: number): boolean {
    return this.get(position) >= 0;
  }

  /** Below zero where there is none. */
  get(position: number): number {
    return this.#bytes[position] ?? -1;
  }

  set(position: number, byte: number): void {
    if (position >= this.#bytes.length) throw new RangeError(`no place for byte ${position}`);
    this.#bytes[position] = byte;
  }
}

describe('ReceiveQueue', () => {
  it.each([0, -300, 0x7fffff00])('agrees with a map of single bytes, beginning at %i', (isn) => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = new SeededRandom(seed);
      const pool = new PagePool(1 << 20);
      const queue = new ReceiveQueue(pool);
      queue.begin(isn);
      const stored = new PlainBytes();
      let next = 0;
      let read = 0;
      for (let step = 0; step < STEPS; step++) {
        // The marker tells one copy of a byte from another: the first that came must stay.
        const position =
          next +
          random.below(random.fraction() < 0.3 ? 1 : 2000 + random.below(WINDOW - 5000 - (next - read)));
        const length = 1 + random.below(LONGEST);
        const bytes = random.bytes(length);
        const view = new DataView(bytes.buffer);
        expect(queue.place((isn + position) | 0, view, 0, length)).toBe('stored');
        for (let i = 0; i < length; i++) if (!stored.has(position + i)) stored.set(position + i, bytes[i]!);
        while (stored.has(next)) next++;
        expect(queue.next).toBe((isn + next) | 0);
        expect(queue.readable).toBe(next - read);
        checkBlocks(queue, stored, isn, next, position);
        if (random.fraction() < 0.3) {
          const target = new Uint8Array(random.below(4000));
          const count = queue.readInto(target);
          expect(count).toBe(Math.min(target.length, next - read));
          for (let i = 0; i < count; i++)
            if (target[i] !== stored.get(read + i)) throw new Error(`byte ${read + i}`);
          read += count;
        }
      }
      queue.clear();
      expect(pool.used).toBe(0);
    }
  });

  /** Every block is a whole range; the first holds what came last, if that is behind a gap. */
  function checkBlocks(
    queue: ReceiveQueue,
    stored: PlainBytes,
    isn: number,
    next: number,
    last: number,
  ): void {
    const blocks = new Int32Array(8);
    const count = queue.sackBlocks(blocks, 0, 4);
    const seen = new Set<number>();
    for (let i = 0; i < count; i++) {
      const start = (blocks[2 * i]! - isn) | 0;
      const end = (blocks[2 * i + 1]! - isn) | 0;
      const isWhole = stored.has(start) && stored.has(end - 1) && !stored.has(start - 1) && !stored.has(end);
      if (!isWhole || start <= next || seen.has(start)) throw new Error(`block ${start}:${end}`);
      seen.add(start);
    }
    expect(queue.hasGap).toBe(count > 0);
    if (last > next) expect((blocks[0]! - isn) | 0).toBeLessThanOrEqual(last);
    if (last > next) expect((blocks[1]! - isn) | 0).toBeGreaterThan(last);
  }

  it('keeps what is in order when it has to drop the rest', () => {
    const pool = new PagePool(1 << 20);
    const queue = new ReceiveQueue(pool);
    queue.begin(0);
    const bytes = new Uint8Array(10_000).map((_, i) => i & 255);
    const view = new DataView(bytes.buffer);
    queue.place(0, view, 0, 5000);
    queue.place(6000, view, 6000, 4000);
    queue.place(50_000, view, 0, 5000);
    queue.dropOutOfOrder();
    expect([queue.readable, queue.hasGap, pool.used]).toEqual([5000, false, 2]);
    queue.place(5000, view, 5000, 5000);
    const target = new Uint8Array(10_000);
    expect(queue.readInto(target)).toBe(10_000);
    expect(target).toEqual(bytes);
  });

  describe('with more gaps than it keeps ranges in any case', () => {
    const SEGMENT = 1368;
    const view = new DataView(new ArrayBuffer(SEGMENT));
    const pool = new PagePool(8 << 20);

    it('takes every second segment of a large window, and what fills the gaps in any order', () => {
      const queue = new ReceiveQueue(pool);
      const random = new SeededRandom(1);
      queue.begin(0);
      for (let i = 1; i < 4000; i += 2) expect(queue.place(i * SEGMENT, view, 0, SEGMENT)).toBe('stored');
      const lost = Array.from({ length: 2000 }, (_, i) => 2 * i);
      while (lost.length > 0) {
        const [i] = lost.splice(random.below(Math.min(lost.length, 50)), 1);
        expect(queue.place(i! * SEGMENT, view, 0, SEGMENT)).toBe('stored');
      }
      expect([queue.readable, queue.hasGap]).toEqual([4000 * SEGMENT, false]);
      queue.clear();
    });

    it('refuses only what would be one range more, and never the segment that is due', () => {
      const queue = new ReceiveQueue(pool);
      queue.begin(0);
      let at = 1;
      while (queue.place(at, view, 0, 1) === 'stored') at += 2;
      // 256 of one byte each.
      expect(at).toBe(2 * 256 + 1);
      expect(queue.place(at - 1, view, 0, 1)).toBe('stored');
      expect(queue.place(101, view, 0, 2)).toBe('stored');
      expect(queue.place(at + 100, view, 0, 1)).toBe('stored');
      expect(queue.place(at + 102, view, 0, 1)).toBe('no-range');
      expect(queue.place(0, view, 0, 1)).toBe('stored');
      expect(queue.next).toBe(2);
      queue.clear();
    });
  });
});
