import { describe, expect, it } from 'vitest';
import corpus from './corpus.json' with { type: 'json' };
import { loadTarget, runOne, TARGETS } from './target.ts';
import { compare } from './targets/wg-setconf.ts';

/** Long since found and mended, with a word on what it was. */
const FOUND: Record<string, { seed: number; was: string }[]> = corpus.seeds;

it('the corpus names targets only', () => {
  expect(TARGETS).toEqual(expect.arrayContaining(Object.keys(FOUND)));
});

describe('configurations that the real tool has judged', () => {
  it.each(corpus.configurations)('$was', ({ text, accepts, output }) => {
    compare(text, { accepts, output });
  });
});

// Where nothing was found yet, so that every target is known to run.
const FIXED = [1, 2, 3].map((seed) => ({ seed, was: 'nothing' }));

// The one target that needs a real peer has a run of its own only.
describe.each(TARGETS.filter((name) => name !== 'wg-setconf'))('%s', (name) => {
  it.each([...FIXED, ...(FOUND[name] ?? [])])('seed $seed, which found $was', async ({ seed }) => {
    await runOne(await loadTarget(name), seed);
  });
});
