import { expect, it } from 'vitest';
import { run } from '../../../fuzz/targets/dns.ts';

it('survives 15 seeds of servers that answer with all sorts of things', () => {
  for (let seed = 1; seed <= 15; seed++) expect(() => run(seed), `seed ${seed}`).not.toThrow();
});
