// What one flow gets through one bottleneck of 20 Mbit/s with a queue of one bandwidth-delay product, for each loss,
// round trip and receive buffer: the table in throughput.txt. Equal code gives equal numbers.
import { bulk } from './bulk.ts';

const LOSSES = [0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3];
const ROUND_TRIPS = [1, 20, 100, 200];
const BUFFERS = [4 << 10, 64 << 10, 1 << 20, 16 << 20];

/** Bytes per ms. */
const RATE = 2500;
const DURATION = 10_000;
const LEAST_QUEUE = 30_000;
/** Where chance decides, the mean of several runs. */
const SEEDS = 3;

export interface Cell {
  loss: number;
  roundTrip: number;
  buffer: number;
}

export const CELLS: readonly Cell[] = LOSSES.flatMap((loss) =>
  ROUND_TRIPS.flatMap((roundTrip) => BUFFERS.map((buffer) => ({ loss, roundTrip, buffer }))),
);

/** In kB/s. */
export function measure({ loss, roundTrip, buffer }: Cell): number {
  const path = { rate: RATE, roundTrip, queue: Math.max(RATE * roundTrip, LEAST_QUEUE), loss };
  const seeds = loss === 0 ? 1 : SEEDS;
  let sum = 0;
  for (let seed = 1; seed <= seeds; seed++) sum += bulk(path, [{ buffer }], DURATION, seed)[0]!;
  return Math.round(sum / seeds / DURATION);
}

export function printTable(values: ReadonlyMap<Cell, number>): string {
  const lines = [
    '# kB/s of one flow through 20 Mbit/s, a queue of one bandwidth-delay product, 10 s from the first SYN.',
    '# Written by: npm run test:sim -- --table',
    `# loss   RTT ms${BUFFERS.map((buffer) => `${buffer >> 10} KiB`.padStart(12)).join('')}`,
  ];
  for (const loss of LOSSES)
    for (const roundTrip of ROUND_TRIPS) {
      const row = CELLS.filter((cell) => cell.loss === loss && cell.roundTrip === roundTrip);
      const numbers = row.map((cell) => String(values.get(cell)).padStart(12)).join('');
      lines.push(`${`${loss * 100} %`.padStart(6)}${String(roundTrip).padStart(9)}${numbers}`);
    }
  return `${lines.join('\n')}\n`;
}

/** The numbers of a printed table, in the order of CELLS. */
export function readTable(text: string): Map<Cell, number> {
  const numbers = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap((line) => line.trim().split(/\s+/).slice(3).map(Number));
  return new Map(CELLS.map((cell, i) => [cell, numbers[i]!]));
}
