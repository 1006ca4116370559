// One sequence of actions from a seed, checked after each step, and what to do with one that fails.
import { loadAssembly } from '../../src/node/assembly.ts';
import { SeededRandom } from '../support/random.ts';
import { type Action, makeActions } from './actions.ts';
import { FastSuite } from './ledger.ts';
import { makePeace } from './peace.ts';
import { perform } from './perform.ts';
import { Violation } from './violation.ts';
import { World, type WorldOptions } from './world.ts';

export const suite = new FastSuite(await loadAssembly());

export interface Failure {
  seed: number;
  error: unknown;
  /** Of the action that failed; as many as there are: peace after them did. */
  step: number;
  actions: Action[];
}

/** The circumstances belong to the seed. */
function circumstances(seed: number): { options: WorldOptions; random: SeededRandom } {
  const random = new SeededRandom(seed);
  const options: WorldOptions = {
    seed,
    sides: random.below(4) === 0 ? 3 : 2,
    mutual: random.below(2) === 0,
    fewIndices: random.below(4) === 0,
    psk: random.below(2) === 0,
    isDeferred: random.below(5) === 0,
  };
  return { options, random };
}

export function actionsOf(seed: number, steps: number): Action[] {
  const { options, random } = circumstances(seed);
  return makeActions(steps, random, options.sides);
}

/** Undefined when nothing is wrong. */
export function run(seed: number, actions: Action[]): Failure | undefined {
  let step = 0;
  try {
    const world = new World(circumstances(seed).options, suite);
    try {
      for (; step < actions.length; step++) {
        perform(actions[step]!, world);
        world.compare();
      }
      makePeace(world);
      world.compare();
      checkIdempotence(world);
    } finally {
      for (const side of world.sides) side.end();
    }
    if (!suite.isClean) throw new Violation('4: key bytes are left in memory');
    return undefined;
  } catch (error) {
    return { seed, error, step, actions };
  }
}

/** Invariant 11: another poll at the same instant does nothing. */
function checkIdempotence(world: World): void {
  world.pollAll();
  const flights = world.flights.length;
  world.pollAll();
  if (world.flights.length !== flights) throw new Violation('11: a second poll does something');
  for (const side of world.sides)
    if (side.device.pollAt() <= world.now) throw new Violation('11: still due after poll');
}

/** Fewer actions that still fail (delta debugging), though not necessarily in the same way. */
export function shrink(failure: Failure): Failure {
  let best = { ...failure, actions: failure.actions.slice(0, failure.step + 1) };
  for (let chunk = best.actions.length >> 1; chunk >= 1; chunk >>= 1) {
    for (let at = 0; at < best.actions.length; ) {
      const fewer = [...best.actions.slice(0, at), ...best.actions.slice(at + chunk)];
      const again = run(best.seed, fewer);
      if (again && kindOf(again.error) === kindOf(failure.error)) best = again;
      else at += chunk;
    }
  }
  return best;
}

/** Failures of one kind: the same words, whatever the numbers. */
function kindOf(error: unknown): string {
  return error instanceof Error
    ? `${error.name} ${error.message.replaceAll(/[\d.:]+/g, '#').slice(0, 40)}`
    : 'unknown';
}

export function print(failure: Failure): string {
  const { seed, actions, error } = failure;
  const stack =
    error instanceof Violation ? error.message : error instanceof Error ? error.stack : String(error);
  return [`seed ${seed}: ${stack}`, ...actions.map((action) => `  ${JSON.stringify(action)}`)].join('\n');
}
