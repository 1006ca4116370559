import { expect, it } from 'vitest';
import { run } from '../../fuzz/targets/netstack.ts';

it('survives 300 seeds of mutated packets', () => {
  for (let seed = 1; seed <= 300; seed++) expect(() => run(seed), `seed ${seed}`).not.toThrow();
});
