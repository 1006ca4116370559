// npm run test:model -- [--sequences 10000] [--steps 200] [--seed N]: random histories of two or three devices, each
// from a seed of its own, beginning with N. The first one that goes wrong is shortened and printed.
import { performance } from 'node:perf_hooks';
import { actionsOf, print, run, shrink } from './sequence.ts';

const option = (flag: string, otherwise: number): number => {
  const at = process.argv.indexOf(flag);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const sequences = option('--sequences', 10_000);
const steps = option('--steps', 200);
const first = option('--seed', 1);
if (![sequences, steps, first].every((number) => Number.isSafeInteger(number) && number >= 0)) {
  console.error('usage: npm run test:model -- [--sequences 10000] [--steps 200] [--seed N]');
  process.exit(2);
}

const start = performance.now();
for (let seed = first; seed < first + sequences; seed++) {
  const failure = run(seed, actionsOf(seed, steps));
  if (!failure) continue;
  console.error(print(shrink(failure)));
  console.error(`again: npm run test:model -- --sequences 1 --steps ${steps} --seed ${seed}`);
  process.exit(1);
}
const seconds = (performance.now() - start) / 1000;
const rate = (sequences / seconds).toFixed(1);
console.log(
  `model: ${sequences} sequences of ${steps} steps, no violation (${seconds.toFixed(0)} s, ${rate}/s)`,
);
