import { type PageTest, testsOf } from './vitest.ts';

/** What there is to be run, a row after the other in each; and the page says that it is ready. */
type Tables = (() => Promise<unknown>)[];

/** Puts `runTables()` on the page: what failed, with its reason; and how many rows there were. */
export async function offerTables(tables: Tables, { atOnce, areApart }: TablesOptions): Promise<void> {
  const groups: PageTest[][] = [];
  for (const load of tables) {
    const tests = await testsOf(load);
    groups.push(...(areApart ? tests.map((test) => [test]) : [tests]));
  }
  const runTables = async () => {
    const failures: string[] = [];
    const waiting = groups.values();
    const work = async () => {
      for (const group of waiting)
        for (const { title, run } of group)
          await run().catch((error: unknown) => failures.push(`${title}: ${String(error)}`));
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return { count: groups.flat().length, failures };
  };
  Object.assign(globalThis, { runTables });
  document.title = 'ready';
}

interface TablesOptions {
  /** How many are under way at a time. */
  atOnce: number;
  /** The rows of one table know nothing of each other: any of them may be under way together. */
  areApart: boolean;
}
