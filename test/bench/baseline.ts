// What was committed, beside what this run had.
import { kindOf, type Line, type SuiteResult, US } from './report.ts';
import { medianOf } from './spread.ts';

/** Of one suite: ours alone, and how fast the machine was then. */
export interface Past {
  /** Where, with what. */
  machine: string;
  /** MB/s of OpenSSL's ChaCha20-Poly1305, held to SSE, at 1420 bytes. */
  yardstick: number;
  /** By host and line. */
  lines: Record<string, number>;
}

/** By suite. */
export type Baseline = Record<string, Past>;

export interface Change {
  readonly key: string;
  readonly before: number;
  /** Of this run, as it would be on a machine as fast as the baseline's. */
  readonly now: number;
  /** Above 1: better than before. */
  readonly factor: number;
}

export function keyOf(line: Line): string {
  return `${kindOf(line)}: ${line.name}`;
}

/** Ours, for the file. */
export function recordOf(result: SuiteResult): Record<string, number> {
  const ours = result.lines.filter((line) => line.values[US]);
  return Object.fromEntries(
    ours.map((line) => [keyOf(line), Number(medianOf(line.values[US]!).toPrecision(4))]),
  );
}

/** Each line that is worse than before by more than `tolerance`, a part of one. */
export function regressions(result: SuiteResult, past: Past, yardstick: number, tolerance: number): Change[] {
  return changes(result, past, yardstick).filter(({ factor }) => factor < 1 - tolerance);
}

function changes(result: SuiteResult, past: Past, yardstick: number): Change[] {
  return result.lines.flatMap((line) => {
    const key = keyOf(line);
    const before = past.lines[key];
    if (before === undefined || !line.values[US]) return [];
    const speed = line.isFixed ? 1 : yardstick / past.yardstick;
    const measured = medianOf(line.values[US]);
    const now = line.isLessBetter ? measured * speed : measured / speed;
    return [{ key, before, now, factor: line.isLessBetter ? ratio(before, now) : ratio(now, before) }];
  });
}

/** Nothing at all is as good as nothing. */
function ratio(a: number, b: number): number {
  return b === 0 ? (a === 0 ? 1 : Number.POSITIVE_INFINITY) : a / b;
}
