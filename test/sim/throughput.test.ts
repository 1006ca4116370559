import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bulk, jain } from './bulk.ts';
import type { Naps } from './host.ts';
import { CELLS, measure, printTable, readTable } from './throughput.ts';

/** Of the table's number: a change that costs, or wins, more than this is to be seen in the table. */
const TOLERANCE = 0.25;
/** Not all cells: those that cost little. The whole table is written by hand. */
const isCheap = (value: number) => value <= 100;

describe('throughput over one bottleneck', () => {
  const text = readFileSync(join(import.meta.dirname, 'throughput.txt'), 'utf8');
  const table = readTable(text);
  const chosen = CELLS.filter((cell) => cell.buffer === 1 << 20 && isCheap(table.get(cell)!));

  it('is in a table that reads back as it was written', () => {
    expect(printTable(table)).toBe(text);
  });

  it(`is what throughput.txt says, within ${TOLERANCE * 100} %, in ${chosen.length} of its cells`, () => {
    const found = chosen.map((cell) => ({ ...cell, before: table.get(cell)!, now: measure(cell) }));
    expect(found.filter(({ before, now }) => Math.abs(now - before) > TOLERANCE * before)).toEqual([]);
  }, 180_000);

  it('grows with the buffer and falls with the loss', () => {
    for (const cell of CELLS) {
      const worse = CELLS.find(
        (other) =>
          other.loss > cell.loss && other.roundTrip === cell.roundTrip && other.buffer === cell.buffer,
      );
      if (worse && cell.loss > 0)
        expect(table.get(worse)! <= table.get(cell)! * 1.1, JSON.stringify(cell)).toBe(true);
    }
  });
});

describe('two busy ends', () => {
  // Their round trips grow and shrink by half, and say nothing about the path.
  it.each([
    [50, 20, 1.37],
    [97, 30, 0.9],
  ])(
    'that do nothing at the end of every %i ms for %i ms still use most of the link',
    (every, length, pace) => {
      const naps: [Naps, Naps] = [
        { every, length },
        { every: every * pace, length },
      ];
      const path = { rate: 5000, roundTrip: 50, queue: 250_000, loss: 0, naps };
      expect(bulk(path, [{}], 6000, 1)[0]! / 6000 / path.rate).toBeGreaterThan(0.65);
    },
    60_000,
  );
});

describe('flows that share a bottleneck', () => {
  const path = { rate: 1250, roundTrip: 20, queue: 25_000, loss: 0 };

  it.each([2, 4, 8])(
    '%i of them get equal shares',
    (count) => {
      const shares = bulk(
        path,
        Array.from({ length: count }, () => ({})),
        20_000,
        count,
        5000,
      );
      expect(jain(shares)).toBeGreaterThan(0.9);
    },
    60_000,
  );

  it('leave a Reno flow beside CUBIC its part', () => {
    const [cubic, reno] = bulk(path, [{}, { tcp: { congestion: 'new-reno' } }], 20_000, 1, 5000) as [
      number,
      number,
    ];
    const share = reno / (cubic + reno);
    expect(share).toBeGreaterThan(0.25);
    expect(share).toBeLessThan(0.6);
  }, 180_000);
});
