// What a suite has found out, and how it is printed.
import { percentOf, spreadOf } from './spread.ts';

export const US = 'tabwire';

/** One thing that was measured, once a round, for each of those who did it. */
export interface Line {
  readonly name: string;
  /** Where it ran: `Chromium 156.0`, `Node 20.20.2` … */
  readonly host: string;
  readonly unit: string;
  /** Times, sizes and costs. */
  readonly isLessBetter?: boolean;
  /** Does not depend on how fast the machine is. */
  readonly isFixed?: boolean;
  /** One value a round. Ours has the name US. */
  readonly values: Readonly<Record<string, readonly number[]>>;
}

export interface SuiteResult {
  readonly suite: string;
  readonly title: string;
  readonly lines: readonly Line[];
  /** What else there is to say: who is missing, and why. */
  readonly notes: readonly string[];
}

/** The kind of a host, without its version. */
export function kindOf(line: Line): string {
  return line.host.split(' ')[0]!.toLowerCase();
}

/** How many times better we are. */
export function advantage(line: Line, other: string): number {
  const ours = spreadOf(line.values[US]!).median;
  const theirs = spreadOf(line.values[other]!).median;
  return line.isLessBetter ? theirs / ours : ours / theirs;
}

/** A table for each host: ours, then each peer with how many times better we are; ± is half of the rounds' range. */
export function printResult(result: SuiteResult): string {
  const hosts = [...new Set(result.lines.map(({ host }) => host))];
  const tables = hosts.map((host) => {
    const lines = result.lines.filter((line) => line.host === host);
    const peers = [...new Set(lines.flatMap((line) => Object.keys(line.values)))].filter(
      (name) => name !== US,
    );
    const header = ['', 'unit', US, ...peers];
    return `${result.suite}: ${result.title} (${host})\n\n${printTable([header, ...lines.map((line) => rowOf(line, peers))])}`;
  });
  return [...tables, ...result.notes.map((note) => `  ${note}`)].join('\n\n');
}

function rowOf(line: Line, peers: readonly string[]): string[] {
  const cell = (name: string): string => {
    const values = line.values[name];
    if (!values) return '–';
    const spread = spreadOf(values);
    const own = `${printNumber(spread.median)} ±${percentOf(spread).toFixed(0)}%`;
    return name === US || !line.values[US] ? own : `${own} ${advantage(line, name).toFixed(2)}×`;
  };
  return [line.name, line.unit, cell(US), ...peers.map(cell)];
}

/** Three digits that count. */
export function printNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
  if (size >= 10_000) return `${(value / 1000).toFixed(1)}k`;
  if (size >= 100 || size === 0) return value.toFixed(0);
  return value.toFixed(size >= 10 ? 1 : 2);
}

/** The first column to the left, the others to the right. */
export function printTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const pad = (cell: string, i: number): string =>
    i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!);
  return rows.map((row) => `  ${row.map(pad).join('  ')}`.trimEnd()).join('\n');
}
