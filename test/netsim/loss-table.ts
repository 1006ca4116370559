// The table of the loss bench, from its single runs.
import { type Cell, LINK_GOODPUT } from './cells.ts';
import type { Result } from './results.ts';
import type { Who } from './transfer.ts';

export type Direction = 'send' | 'receive';

export interface Row {
  readonly cell: Cell;
  readonly direction: Direction;
  readonly ours: readonly Result[];
  readonly linux: readonly Result[];
}

export const DIRECTIONS: readonly Direction[] = ['send', 'receive'];

export function rowsOf(
  cells: readonly Cell[],
  seedsOf: (cell: Cell) => readonly number[],
  get: (cell: Cell, who: Who, seed: number) => Result | undefined,
): Row[] {
  const all = (cell: Cell, who: Who): Result[] => seedsOf(cell).flatMap((seed) => get(cell, who, seed) ?? []);
  return DIRECTIONS.flatMap((direction) =>
    cells.map((cell) => ({ cell, direction, ours: all(cell, direction), linux: all(cell, 'linux') })),
  );
}

/** Our part of what Linux reached: median to median. */
export function ratioOf(row: Row): number {
  return median(row.ours.map(goodputOf)) / median(row.linux.map(goodputOf));
}

/** Why the row is not good enough, if it is not. */
export function shortfallOf(row: Row): string | undefined {
  const ratio = ratioOf(row);
  const required = row.cell.required[row.direction];
  if (Number.isNaN(ratio)) return 'not measured';
  // Half of the last digit that is printed: nobody should read 0.97 of 0.97 and "misses".
  if (ratio < required - 0.005) return `${ratio.toFixed(2)} of Linux, not ${required.toFixed(2)}`;
  const needless = needlessOf(row);
  if (needless && needless.got > needless.most)
    return `${needless.got} segments sent again without need, not ${needless.most}`;
  return undefined;
}

/** What we sent again without need where that is bounded: the median run, and what it may be. */
function needlessOf({ cell, direction, ours }: Row): { got: number; most: number } | undefined {
  if (!cell.spurious || direction === 'receive' || ours.length === 0) return undefined;
  const { after, most, period } = cell.spurious;
  const bounds = ours.map(({ milliseconds }) => Math.ceil(((milliseconds - after) * most) / period));
  return { got: median(ours.map(({ spuriousLate }) => spuriousLate)), most: median(bounds) };
}

export function printTable(rows: readonly Row[]): string {
  return DIRECTIONS.map((direction) =>
    [
      direction === 'send' ? '## We send, Linux receives' : '## Linux sends, we receive',
      '',
      HEADER,
      HEADER.replace(/[^|]+/g, ' --- '),
      ...rows.filter((row) => row.direction === direction).map(printRow),
      '',
    ].join('\n'),
  ).join('\n');
}

const HEADER =
  '| trouble | RTT ms | ours MB/s | Linux MB/s | ratio | required | verdict | spread | full after s | RTT p99 ms | sent again % | without need % | timeouts |';

function printRow(row: Row): string {
  const { cell, direction, ours, linux } = row;
  const both = (of: (results: readonly Result[]) => string): string => `${of(ours)} / ${of(linux)}`;
  return `| ${[
    cell.trouble,
    cell.rtt,
    megabytes(median(ours.map(goodputOf))),
    megabytes(median(linux.map(goodputOf))),
    ratioOf(row).toFixed(2),
    cell.required[direction].toFixed(2),
    shortfallOf(row) ? '**misses**' : 'ok',
    both(spread),
    both(timeToFill),
    both((results) => median(results.map(({ rttP99 }) => rttP99)).toFixed(0)),
    both((results) => percent(results, 'retransmitted')),
    both((results) => percent(results, 'spurious')),
    both((results) => (sum(results, 'timeouts') / results.length).toFixed(1)),
  ].join(' | ')} |`;
}

/** The least and the most of a seed, in parts of the median. */
function spread(results: readonly Result[]): string {
  const all = results.map(goodputOf);
  const middle = median(all);
  return `${(Math.min(...all) / middle).toFixed(2)}–${(Math.max(...all) / middle).toFixed(2)}`;
}

function timeToFill(results: readonly Result[]): string {
  const times = results.flatMap((result) => result.timeToFill ?? []);
  return times.length * 2 > results.length ? (median(times) / 1000).toFixed(1) : '–';
}

function percent(results: readonly Result[], key: 'retransmitted' | 'spurious'): string {
  return ((100 * sum(results, key)) / sum(results, 'segments')).toFixed(2);
}

function sum(
  results: readonly Result[],
  key: 'retransmitted' | 'spurious' | 'segments' | 'timeouts',
): number {
  return results.reduce((total, result) => total + result[key], 0);
}

function goodputOf(result: Result): number {
  return result.goodput;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 0.1 * LINK_GOODPUT ? 3 : 2);
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
