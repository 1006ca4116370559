import { expect, it } from 'vitest';
import {
  defineDoubles,
  defineFlags,
  defineInts,
  type InRow,
  NumberRows,
} from '../../../../src/core/netstack/tcp/number-rows.ts';
import { SeededRandom } from '../../../support/random.ts';

class Thing implements InRow {
  rowDoubles!: Float64Array;
  rowInts!: Int32Array;
  rowAt = 0;
  rowIndex = 0;
  declare time: number;
  declare size: number;
  declare sequence: number;
  declare isOpen: boolean;
  declare isLast: boolean;
}

defineDoubles(Thing.prototype, 0, ['time', 'size']);
defineInts(Thing.prototype, 4, ['sequence']);
defineFlags(Thing.prototype, 5, ['isOpen', 'isLast']);
const STRIDE = 3;

const values = ({ time, size, sequence, isOpen, isLast }: Thing) => [time, size, sequence, isOpen, isLast];

it('gives each thing numbers of its own, which it keeps when others go and when it goes itself', () => {
  const rows = new NumberRows(STRIDE);
  const random = new SeededRandom(5);
  const all: { thing: Thing; expected: ReturnType<typeof values>; gone: boolean }[] = [];
  for (let step = 0; step < 4000; step++) {
    const alive = all.filter(({ gone }) => !gone);
    if (random.below(3) > 0 || alive.length === 0) {
      const thing = new Thing();
      rows.add(thing);
      expect(values(thing)).toEqual([0, 0, 0, false, false]);
      // A word that is no number as a double, and everything else that is awkward.
      thing.time = random.below(2) === 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
      thing.size = step / 3;
      thing.sequence = -(step % 5);
      thing.isOpen = step % 2 === 0;
      thing.isLast = step % 3 === 0;
      all.push({ thing, expected: values(thing), gone: false });
    } else {
      const one = alive[random.below(alive.length)]!;
      rows.remove(one.thing);
      one.gone = true;
    }
  }
  for (const { thing, expected } of all) expect(values(thing)).toEqual(expected);
  // Twice does no harm.
  for (const { thing } of all) rows.remove(thing);
  for (const { thing } of all) rows.remove(thing);
  for (const { thing, expected } of all) expect(values(thing)).toEqual(expected);
});

it('has memory for those that are there, and one chunk in hand', () => {
  const rows = new NumberRows(STRIDE);
  const chunk = 64 * STRIDE * 8;
  const things = Array.from({ length: 1000 }, () => new Thing());
  for (const thing of things) rows.add(thing);
  expect(rows.byteLength).toBe(16 * chunk);
  for (const thing of things.slice(0, 900)) rows.remove(thing);
  expect(rows.byteLength).toBe(3 * chunk);
  for (const thing of things) rows.remove(thing);
  expect(rows.byteLength).toBe(chunk);
});

it('sets one flag and leaves the others', () => {
  const rows = new NumberRows(STRIDE);
  const thing = new Thing();
  rows.add(thing);
  thing.isOpen = true;
  thing.isLast = true;
  thing.isOpen = false;
  expect([thing.isOpen, thing.isLast]).toEqual([false, true]);
});
