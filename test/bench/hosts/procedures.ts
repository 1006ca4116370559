// What a host can be asked to do. The same code runs in Node and in a page's worker.
import { CATALOG } from '../contests/catalog.ts';
import { type Contest, Race } from '../race.ts';
import type { Command, Outcome } from './host.ts';
import type { Runtime } from './runtime.ts';

export type Procedure = (argument: never) => unknown;

export interface PrepareWish {
  suite: string;
  contest: string;
  /** Of a contender's turn. */
  milliseconds: number;
}

/** A line's unit, and how often `round` may be called: as often as wanted. */
export interface Prepared {
  unit: string;
}

export function raceProcedures(runtime: Runtime): Record<string, Procedure> {
  const suites = new Map<string, Promise<Record<string, () => Contest>>>();
  let race: Race;
  const contestsOf = (suite: string): Promise<Record<string, () => Contest>> => {
    const known = suites.get(suite) ?? CATALOG[suite]!(runtime);
    suites.set(suite, known);
    return known;
  };
  return {
    contests: async (suite: string) => Object.keys(await contestsOf(suite)),
    prepare: async ({ suite, contest, milliseconds }: PrepareWish): Promise<Prepared> => {
      const entered = (await contestsOf(suite))[contest]!();
      race = await Race.prepare(contest, entered, milliseconds);
      return { unit: entered.unit };
    },
    round: () => race.round(),
  };
}

/** Does what a command says. Never rejects. */
export async function obey(procedures: Record<string, Procedure>, command: Command): Promise<Outcome> {
  const { id, procedure, argument } = command;
  try {
    return { id, value: await procedures[procedure]!(argument as never) };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
