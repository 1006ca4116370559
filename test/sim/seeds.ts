import { expect, it } from 'vitest';
import { checkSeed, printViolation } from './check.ts';

/** The seeds of one file of tests: as many files as there are, so many threads work. */
export function testSeeds(first: number, count: number): void {
  it(`breaks nothing with seeds ${first} to ${first + count - 1}`, () => {
    const found: string[] = [];
    for (let seed = first; seed < first + count && found.length < 5; seed++) {
      const violation = checkSeed(seed);
      if (violation) found.push(printViolation(violation));
    }
    expect(found).toEqual([]);
  }, 180_000);
}
