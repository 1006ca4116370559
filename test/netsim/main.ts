// npm run bench:loss [-- --full] [--cells 'NAME;NAME'] [--seconds N] [--seeds N] [--resume]: our TCP beside Linux's through
// the same bad network. Prints the table and ends with 1 if a cell misses what is asked; the whole table goes to loss.md.
// --resume goes on where the run before stopped. Numbers are worth something only while nothing else runs here; where
// something does, `nice -n -20 npm run bench:loss` keeps most of it out of the way.
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { obstacle, prepare } from '../support/prerequisites.ts';
import { type Plan, readArguments } from './arguments.ts';
import { bundledOurEnd, compiled } from './build.ts';
import type { Cell } from './cells.ts';
import { printTable, type Row, rowsOf, shortfallOf } from './loss-table.ts';
import { describeMachine, load } from './machine.ts';
import { Results } from './results.ts';
import { transfer, type Who } from './transfer.ts';

const COMMITTED = join(import.meta.dirname, 'loss.md');
/** Of a processor: what a transfer takes at most. The shorter the round trip, the more a wait for the processor counts. */
const HEAVY = 0.8;
const LIGHT = 0.15;
const LIGHT_AND_SHORT = 0.6;
const SHORT_ROUND_TRIP = 50;
/** Tries of one run: the first may be spoilt by what happens on the machine. */
const TRIES = 3;

try {
  process.exitCode = await main(readArguments(process.argv.slice(2)));
} catch (error) {
  console.error(`bench:loss: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function main(plan: Plan): Promise<number> {
  await prepare('interop');
  const why = await obstacle('interop');
  if (why) throw new Error(why);
  // Before they are needed by several at once.
  await compiled('impair');
  await compiled('traffic');
  await bundledOurEnd();
  const machine = await describeMachine();
  const before = load();
  console.log(`${machine}; load ${before}`);
  const results = new Results(plan.seconds, plan.resume);
  await measureAll(plan, results);
  const rows = rowsOf(plan.cells, plan.seedsOf, (cell, who, seed) => results.get(cell, who, seed));
  const text = report(plan, rows, `${machine}; load before ${before}, after ${load()}`);
  console.log(`\n${text}`);
  if (plan.isWhole) writeFileSync(COMMITTED, text);
  const missed = rows.filter((row) => shortfallOf(row));
  for (const row of missed) console.log(`misses: ${row.cell.name}, we ${row.direction}: ${shortfallOf(row)}`);
  console.log(`${rows.length - missed.length} of ${rows.length} cells reach what is asked`);
  return missed.length > 0 ? 1 : 0;
}

/** All runs of one seed in one cell, one after the other, so that ours and Linux's have the same conditions. */
interface Job {
  cell: Cell;
  seed: number;
  weight: number;
}

async function measureAll(plan: Plan, results: Results): Promise<void> {
  const jobs: Job[] = plan.cells.flatMap((cell) =>
    plan.seedsOf(cell).map((seed) => ({ cell, seed, weight: weightOf(cell) })),
  );
  jobs.sort((a, b) => b.weight - a.weight);
  const running = new Set<Promise<void>>();
  let room = availableParallelism();
  let done = 0;
  const total = jobs.length;
  while (jobs.length > 0 || running.size > 0) {
    const next = jobs.findIndex(({ weight }) => weight <= room + 1e-9);
    if (next < 0) {
      await Promise.race(running);
      continue;
    }
    const [job] = jobs.splice(next, 1);
    room -= job!.weight;
    const work = measure(job!, plan, results).then(() => {
      room += job!.weight;
      running.delete(work);
      console.log(`${++done}/${total} ${job!.cell.name}, seed ${job!.seed}: ${summary(job!, results)}`);
    });
    running.add(work);
  }
}

function weightOf({ isLight, rtt }: Cell): number {
  if (!isLight) return HEAVY;
  return rtt < SHORT_ROUND_TRIP ? LIGHT_AND_SHORT : LIGHT;
}

async function measure({ cell, seed }: Job, { seconds }: Plan, results: Results): Promise<void> {
  for (const who of ['linux', 'send', 'receive'] as const) {
    if (results.get(cell, who, seed)) continue;
    for (let left = TRIES - 1; ; left--)
      try {
        results.add(cell, who, seed, await transfer(cell, who, { seed, seconds }));
        break;
      } catch (error) {
        if (left === 0) throw error;
        console.log(`again: ${cell.name}, ${who}, seed ${seed}: ${(error as Error).message.split('\n')[0]}`);
      }
  }
}

function summary({ cell, seed }: Job, results: Results): string {
  const of = (who: Who): string => {
    const result = results.get(cell, who, seed)!;
    return `${(result.goodput / 1e6).toFixed(3)}${result.late > 1 ? ' (late)' : ''}`;
  };
  return `Linux ${of('linux')}, we send ${of('send')}, we receive ${of('receive')} MB/s`;
}

function report(plan: Plan, rows: readonly Row[], machine: string): string {
  return `# Our TCP and Linux's (CUBIC) through the same bad network

\`${plan.command}\`: ${plan.seconds} s and seeds 1–${Math.max(...plan.cells.map((cell) => plan.seedsOf(cell).length))} (cells without loss a third of them), medians; ours / Linux.
${machine}.
Bottleneck 100 Mbit/s each way with a tail-dropping queue of one bandwidth-delay product, MTU 1420. Trouble is the same in
both directions. "Linux" is Linux to Linux through the same process, alternating, with the same seeds. "Full after" is when
half a second at nine tenths of the link's rate began; "without need" are segments that the network had not dropped.

${printTable(rows)}`;
}
