// The first histories of the model test (npm run test:model runs ten thousand), and its own machinery.
import { describe, expect, it } from 'vitest';
import { actionsOf, print, run, shrink } from './sequence.ts';

const FIRST = Number(process.env.MODEL_SEED ?? 1);
const SEQUENCES = 60;
const STEPS = 200;

describe('random histories of devices, networks and time', () => {
  it(`${SEQUENCES} of ${STEPS} steps, from seed ${FIRST}, go as the reference says and break no invariant`, () => {
    for (let seed = FIRST; seed < FIRST + SEQUENCES; seed++) {
      const failure = run(seed, actionsOf(seed, STEPS));
      expect(failure && print(shrink(failure))).toBeUndefined();
    }
  }, 60_000);

  it('are the same each time', () => {
    expect(actionsOf(5, STEPS)).toEqual(actionsOf(5, STEPS));
    expect(actionsOf(5, STEPS)).not.toEqual(actionsOf(6, STEPS));
  });

  it('are shortened to what matters when something is wrong', () => {
    const actions = actionsOf(3, 50);
    // A side that does not exist, in the middle of it.
    actions.splice(25, 0, { act: 'up', side: 9 });
    const failure = run(3, actions)!;
    expect(failure.step).toBe(25);
    expect(shrink(failure).actions).toEqual([{ act: 'up', side: 9 }]);
  });
});
