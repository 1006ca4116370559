import { test as base, expect, type Page } from '@playwright/test';
import { Demo } from './demo.ts';
import { obstacle, strict } from './prerequisites.ts';

export { expect };

interface Fixtures {
  /** The demo peer, its relay and the test page, opened. They live as long as the worker; the page is fresh. */
  demo: Demo;
  /** Fails or skips where there is no browser. */
  browserExists: undefined;
}

interface WorkerFixtures {
  sharedDemo: Demo;
  why: string | undefined;
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names it needs from this pattern
  why: [async ({}, use) => use(await obstacle('browser')), { scope: 'worker' }],
  browserExists: [
    async ({ why }, use, testInfo) => {
      if (why && strict) throw new Error(why);
      testInfo.skip(why !== undefined, why);
      await use(undefined);
    },
    { auto: true },
  ],
  sharedDemo: [
    // biome-ignore lint/correctness/noEmptyPattern: as above
    async ({}, use) => {
      const demo = await Demo.up();
      await use(demo);
      await demo.down();
    },
    { scope: 'worker' },
  ],
  demo: async ({ sharedDemo, page }, use, testInfo) => {
    await page.goto(`${sharedDemo.site.origin}/`);
    await expect(page).toHaveTitle('ready');
    await use(sharedDemo);
    if (testInfo.status !== testInfo.expectedStatus)
      await testInfo.attach('demo.log', { body: sharedDemo.output });
  },
});

/** Opens the tunnel in the page as `window.tunnel` and waits for the handshake. */
export async function openTunnel(page: Page, demo: Demo): Promise<void> {
  await page.evaluate(
    async ([config, relay]) => {
      window.tunnel = await window.tabwire.Tunnel.open(config, { relay });
      await window.tunnel.ready;
    },
    [demo.config, demo.relay.url] as const,
  );
}
