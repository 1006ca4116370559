import { describe, expect, it } from 'vitest';
import { NO_PAGE } from '../../../src/core/netstack/page-maps.ts';
import { PAGE_SIZE, PagePool } from '../../../src/core/netstack/page-pool.ts';
import { StreamBuffer } from '../../../src/core/netstack/stream-buffer.ts';
import { NEVER } from '../../../src/core/time.ts';
import { SeededRandom } from '../../support/random.ts';

describe('PagePool', () => {
  it('lends each page once, up to its limit, and lends again what came back', () => {
    const pool = new PagePool(2 << 20);
    const pages = Array.from({ length: 512 }, () => pool.take());
    expect(new Set(pages).size).toBe(512);
    expect(pool.take()).toBe(NO_PAGE);
    expect(pool.used).toBe(512);
    pool.release(pages[7]!);
    expect(pool.take()).toBe(pages[7]);
    for (const page of pages) pool.release(page);
    expect(pool.used).toBe(0);
  });

  it('gives pages that do not overlap, by either view', () => {
    const pool = new PagePool(2 << 20);
    const pages = Array.from({ length: 512 }, () => pool.take());
    for (const page of pages) pool.copyIn(page, 0, new Uint8Array(PAGE_SIZE).fill(page & 255));
    const whole = new Uint8Array(PAGE_SIZE);
    for (const page of pages) {
      pool.copyOut(page, 0, PAGE_SIZE, whole, 0);
      expect(new Set(whole)).toEqual(new Set([page & 255]));
      expect(pool.viewOf(page).getUint8(pool.offsetOf(page))).toBe(page & 255);
      expect(pool.viewOf(page).getUint8(pool.offsetOf(page) + PAGE_SIZE - 1)).toBe(page & 255);
    }
  });

  it('lends what adjoins the last page, as long as there is some, and says where memory ends', () => {
    const pool = new PagePool(512 << 10);
    const first = pool.take();
    const second = pool.take(first);
    expect([second, pool.adjoins(first, second), pool.adjoins(second, first)]).toEqual([
      first + 1,
      true,
      false,
    ]);
    const other = pool.take(second);
    pool.release(second);
    expect(pool.take(other)).toBe(other + 1);
    expect(pool.take(first)).toBe(second);
    for (let page = other + 1; page < 63; ) page = pool.take(page);
    // 64 pages are one piece of memory.
    expect([pool.take(63), pool.adjoins(63, 64)]).toEqual([64, false]);
    const bytes = Uint8Array.from({ length: 2 * PAGE_SIZE }, (_, i) => i % 251);
    pool.copyIn(first, 100, bytes);
    const back = new Uint8Array(2 * PAGE_SIZE);
    pool.copyOut(first, 100, 5000, back, 0);
    pool.copyOut(second, 5100 - PAGE_SIZE, 2 * PAGE_SIZE - 5000, back, 5000);
    expect(back).toEqual(bytes);
  });

  /** A second in which nobody needs anything. */
  const rest = (pool: PagePool) => {
    expect(pool.pollAt()).toBe(0);
    pool.poll(5000);
    expect(pool.pollAt()).toBe(6000);
    const { byteLength } = pool;
    pool.poll(5999);
    expect(pool.byteLength).toBe(byteLength);
    pool.poll(6000);
    expect(pool.pollAt()).toBe(NEVER);
  };

  it('takes memory as it needs it and lets go of what lies idle for a second, but for 256 KiB', () => {
    const pool = new PagePool();
    const random = new SeededRandom(1);
    expect(pool.byteLength).toBe(0);
    const pages = Array.from({ length: 20 * 256 }, () => pool.take());
    expect(pool.byteLength).toBe(20 << 20);
    while (pages.length > 100) {
      for (let i = 0; i < 3; i++) pool.release(pages.splice(random.below(pages.length), 1)[0]!);
      pages.push(pool.take());
    }
    expect(new Set(pages).size).toBe(pages.length);
    for (const page of pages) pool.release(page);
    rest(pool);
    expect(pool.byteLength).toBe(256 << 10);
    expect(pool.used).toBe(0);
    expect(pool.viewOf(pool.take()).byteLength).toBe(256 << 10);
  });

  it('lends from the first pages, so that the last can go', () => {
    const pool = new PagePool();
    const pages = Array.from({ length: 1024 }, () => pool.take());
    for (const page of pages.slice(1)) pool.release(page);
    rest(pool);
    expect(pool.byteLength).toBe(512 << 10);
    for (let i = 0; i < 63; i++) expect(pool.take() >> 6).toBe(pages[0]! >> 6);
  });

  it('keeps what is filled and emptied again and again, and lets go of the rest', () => {
    const pool = new PagePool();
    const fill = (pages: number) => Array.from({ length: pages }, () => pool.take());
    for (const page of fill(8 * 64)) pool.release(page);
    for (let now = 0; now <= 3000; now += 10) {
      const pages = fill(4 * 64);
      pool.poll(now);
      for (const page of pages) pool.release(page);
      pool.poll(now);
      // Those four are in use at some time in every second; and a spare one is kept.
      if (now > 1000) expect(pool.byteLength).toBe(5 * (256 << 10));
    }
  });

  it('says how pressed it is: at 75 % and at 95 %', () => {
    const pool = new PagePool(1 << 20);
    const at = (used: number) => {
      while (pool.used < used) pool.take();
      return pool.pressure;
    };
    expect([at(191), at(192), at(243), at(244)]).toEqual(['none', 'high', 'high', 'critical']);
  });
});

