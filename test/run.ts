// `npm test`: every phase in turn, quiet while it passes. The last line counts everything that ran.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { markBuilt } from './support/build.ts';
import { Child } from './support/child-process.ts';
import {
  type FileTime,
  type PlaywrightReport,
  playwrightTimes,
  type VitestReport,
  vitestTimes,
} from './support/file-times.ts';
import { prepare, strict } from './support/prerequisites.ts';

const root = join(import.meta.dirname, '..');
const results = join(root, 'test-results/run');

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface Phase {
  name: string;
  counts: Counts;
  seconds: number;
}

const SLOWEST = 10;

const phases: Phase[] = [];
const fileTimes: FileTime[] = [];

await main();

async function main(): Promise<void> {
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  await phase('prepare', async () => {
    await prepare('interop');
    return { passed: 0, failed: 0, skipped: 0 };
  });
  await phase('check', check);
  await phase('unit', unit);
  const built = await phase('build', build);
  if (built.failed === 0) {
    await phase('browser', () => playwright('browser'));
    await phase('interop', () => playwright('interop', '--grep', '@core'));
  }
  report();
}

function check(): Promise<Counts> {
  return script('check');
}

async function unit(): Promise<Counts> {
  const file = join(results, 'unit.json');
  const child = npx('vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`);
  const ok = await succeeds(child);
  if (!existsSync(file)) return failure();
  const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  fileTimes.push(...vitestTimes(report, root));
  return honest(ok, {
    passed: report.numPassedTests,
    failed: report.numFailedTests,
    skipped: report.numPendingTests + report.numTodoTests,
  });
}

async function build(): Promise<Counts> {
  const counts = await script('build');
  if (counts.failed === 0) markBuilt();
  return counts;
}

async function playwright(project: string, ...more: string[]): Promise<Counts> {
  const file = join(results, `${project}.json`);
  const child = npx('playwright', 'test', `--project=${project}`, '--reporter=list,json', ...more, {
    PLAYWRIGHT_JSON_OUTPUT_FILE: file,
  });
  const ok = await succeeds(child);
  if (!existsSync(file)) return failure();
  const report = JSON.parse(readFileSync(file, 'utf8')) as PlaywrightReport;
  fileTimes.push(...playwrightTimes(report));
  const { stats } = report;
  return honest(ok, {
    passed: stats.expected,
    failed: stats.unexpected + stats.flaky,
    skipped: stats.skipped,
  });
}

/**
 * The commands of one of package.json's scripts, each of which counts as one test: the first, which makes the WASM, and
 * then the others, as many at once as there are cores. All of them, so that one run shows every complaint.
 */
async function script(name: string): Promise<Counts> {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const [first, ...others] = scripts[name]!.split('&&').map((command) => command.trim());
  const counts = { passed: 0, failed: 0, skipped: 0 };
  await tool(first!, counts);
  const lane = async (): Promise<void> => {
    for (let next = others.shift(); next !== undefined; next = others.shift()) await tool(next, counts);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  return counts;
}

/** Runs a shell command, and says at its end what it said if it failed. */
async function tool(command: string, counts: Counts): Promise<void> {
  const env = { PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH ?? ''}` };
  if (await succeeds(new Child('sh', ['-c', command], { cwd: root, env }))) counts.passed++;
  else {
    console.log(`FAILED: ${command}`);
    counts.failed++;
  }
}

/** Runs a program of node_modules/.bin. A last argument that is no string is its environment. */
function npx(program: string, ...args: (string | Record<string, string>)[]): Child {
  const env = typeof args.at(-1) === 'object' ? (args.pop() as Record<string, string>) : {};
  return new Child(join(root, 'node_modules/.bin', program), args as string[], { cwd: root, env });
}

/** Prints all the child said if it fails. */
async function succeeds(child: Child): Promise<boolean> {
  const ok = (await child.exited) === 0;
  if (!ok) console.log(child.output);
  return ok;
}

/** A run that fails without naming a failed test (a crash, an unhandled rejection, no test found) failed once. */
function honest(ok: boolean, counts: Counts): Counts {
  return ok || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

function failure(): Counts {
  return { passed: 0, failed: 1, skipped: 0 };
}

async function phase(name: string, body: () => Promise<Counts>): Promise<Counts> {
  const started = performance.now();
  console.log(`${name} …`);
  const counts = await body();
  const seconds = (performance.now() - started) / 1000;
  console.log(`${name}: ${seconds.toFixed(1)} s`);
  phases.push({ name, counts, seconds });
  return counts;
}

function report(): void {
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  console.log(`\n${'phase'.padEnd(10)}${['passed', 'failed', 'skipped', 'seconds'].map(column).join('')}`);
  for (const { name, counts, seconds } of phases) {
    const cells = [counts.passed, counts.failed, counts.skipped, seconds.toFixed(1)];
    console.log(`${name.padEnd(10)}${cells.map(column).join('')}`);
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
  }
  reportSlowest();
  if (strict && total.skipped > 0) console.log('\nUnder CI=true a skipped test is a failure.');
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  process.exitCode = total.failed > 0 || (strict && total.skipped > 0) ? 1 : 0;
}

function reportSlowest(): void {
  if (fileTimes.length === 0) return;
  console.log('\nslowest files, in seconds');
  const slowest = fileTimes.sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  for (const { file, seconds } of slowest) console.log(`${seconds.toFixed(1).padStart(7)}  ${file}`);
}

function column(value: string | number): string {
  return String(value).padStart(9);
}
