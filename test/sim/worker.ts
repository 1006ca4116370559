// One core's part of main.ts: batch after batch of seeds, until the parent has no more, or is gone.
import { checkSeed, type Violation } from './check.ts';
import type { Batch, Report } from './main.ts';

process.on('message', ({ first, count }: Batch) => {
  const found: Violation[] = [];
  for (let seed = first; seed < first + count; seed++) {
    const violation = checkSeed(seed);
    if (violation) found.push(violation);
  }
  process.send!({ count, found } satisfies Report);
});
// Ctrl-C is the parent's to answer: it lets the batch end.
process.on('SIGINT', () => {});
