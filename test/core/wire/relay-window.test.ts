import { describe, expect, it } from 'vitest';
import { RelayWindow } from '../../../src/core/wire/relay-window.ts';

const MESSAGE = 1452;

/** A way that carries so many bytes per ms, with a round trip, and holds whatever it is given. */
class Way {
  readonly window = new RelayWindow();
  now = 1000;
  arrived = 0;
  #given = 0;
  #freeAt = 0;
  readonly #inTransit: { bytes: number; at: number }[] = [];
  readonly #marks: { number: number; at: number }[] = [];
  rate: number;
  /** Something was lost: what arrives waits there, and is known to have arrived when this is over. */
  holeUntil = 0;
  readonly #roundTrip: number;
  /** When the way's own TCP began to double what it lets out in a round trip; long ago unless told. */
  readonly #beganAt: number;

  constructor(rate: number, roundTrip: number, startsSlowly = false) {
    this.#beganAt = startsSlowly ? this.now : Number.NEGATIVE_INFINITY;
    this.rate = rate;
    if (Number.isFinite(roundTrip) && roundTrip < 1e6) this.window.measureRoundTrip(roundTrip, this.now);
    this.#roundTrip = roundTrip;
  }

  /** Bytes that were given and have not even left. */
  get waiting(): number {
    return Math.max(0, this.#freeAt - this.now) * this.rate;
  }

  get given(): number {
    return this.#given;
  }

  give(bytes: number): void {
    this.#given += bytes;
    this.#freeAt = Math.max(this.#freeAt, this.now);
    this.#freeAt += bytes / Math.min(this.rate, this.#slowStart(this.#freeAt));
    this.#inTransit.push({ bytes, at: this.#freeAt + this.#roundTrip / 2 });
  }

  /** Bytes per ms of a TCP at its start: ten segments in the first round trip. */
  #slowStart(at: number): number {
    return ((10 * 1448) / this.#roundTrip) * 2 ** ((at - this.#beganAt) / this.#roundTrip);
  }

  /** A millisecond in which the sender sends all it may, or `most` bytes. */
  step(most = Number.POSITIVE_INFINITY): void {
    this.now++;
    while (this.#inTransit[0] && this.#inTransit[0].at <= this.now)
      this.arrived += this.#inTransit.shift()!.bytes;
    while (this.#marks[0] && this.#marks[0].at <= this.now && this.holeUntil <= this.now)
      this.window.markReturned(this.#marks.shift()!.number, this.now);
    let left = most;
    while (left >= MESSAGE && this.window.outstanding(this.now) < this.window.limit) {
      this.window.sent(MESSAGE, this.now);
      this.give(MESSAGE);
      left -= MESSAGE;
      this.#mark();
    }
    if (left >= MESSAGE) this.window.full(this.now);
    this.#mark();
  }

  #mark(): void {
    if (!this.window.wantsMark(this.now)) return;
    const number = this.window.mark(12, this.now);
    this.give(12);
    this.#marks.push({ number, at: this.#freeAt + this.#roundTrip });
  }

  /** Bytes per ms that arrive, over so many ms. */
  run(ms: number, most?: number): number {
    const before = this.arrived;
    for (let i = 0; i < ms; i++) this.step(most);
    return (this.arrived - before) / ms;
  }
}

/** Bytes per ms, and ms. */
const WAYS = [
  [250, 100],
  [1250, 20],
  [1250, 100],
  [12_500, 5],
  [12_500, 50],
] as const;

describe('the window between client and relay', () => {
  it.each(WAYS)(
    'fills a way of %i bytes per ms and a round trip of %i ms, and little more',
    (rate, roundTrip) => {
      const way = new Way(rate, roundTrip);
      way.run(10_000);
      expect(way.run(2000)).toBeGreaterThan(0.9 * rate);
      // 32 ms, and what had been sent when it was looked at last.
      const longest = Math.max(50, (8 * 1024) / rate);
      for (let i = 0; i < 1000; i++) {
        way.step();
        expect(way.waiting / rate).toBeLessThan(longest);
      }
    },
  );

  it('finds out soon that a far way is a fast one', () => {
    const way = new Way(12_500, 100);
    way.run(1000);
    expect(way.run(300)).toBeGreaterThan(0.9 * 12_500);
    const farther = new Way(12_500, 300);
    farther.run(8500);
    expect(farther.run(900)).toBeGreaterThan(0.9 * 12_500);
  });

  it('is not held back for long by a TCP below that begins slowly', () => {
    const way = new Way(12_500, 100, true);
    way.run(1200);
    expect(way.run(500)).toBeGreaterThan(0.9 * 12_500);
  });

  it('does not flood a far way that is slow with more than it begins with', () => {
    const way = new Way(125, 100);
    for (let i = 0; i < 2000; i++) {
      way.step();
      expect(way.waiting).toBeLessThan(64 * 1024 + 2 * MESSAGE);
    }
  });

  it('lets out no more than 64 KiB before anything has come back', () => {
    const way = new Way(1, 1e9);
    way.run(5000);
    expect(way.given).toBeGreaterThan(64 * 1024);
    expect(way.given).toBeLessThan(64 * 1024 + 2 * MESSAGE + 12 * 100);
  });

  it('follows a way that becomes slower', () => {
    const way = new Way(1250, 50);
    way.run(5000);
    way.rate = 250;
    way.run(4000);
    expect(way.run(1000)).toBeGreaterThan(0.9 * 250);
    expect(way.waiting / 250).toBeLessThan(50);
  });

  it('and one that becomes faster', () => {
    const way = new Way(250, 50);
    way.run(5000);
    way.rate = 1250;
    way.run(6000);
    expect(way.run(1000)).toBeGreaterThan(0.9 * 1250);
  });

  it('does not take what is lost on the way for a slow way', () => {
    const way = new Way(250, 100);
    way.run(5000);
    const before = way.arrived;
    let waited = 0;
    for (let i = 0; i < 20_000; i++) {
      // A hole each 500 ms: for a third of the time nothing is known to arrive.
      if (i % 500 === 0) way.holeUntil = way.now + 150;
      way.step();
      waited = Math.max(waited, way.waiting / way.rate);
    }
    expect((way.arrived - before) / 20_000).toBeGreaterThan(0.9 * 250);
    // What is sent in the hope that it arrives behind the hole is no more than the way would have carried.
    expect(waited).toBeLessThan(100);
  });

  it('in a standstill sends a round trip’s worth in vain, and no more', () => {
    const way = new Way(250, 100);
    way.run(5000);
    const { limit } = way.window;
    way.holeUntil = way.now + 10_000;
    way.rate = 1e-9;
    way.run(5000);
    expect(way.given - way.arrived).toBeLessThan(limit + 250 * 100 + 2 * MESSAGE);
  });

  it('messages are whole soon after they begin', () => {
    const way = new Way(250, 100);
    expect(way.window.messageLimit).toBe(Number.POSITIVE_INFINITY);
    way.run(5000);
    expect(way.window.messageLimit / way.rate).toBeGreaterThan(1);
    expect(way.window.messageLimit / way.rate).toBeLessThan(3);
  });

  it('is not closed by having had little to send', () => {
    const way = new Way(1250, 100);
    way.run(5000);
    const { limit } = way.window;
    way.run(20_000, 2 * MESSAGE);
    expect(way.window.limit).toBeGreaterThan(0.9 * limit);
    const fresh = new Way(1250, 100);
    fresh.run(20_000, 2 * MESSAGE);
    expect(fresh.window.limit).toBeGreaterThanOrEqual(64 * 1024);
  });

  it('sends marks at most 17 times a second, and none for a few bytes', () => {
    const way = new Way(12_500, 5);
    let marks = 0;
    const { window } = way;
    const mark = window.mark.bind(window);
    window.mark = (bytes, now) => {
      marks++;
      return mark(bytes, now);
    };
    way.run(1000);
    expect(marks).toBeGreaterThan(10);
    expect(marks).toBeLessThanOrEqual(17);
    const quiet = new RelayWindow();
    quiet.sent(1000, 0);
    expect(quiet.wantsMark(5000)).toBe(false);
    quiet.sent(4000, 5000);
    expect(quiet.wantsMark(5000)).toBe(true);
  });

  it('has nothing on the way once a mark would have come back, though what is short has none', () => {
    const way = new Way(1250, 40);
    way.run(3000);
    way.run(200, 0);
    const { window } = way;
    for (let second = 0; second < 60; second++) {
      window.sent(148, way.now);
      expect(window.outstanding(way.now)).toBeGreaterThan(0);
      way.run(1000, 0);
      expect(window.outstanding(way.now)).toBe(0);
    }
  });

  it('of a way that nothing ever waited for, too; but not while a mark is out, or much has none', () => {
    const window = new RelayWindow();
    window.measureRoundTrip(40, 0);
    window.sent(3000, 0);
    expect(window.outstanding(41)).toBe(3000);
    expect(window.outstanding(1000)).toBe(0);
    window.sent(2000, 1000);
    const number = window.mark(12, 1000);
    expect(window.outstanding(60_000)).toBeGreaterThanOrEqual(2012);
    window.markReturned(number, 60_000);
    expect(window.outstanding(60_000)).toBe(0);
    window.sent(5000, 60_001);
    expect(window.outstanding(120_000)).toBe(5000);
  });

  it('does not believe in marks that it never sent', () => {
    const window = new RelayWindow();
    window.sent(50_000, 0);
    window.full(0);
    window.mark(12, 0);
    window.markReturned(7, 1);
    window.markReturned(0, 1);
    expect(window.outstanding(1)).toBe(50_012);
    expect(window.limit).toBe(64 * 1024);
  });
});
