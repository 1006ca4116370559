// npm run fuzz -- TARGET [--seconds 60] [--seed N]: runs one target, seed after seed, until the time is over or it
// fails. A failure prints the seed with which it comes again: --seed N runs that one alone.

import { performance } from 'node:perf_hooks';

interface Target {
  name: string;
  /** One iteration; throws when something is wrong. */
  run(seed: number): void;
}

const [targetName, ...flags] = process.argv.slice(2);
const option = (flag: string): number | undefined => {
  const at = flags.indexOf(flag);
  return at < 0 ? undefined : Number(flags[at + 1]);
};
if (!targetName || !/^[a-z-]+$/.test(targetName)) {
  console.error('usage: npm run fuzz -- TARGET [--seconds 60] [--seed N]');
  process.exit(2);
}

const target = (await import(`./${targetName}.ts`)) as Target;
const only = option('--seed');
const end = performance.now() + (option('--seconds') ?? 60) * 1000;
let seed = only ?? Math.floor(Math.random() * 2 ** 31);
let runs = 0;
try {
  do {
    target.run(seed);
    runs++;
    seed = (seed + 1) >>> 0;
  } while (only === undefined && performance.now() < end);
} catch (error) {
  console.error(`${target.name}: seed ${seed} fails (again with --seed ${seed})`);
  console.error(error);
  process.exit(1);
}
console.log(`${target.name}: ${runs} runs, no failure`);
