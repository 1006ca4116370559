import { expect, it } from 'vitest';
import { Deadlines } from '../../../../src/core/netstack/tcp/deadlines.ts';
import type { Tcb } from '../../../../src/core/netstack/tcp/tcb.ts';
import { SeededRandom } from '../../../support/random.ts';

it('Deadlines gives out what a sorted list would, and puts a deadline only forward', () => {
  const random = new SeededRandom(1);
  const deadlines = new Deadlines();
  const all = Array.from({ length: 200 }, () => ({ heapIndex: -1, heapAt: Number.POSITIVE_INFINITY }) as Tcb);
  const model = new Map<Tcb, number>();
  for (let step = 0; step < 20_000; step++) {
    const tcb = all[random.below(all.length)]!;
    const at = random.below(100_000);
    const verb = random.below(4);
    if (verb < 2) {
      deadlines.schedule(tcb, at);
      model.set(tcb, Math.min(at, model.get(tcb) ?? Number.POSITIVE_INFINITY));
    } else if (verb === 2) {
      deadlines.remove(tcb);
      model.delete(tcb);
    } else {
      const least = Math.min(...model.values());
      expect(deadlines.next).toBe(least);
      const due = deadlines.takeDue(at);
      if (least > at) expect(due).toBeUndefined();
      else {
        expect(model.get(due!)).toBe(least);
        model.delete(due!);
      }
    }
  }
});
