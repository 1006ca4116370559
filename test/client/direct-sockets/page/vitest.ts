// Of Vitest, what the tables need, in a page: its `expect`, and tests that wait until somebody runs them.
import { GLOBAL_EXPECT, JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';
import * as chai from 'chai';

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);
Object.assign(globalThis, { [GLOBAL_EXPECT]: chai.expect });
export const expect = chai.expect;

export interface PageTest {
  title: string;
  run: () => Promise<void>;
}

export const tests: PageTest[] = [];
let group = '';

export function describe(title: string, define: () => void): void {
  group = title;
  define();
}

export function it(title: string, run: () => Promise<void>): void {
  tests.push({ title: `${group} ${title}`, run });
}
