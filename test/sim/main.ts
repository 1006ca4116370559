// npm run test:sim -- [--seeds N] [--first N] | --table
//
// Runs seeds of the simulator, on all cores, until all are done or it is interrupted. A seed that breaks something is
// printed with what it takes of the network's misdeeds. The last line says how many seeds it was and how fast.
// --table measures throughput.txt anew.

import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { printViolation, type Violation } from './check.ts';
import { CELLS, measure, printTable } from './throughput.ts';

/** What one worker is given at a time. */
const BATCH = 200;
const REPORT_EVERY = 10_000;
/** More would only be more of the same. */
const MOST_VIOLATIONS = 50;

export interface Batch {
  first: number;
  count: number;
}

export interface Report {
  count: number;
  found: Violation[];
}

const { values } = parseArgs({
  options: { seeds: { type: 'string' }, first: { type: 'string' }, table: { type: 'boolean' } },
});
if (values.table) {
  const table = new Map(CELLS.map((cell) => [cell, measure(cell)]));
  writeFileSync(join(import.meta.dirname, 'throughput.txt'), printTable(table));
  process.exit();
}
const seeds = numberOf('seeds', values.seeds) ?? 10_000;
const first = numberOf('first', values.first) ?? 1;
const end = first + seeds;
const began = performance.now();
const violations: Violation[] = [];
let next = first;
let done = 0;
let isStopping = false;

process.once('SIGINT', () => {
  isStopping = true;
});
const progress = setInterval(() => console.log(`… ${summary()}`), REPORT_EVERY);
await Promise.all(Array.from({ length: availableParallelism() }, runWorker));
clearInterval(progress);
console.log(summary());
if (violations.length > 0) console.log(`seeds: ${violations.map(({ seed }) => seed).join(' ')}`);
process.exitCode = violations.length > 0 ? 1 : 0;

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  console.error(`--${option} needs a number\nusage: npm run test:sim -- [--seeds N] [--first N]`);
  process.exit(2);
}

/** A process of its own, because threads know no TypeScript. */
function runWorker(): Promise<void> {
  const worker = fork(join(import.meta.dirname, 'worker.ts'), { execArgv: ['--import', 'tsx'] });
  return new Promise((resolve, reject) => {
    const give = () => {
      const count = Math.min(BATCH, end - next);
      if (isStopping || count <= 0) {
        worker.disconnect();
        resolve();
        return;
      }
      worker.send({ first: next, count } satisfies Batch);
      next += count;
    };
    worker.on('message', ({ count, found }: Report) => {
      done += count;
      for (const violation of found) {
        violations.push(violation);
        console.log(printViolation(violation));
      }
      if (violations.length >= MOST_VIOLATIONS) isStopping = true;
      give();
    });
    worker.on('error', reject);
    worker.on('exit', (code) => {
      if (code !== 0) reject(new Error(`a worker ended with code ${code}`));
    });
    give();
  });
}

function summary(): string {
  const seconds = (performance.now() - began) / 1000;
  const rate = Math.round(done / seconds);
  return `${done} of ${seeds} seeds from ${first}, ${seconds.toFixed(0)} s, ${rate} seeds/s, ${violations.length} violations`;
}
