// npm run fuzz [-- TARGET] [--time SECONDS] [--seed N]
//
// Runs a target, seed after seed, until its time (60 s) is over or it fails; without TARGET all of them, each for that
// long, as many at once as there are cores. The last line of each says how many runs it was. A failure prints the seed
// with which it comes again: --seed N runs that one alone. What was once found is kept in corpus.json.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Child } from '../support/child-process.ts';
import { FuzzFailure, loadTarget, runFor, runOne, TARGETS } from './target.ts';

const USAGE = `usage: npm run fuzz -- [TARGET] [--time SECONDS] [--seed N]\ntargets: ${TARGETS.join(', ')}`;
/** The exit code of a target that this machine cannot run. */
const NOT_RUN = 77;

interface Wish {
  target: string | undefined;
  seconds: number;
  seed: number | undefined;
}

const wish = readArguments();
process.exitCode =
  wish.target === undefined ? await runAll(wish.seconds) : await runTarget(wish.target, wish);

function readArguments(): Wish {
  try {
    const { values, positionals } = parseArgs({
      options: { time: { type: 'string' }, seed: { type: 'string' } },
      allowPositionals: true,
    });
    const [target, ...more] = positionals;
    if (more.length > 0) throw new Error(`one target at a time, or none for all: ${positionals.join(' ')}`);
    if (target !== undefined && !TARGETS.some((name) => name === target))
      throw new Error(`no target "${target}"`);
    if (values.seed !== undefined && target === undefined) throw new Error('--seed needs a target');
    return { target, seconds: numberOf('time', values.time) ?? 60, seed: numberOf('seed', values.seed) };
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text !== undefined && !/^[0-9]{1,10}$/.test(text)) throw new Error(`--${option} needs a number`);
  return text === undefined ? undefined : Number(text);
}

async function runTarget(name: string, { seconds, seed }: Wish): Promise<number> {
  const target = await loadTarget(name);
  try {
    const obstacle = await target.prepare?.();
    if (obstacle !== undefined) {
      console.log(`${name}: not run, because ${obstacle}`);
      return NOT_RUN;
    }
    if (seed === undefined) {
      const first = Math.floor(Math.random() * 2 ** 31);
      console.log(`${name}: seeds from ${first}`);
      const done = await runFor(target, first, seconds);
      console.log(`${name}: ${done.runs} runs, ${done.seconds.toFixed(0)} seconds, no failure`);
    } else {
      await runOne(target, seed);
      console.log(`${name}: seed ${seed}, no failure`);
    }
    return 0;
  } catch (error) {
    console.error(error instanceof FuzzFailure ? error.cause : error);
    const again =
      error instanceof FuzzFailure ? `; again with: npm run fuzz -- ${name} --seed ${error.seed}` : '';
    console.error(`${name}: FAILED: ${(error as Error).message}${again}`);
    return 1;
  } finally {
    await target.finish?.();
  }
}

async function runAll(seconds: number): Promise<number> {
  const waiting = [...TARGETS];
  const summary = new Map<string, string>();
  const codes = new Set<number | null>();
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const child = new Child(process.execPath, [
        '--import',
        'tsx',
        join(import.meta.dirname, 'main.ts'),
        name,
        '--time',
        String(seconds),
      ]);
      const code = await child.exited;
      codes.add(code);
      if (code !== 0 && code !== NOT_RUN) console.log(child.output.trimEnd());
      summary.set(name, child.output.trimEnd().split('\n').at(-1)!);
      console.log(`… ${summary.get(name)}`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  console.log('');
  for (const name of TARGETS) console.log(summary.get(name));
  const failed = [...codes].some((code) => code !== 0 && code !== NOT_RUN);
  const withheld = codes.has(NOT_RUN) && process.env.CI === 'true';
  return failed || withheld ? 1 : 0;
}
