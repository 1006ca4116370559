/** Someone to be measured: does its work `times` times. */
export type Contender = (times: number) => void;

const ROUNDS = 7;
const ROUND_MS = 60;

/**
 * Runs the contenders in turns, so that a noisy neighbour hits all of them, and returns the median of each in
 * operations per second.
 */
export function race(contenders: Record<string, Contender>): Record<string, number> {
  const entries = Object.entries(contenders).map(([name, run]) => ({ name, run, times: calibrate(run) }));
  const rates: Record<string, number[]> = Object.fromEntries(entries.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, run, times } of entries) {
      const started = performance.now();
      run(times);
      rates[name]!.push((times * 1000) / (performance.now() - started));
    }
  }
  return Object.fromEntries(entries.map(({ name }) => [name, median(rates[name]!)]));
}

/** How often fits into a round, once it is warm. */
function calibrate(run: Contender): number {
  for (let times = 64; ; times *= 2) {
    const started = performance.now();
    run(times);
    const took = performance.now() - started;
    if (took > ROUND_MS) return Math.max(1, Math.round((times * ROUND_MS) / took));
  }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

/** Prints rows under a title; numbers to the right. */
export function printTable(title: string, header: string[], rows: string[][]): void {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  console.log(`\n${title}\n`);
  for (const row of all)
    console.log(
      `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')}`,
    );
}