/** Bytes in an array of its own whose DataView begins at its first byte. */
function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

describe('StreamBuffer', () => {
  it('behaves like a plain array of bytes, whatever is done to it', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed);
      const pool = new PagePool(4 << 20);
      const buffer = new StreamBuffer(pool);
      let model: number[] = [];
      for (let step = 0; step < 60; step++) {
        const bytes = random.bytes(random.below(1 << random.below(15)));
        switch (random.below(5)) {
          case 0: {
            // Out of order: put a part later, then what is before it.
            const split = random.below(bytes.length + 1);
            buffer.put(model.length + split, viewOf(bytes), split, bytes.length - split);
            buffer.put(model.length, viewOf(bytes), 0, split);
            model.push(...bytes);
            break;
          }
          case 1:
            expect(buffer.putArray(model.length, bytes, 0, bytes.length)).toBe(bytes.length);
            model.push(...bytes);
            break;
          case 2: {
            const length = random.below(model.length + 1);
            const target = new Uint8Array(length);
            buffer.getArray(target, length);
            expect(target).toEqual(Uint8Array.from(model.slice(0, length)));
            buffer.advance(length);
            model = model.slice(length);
            if (model.length === 0) buffer.rewind();
            break;
          }
          case 3: {
            const position = random.below(model.length + 1);
            const length = random.below(Math.min(1500, model.length - position) + 1);
            const target = new Uint8Array(length + 3);
            buffer.get(position, length, viewOf(target), 2);
            expect(target.subarray(2, 2 + length)).toEqual(
              Uint8Array.from(model.slice(position, position + length)),
            );
            expect([target[0], target[1], target[length + 2]]).toEqual([0, 0, 0]);
            break;
          }
          default:
            buffer.truncate(model.length);
        }
        const pages = Math.ceil(model.length / PAGE_SIZE);
        expect(pool.used).toBeGreaterThanOrEqual(pages);
        expect(pool.used).toBeLessThanOrEqual(pages + 1);
      }
      buffer.clear();
      expect(pool.used).toBe(0);
    }
  });

  it('says so when the pool is empty, and has lost nothing', () => {
    const pool = new PagePool(1 << 20);
    const buffer = new StreamBuffer(pool);
    const all = new Uint8Array(1 << 20).fill(3);
    expect(buffer.putArray(0, all, 0, all.length)).toBe(1 << 20);
    expect(buffer.putArray(all.length, all, 0, 10)).toBe(0);
    expect(buffer.put(all.length, viewOf(all), 0, 10)).toBe(false);
    buffer.advance(PAGE_SIZE);
    expect(buffer.put(all.length - PAGE_SIZE, viewOf(all), 0, 10)).toBe(true);
    const target = new Uint8Array(all.length - PAGE_SIZE);
    buffer.getArray(target, target.length);
    expect(target.every((byte) => byte === 3)).toBe(true);
  });

  it('costs nothing while it is empty', () => {
    const pool = new PagePool(1 << 20);
    const buffer = new StreamBuffer(pool);
    buffer.putArray(0, new Uint8Array(10), 0, 10);
    buffer.advance(10);
    buffer.rewind();
    expect(pool.used).toBe(0);
  });
});
