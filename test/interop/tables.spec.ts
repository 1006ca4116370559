// The tables of tests of what a page programs with, row by row, in a page with the worker and the WASM of the product.
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { buildTables } from '../client/page/build.ts';
import { PageServer } from '../support/page-server.ts';

for (const [kind, name, atLeast] of [
  ['direct-sockets', 'Direct Sockets', 170],
  ['http', 'fetch', 200],
  ['websocket', 'WebSocket', 60],
] as const)
  test(`every row of the tables of ${name} holds in a page`, async ({ page }) => {
    test.setTimeout(180_000);
    const folder = join(import.meta.dirname, '../../dist/tables', kind);
    await buildTables(kind, folder);
    const site = await PageServer.start(folder, () => ['ws://127.0.0.1:*']);
    try {
      await page.goto(`${site.origin}/`);
      await expect(page).toHaveTitle('ready');
      const { count, failures } = await page.evaluate(() =>
        (
          globalThis as unknown as { runTables(): Promise<{ count: number; failures: string[] }> }
        ).runTables(),
      );
      expect(failures).toEqual([]);
      expect(count).toBeGreaterThan(atLeast);
    } finally {
      await site.stop();
    }
  });
