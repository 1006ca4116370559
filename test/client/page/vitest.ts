// Of Vitest, what the tables need, in a page: its `expect`, and tests that wait until somebody runs them.
import { GLOBAL_EXPECT, JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';
import * as chai from 'chai';

/** How long `expect.poll` and a test have, in milliseconds. */
const PATIENCE = { poll: 3000, test: 20_000 };

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);
Object.assign(globalThis, { [GLOBAL_EXPECT]: chai.expect });
export const expect = Object.assign(chai.expect, { poll });

type Matchers = Record<string, (...wanted: unknown[]) => void>;

/** Each matcher, tried until it holds. */
function poll(read: () => unknown) {
  const until = performance.now() + PATIENCE.poll;
  const holds = async (matcher: string, wanted: unknown[]) => {
    for (;;)
      try {
        return (chai.expect(await read()) as unknown as Matchers)[matcher]!(...wanted);
      } catch (error) {
        if (performance.now() > until) throw error as Error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
  };
  return new Proxy(
    {},
    {
      get:
        (_, matcher: string) =>
        (...wanted: unknown[]) =>
          holds(matcher, wanted),
    },
  );
}

export interface PageTest {
  title: string;
  run: () => Promise<void>;
}

type Work = (...args: never[]) => unknown;

/** A file or what a `describe` holds. */
interface Scope {
  title: string;
  within?: Scope;
  before: Work[];
  after: Work[];
}

let scope: Scope = { title: '', before: [], after: [] };
let tests: PageTest[] = [];

/** The tests of one file, which `load` imports. */
export async function testsOf(load: () => Promise<unknown>): Promise<PageTest[]> {
  scope = { title: '', before: [], after: [] };
  tests = [];
  await load();
  return tests;
}

export const beforeEach = (work: Work): void => void scope.before.push(work);
export const afterEach = (work: Work): void => void scope.after.push(work);

export const describe = Object.assign(
  (title: string, define: Work): void => {
    const outer = scope;
    scope = { title: `${outer.title}${title} `, within: outer, before: [], after: [] };
    define();
    scope = outer;
  },
  { each: eachOf((title, define) => describe(title, define)) },
);

export const it = Object.assign(
  (title: string, work: Work): void => {
    const own = scope;
    const name = `${own.title}${title}`;
    tests.push({ title: name, run: () => inTime(name, wrapped(own, work)) });
  },
  { each: eachOf((title, work) => it(title, work)) },
);
export { it as test };

/** With what is to be done before and after, the outer first, and the inner first. */
async function wrapped(own: Scope, work: Work): Promise<void> {
  const scopes: Scope[] = [];
  for (let one: Scope | undefined = own; one; one = one.within) scopes.push(one);
  for (const { before } of [...scopes].reverse()) for (const step of before) await step();
  try {
    await work();
  } finally {
    for (const { after } of scopes) for (const step of after) await step();
  }
}

async function inTime(title: string, running: Promise<void>): Promise<void> {
  let timer: unknown;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${title}: not over in time`)), PATIENCE.test);
  });
  await Promise.race([running, late]).finally(() => clearTimeout(timer as number));
}

function eachOf(define: (title: string, work: Work) => void) {
  return (rows: readonly unknown[]) => (title: string, work: Work) => {
    for (const row of rows) {
      const args = Array.isArray(row) ? (row as unknown[]) : [row];
      define(titled(title, args), () => work(...(args as never[])));
    }
  };
}

function titled(title: string, args: unknown[]): string {
  let next = 0;
  return title.replace(/%[sdij]/g, (kind) => {
    const value = args[next++];
    return kind === '%j' ? JSON.stringify(value) : String(value);
  });
}
