import { describe, expect, it } from 'vitest';
import { isLaterTimestamp, TimestampClock, timestampOf } from '../../../src/core/wireguard/tai64n.ts';
import { toHex } from '../../support/hex.ts';
import { readVectors } from '../../support/vectors.ts';

const { tai64n } = readVectors<{ tai64n: { unix: [number, number]; whitened: string }[] }>('small.json');
const YEAR = 365.25 * 86_400_000;
const NOW = Date.UTC(2027, 5, 1, 12, 0, 0, 123);

/** A clock whose wall time the test sets, and which checks that every timestamp is later than the one before. */
function makeClock(last?: Uint8Array) {
  const wall = { time: NOW };
  const clock = new TimestampClock(() => wall.time, last);
  let previous = last;
  const next = () => {
    const timestamp = clock.next();
    if (previous) expect(isLaterTimestamp(timestamp, previous)).toBe(true);
    expect(toHex(clock.last!)).toBe(toHex(timestamp));
    previous = timestamp;
    return timestamp;
  };
  return { wall, next, clock };
}

const textOf = (time: number) => toHex(timestampOf(Math.floor(time / 1000), (time % 1000) * 1e6));

describe('timestamps', () => {
  it.each(tai64n.map(({ unix, whitened }) => [...unix, whitened] as const))(
    '%d s %d ns is %s',
    (seconds, nanoseconds, whitened) => {
      expect(toHex(timestampOf(seconds, nanoseconds))).toBe(whitened);
    },
  );

  it('show the time, whitened', () => {
    const { next } = makeClock();
    expect(toHex(next())).toBe(textOf(NOW));
  });

  it('increase within one step of 16.8 ms, and carry into the seconds', () => {
    const { wall, next } = makeClock();
    wall.time = NOW - (NOW % 1000) + 995;
    for (let i = 0; i < 200; i++) next();
    wall.time += 1;
    next();
  });

  it('increase when the clock goes back an hour, or forward ten years and back', () => {
    const { wall, next } = makeClock();
    next();
    wall.time -= 3_600_000;
    next();
    wall.time += 10 * YEAR;
    expect(toHex(next())).toBe(textOf(wall.time));
    wall.time = NOW;
    next();
    next();
  });

  it('go on after a restart from what was kept', () => {
    const first = makeClock();
    first.wall.time += YEAR;
    first.next();
    const second = makeClock(first.clock.last);
    second.next();
    second.next();
  });

  it('are not led astray by a clock that is absurdly early or late', () => {
    const early = makeClock();
    early.wall.time = 0;
    expect(toHex(early.next())).toBe(textOf(Date.UTC(2026, 0, 1)));
    const late = makeClock();
    late.next();
    late.wall.time = NOW + 50 * YEAR;
    const step = late.next();
    late.wall.time = NOW + 1000;
    expect(toHex(late.next())).toBe(textOf(NOW + 1000));
    expect(isLaterTimestamp(timestampOf(Math.floor(NOW / 1000) + 1, 0), step)).toBe(true);
  });

  it.each([Date.UTC(2025, 11, 31, 23, 59, 59, 999), Date.UTC(2046, 0, 2), Number.NaN])(
    'tell once of a clock that says %i',
    (wall) => {
      const told: number[] = [];
      let time = NOW;
      const clock = new TimestampClock(
        () => time,
        undefined,
        (at) => told.push(at),
      );
      clock.next();
      expect(told).toEqual([]);
      time = wall;
      clock.next();
      clock.next();
      expect(told).toEqual([wall]);
    },
  );

  it('believe any time in the twenty years after this was written', () => {
    for (const wall of [Date.UTC(2026, 0, 1), Date.UTC(2045, 11, 31)]) {
      const told: number[] = [];
      const clock = new TimestampClock(
        () => wall,
        undefined,
        (at) => told.push(at),
      );
      expect(toHex(clock.next())).toBe(textOf(wall));
      expect(told).toEqual([]);
    }
  });

  it('take over from another clock of the key, but never go back', () => {
    const { clock } = makeClock();
    clock.next();
    clock.goOnFrom(timestampOf(Math.floor(NOW / 1000) - 50, 0));
    expect(toHex(clock.last!)).toBe(textOf(NOW));
    clock.goOnFrom(new Uint8Array(12));
    expect(toHex(clock.last!)).toBe(textOf(NOW));
    const later = timestampOf(Math.floor(NOW / 1000) + 50, 0);
    clock.goOnFrom(later);
    expect(clock.last).toEqual(later);
  });

  it('go on from what was kept, even if that is centuries ahead', () => {
    const kept = timestampOf(0xff * 2 ** 32, 999_000_000);
    const { next } = makeClock(kept);
    next();
  });

  it('ignore what cannot have been a timestamp', () => {
    const odd = (high: number, nanoseconds: number) => {
      const bytes = timestampOf(NOW / 1000, 0);
      new DataView(bytes.buffer).setUint32(0, high);
      new DataView(bytes.buffer).setUint32(8, nanoseconds);
      return bytes;
    };
    const oddities = [odd(0x4000_0100, 0), odd(0x3fff_ffff, 0), odd(0x4000_0000, 1e9)];
    for (const junk of [new Uint8Array(11), new Uint8Array(12), new Uint8Array(12).fill(255), ...oddities]) {
      const clock = new TimestampClock(() => NOW, junk);
      expect(clock.last).toBeUndefined();
      expect(toHex(clock.next())).toBe(textOf(NOW));
    }
  });
});
