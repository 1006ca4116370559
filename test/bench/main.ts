// npm run bench [-- SUITE … --browser chromium|firefox|node --quick --baseline]: who is faster. Prints a table for each suite,
// and what became of its targets; leaves JSON and a plot of each in results/; compares with baseline.json. Ends with 1 if
// contenders disagree or something is worse than the baseline. --baseline makes this run the baseline.
//
// Numbers are worth something only while nothing else runs here, and ratios more than numbers.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine, load } from '../netsim/machine.ts';
import { prepare } from '../support/prerequisites.ts';
import { type Baseline, recordOf, regressions } from './baseline.ts';
import { buildHosts } from './hosts/build.ts';
import { measureYardstick } from './openssl.ts';
import { type Plan, readArguments } from './plan.ts';
import { plot } from './plot.ts';
import { printNumber, printResult, type SuiteResult } from './report.ts';
import type { Pace, Suite } from './suite.ts';
import { aead } from './suites/aead.ts';
import { endToEnd } from './suites/end-to-end.ts';
import { handshake } from './suites/handshake.ts';
import { hash } from './suites/hash.ts';
import { relay } from './suites/relay.ts';
import { scale } from './suites/scale.ts';
import { stack } from './suites/stack.ts';
import { start } from './suites/start.ts';
import { tunnel } from './suites/tunnel.ts';
import { judge } from './target.ts';

const SUITES: readonly Suite[] = [aead, hash, handshake, stack, tunnel, relay, endToEnd, start, scale];
const RESULTS = join(import.meta.dirname, 'results');
const BASELINE = join(import.meta.dirname, 'baseline.json');

const FULL: Pace = { rounds: 5, milliseconds: 60, isQuick: false };
const QUICK: Pace = { rounds: 2, milliseconds: 10, isQuick: true };

try {
  process.exitCode = await main(
    readArguments(
      process.argv.slice(2),
      SUITES.map(({ name }) => name),
    ),
  );
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
}
// A browser's pipes may keep the process.
process.exit();

async function main(plan: Plan): Promise<number> {
  await prepare('bench');
  await buildHosts();
  const pace = plan.isQuick ? QUICK : FULL;
  const yardstick = await measureYardstick(pace.rounds);
  const machine = await describeMachine();
  console.log(`${machine}; OpenSSL held to SSE ${printNumber(yardstick)} MB/s; load ${load()}`);
  let [done, failed, worse] = [0, 0, 0];
  for (const suite of SUITES.filter(({ name }) => plan.suites.includes(name))) {
    const result = await resultOf(suite, plan, pace);
    if (result === undefined) {
      failed++;
      continue;
    }
    done++;
    keep(plan, result, machine);
    console.log(`\n${printResult(result)}\n`);
    for (const { sentence } of judge(result, suite.targets, yardstick)) console.log(`  ${sentence}`);
    worse += compare(result, suite, yardstick, plan);
    if (plan.becomesBaseline) addToBaseline(result, machine, yardstick);
  }
  console.log(`\nload ${load()}; ${done} suites, ${failed} failed, ${worse} lines worse than the baseline`);
  return failed > 0 || (worse > 0 && !plan.becomesBaseline) ? 1 : 0;
}

/** Undefined if it came to no end: that is told, and half an hour of the others is not lost. */
async function resultOf(suite: Suite, { hosts }: Plan, pace: Pace): Promise<SuiteResult | undefined> {
  try {
    return { suite: suite.name, title: suite.title, ...(await suite.run(hosts, pace)) };
  } catch (error) {
    console.error(`\nbench: ${suite.name} failed: ${(error as Error).message}`);
    return undefined;
  }
}

/** Only what was measured as a whole is worth a place beside what others committed. */
function keep(plan: Plan, result: SuiteResult, machine: string): void {
  const folder = plan.isWhole && !plan.isQuick ? RESULTS : join(RESULTS, 'partial');
  mkdirSync(folder, { recursive: true });
  const json = { command: plan.command, machine, load: load(), ...result };
  writeFileSync(join(folder, `${result.suite}.json`), `${JSON.stringify(json, null, 1)}\n`);
  writeFileSync(join(folder, `${result.suite}.svg`), plot(result));
}

function readBaseline(): Baseline {
  return existsSync(BASELINE) ? (JSON.parse(readFileSync(BASELINE, 'utf8')) as Baseline) : {};
}

/** Says what is worse than before; returns how much of it there is. */
function compare(result: SuiteResult, suite: Suite, yardstick: number, { isQuick }: Plan): number {
  const past = readBaseline()[suite.name];
  if (!past || isQuick) return 0;
  const changes = regressions(result, past, yardstick, suite.tolerance);
  for (const { key, before, now, factor } of changes)
    console.log(`  WORSE  ${key}: ${printNumber(now)}, was ${printNumber(before)} (${factor.toFixed(2)} ×)`);
  return changes.length;
}

/** What did not run keeps what it had. */
function addToBaseline(result: SuiteResult, machine: string, yardstick: number): void {
  const baseline = readBaseline();
  baseline[result.suite] = { machine, yardstick: Math.round(yardstick), lines: recordOf(result) };
  writeFileSync(BASELINE, `${JSON.stringify(baseline, null, 2)}\n`);
}
