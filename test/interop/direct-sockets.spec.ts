// The tables of Direct Sockets, row by row, in a page with the worker and the WASM of the product.
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { buildTables } from '../client/direct-sockets/page/build.ts';
import { PageServer } from '../support/page-server.ts';

test('every row of the tables of Direct Sockets holds in a page', async ({ page }) => {
  test.setTimeout(90_000);
  const folder = join(import.meta.dirname, '../../dist/direct-sockets');
  await buildTables(folder);
  const site = await PageServer.start(folder, () => ['ws://127.0.0.1:*']);
  try {
    await page.goto(`${site.origin}/`);
    await expect(page).toHaveTitle('ready');
    const { count, failures } = await page.evaluate(() =>
      (globalThis as unknown as { runTables(): Promise<{ count: number; failures: string[] }> }).runTables(),
    );
    expect(failures).toEqual([]);
    expect(count).toBeGreaterThan(170);
  } finally {
    await site.stop();
  }
});
