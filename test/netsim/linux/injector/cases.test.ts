// What is compared with Linux (npm run test:linux) is whole, and our half of it needs nobody else.
import { describe, expect, it } from 'vitest';
import { CASES } from './compare.ts';
import { DEVIATIONS } from './deviations.ts';
import { mutationOf } from './mutations.ts';
import { OurSubject } from './our-subject.ts';
import { play } from './play.ts';

/** Rows of the table of hostile inputs that are no packets with an answer each. */
const NOT_COMPARED: Record<number, string> = {
  15: 'a flood of fragments: how much memory is used',
  36: 'a flood of SYNs: how much memory is used',
  49: 'how much memory is used',
  52: 'hours of a closed window',
  54: 'ten thousand connections: how much memory is used',
  58: 'two stacks that know each other by wrong numbers',
  60: 'names',
  61: 'names',
  62: 'names',
  63: 'calls of an application',
  64: 'the clock',
};

describe('what is compared with Linux', () => {
  it('is every row of hostile inputs that Linux can be asked about', () => {
    const compared = new Set(CASES.map(({ row }) => row));
    for (let row = 1; row <= 64; row++) expect(compared.has(row), `row ${row}`).toBe(!(row in NOT_COMPARED));
  });

  it('has a name each', () => {
    const names = CASES.flatMap(({ row, name, families }) =>
      families.map((family) => `${family.name} ${row} ${name}`),
    );
    expect(new Set(names).size).toBe(names.length);
  });

  it('is what each deviation is about', () => {
    for (const { row, name, count } of DEVIATIONS) {
      const about = CASES.filter((what) => what.row === row && name.test(what.name));
      expect(about.reduce((sum, { families }) => sum + families.length, 0)).toBeGreaterThanOrEqual(count);
    }
  });

  it('has an outcome in our stack, whatever it is', async () => {
    const ours = new OurSubject();
    const mutations = Array.from({ length: 100 }, (_, seed) => mutationOf(seed));
    // The grid is large, and of one kind.
    const some = [...CASES.filter(({ row }, i) => row > 0 || i % 20 === 0), ...mutations];
    for (const what of some) expect(await play(ours, what, what.families[0]!, 5000)).not.toBe('');
  });
});
