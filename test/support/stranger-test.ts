import { test as base } from './browser-test.ts';
import { Stranger } from './stranger.ts';

export { expect } from './browser-test.ts';

/** Tests that have a stranger's project. */
export const test = base.extend<object, { stranger: Stranger }>({
  stranger: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names it needs from this pattern
    async ({}, use) => {
      const stranger = await Stranger.arrive();
      await use(stranger);
      stranger.leave();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
});
