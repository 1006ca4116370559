// What the browser tests show in Chromium of the examples and of the packed package, in Debian's Firefox.
import type { Browser } from '@playwright/test';
import { test as base } from '../support/console-test.ts';
import { everyExample } from '../support/examples.ts';
import { launchFirefox } from '../support/launch-firefox.ts';
import { everyProject } from '../support/projects.ts';

const test = base.extend<object, { other: Browser }>({
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
});

everyExample(test);
everyProject(test);
