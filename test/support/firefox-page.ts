import type { Browser, Fixtures, PlaywrightTestArgs } from '@playwright/test';
import { launchFirefox } from './launch-firefox.ts';

/** For `test.extend`: the page of each test is one in Debian's Firefox. */
export const firefoxPage: Fixtures<object, { other: Browser }, PlaywrightTestArgs> = {
  other: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names it needs from this pattern
    async ({}, use) => {
      const browser = await launchFirefox();
      await use(browser);
      await browser.close();
    },
    { scope: 'worker' },
  ],
  page: async ({ other }, use) => {
    const page = await other.newPage();
    await use(page);
    await page.close();
  },
};
