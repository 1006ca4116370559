// `npm test`: every phase in turn, quiet while it passes. The last line counts everything that ran.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { markBuilt } from './support/build.ts';
import { Child } from './support/child-process.ts';
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

const phases: Phase[] = [];

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

/** Each command of `npm run check` counts as one test. */
async function check(): Promise<Counts> {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  return tools(...scripts.check!.split('&&').map((command) => command.trim()));
}

async function unit(): Promise<Counts> {
  const file = join(results, 'unit.json');
  const child = npx('vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`);
  const ok = await succeeds(child);
  if (!existsSync(file)) return failure();
  const report = JSON.parse(readFileSync(file, 'utf8')) as {
    numPassedTests: number;
    numFailedTests: number;
    numPendingTests: number;
    numTodoTests: number;
  };
  return honest(ok, {
    passed: report.numPassedTests,
    failed: report.numFailedTests,
    skipped: report.numPendingTests + report.numTodoTests,
  });
}

async function build(): Promise<Counts> {
  const counts = await tools('npm run --silent build');
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
  const { stats } = JSON.parse(readFileSync(file, 'utf8')) as {
    stats: { expected: number; unexpected: number; flaky: number; skipped: number };
  };
  return honest(ok, {
    passed: stats.expected,
    failed: stats.unexpected + stats.flaky,
    skipped: stats.skipped,
  });
}

/** Runs shell commands one after the other; all of them, so that one run shows every complaint. */
async function tools(...commands: string[]): Promise<Counts> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const command of commands) {
    const env = { PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH ?? ''}` };
    if (await succeeds(new Child('sh', ['-c', command], { cwd: root, env }))) counts.passed++;
    else {
      console.log(`FAILED: ${command}`);
      counts.failed++;
    }
  }
  return counts;
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
  process.stdout.write(`${name} …\n`);
  const counts = await body();
  const seconds = (performance.now() - started) / 1000;
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
  if (strict && total.skipped > 0) console.log('\nUnder CI=true a skipped test is a failure.');
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  process.exitCode = total.failed > 0 || (strict && total.skipped > 0) ? 1 : 0;
}

function column(value: string | number): string {
  return String(value).padStart(9);
}
