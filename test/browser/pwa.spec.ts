import type { Page } from '@playwright/test';
import { connect, connected, editor, enrol, expect, status, test } from '../support/console-test.ts';
import { DemoCommand } from '../support/demo-command.ts';

/** Until the page is kept for times without a network. */
async function kept(page: Page): Promise<void> {
  await page.evaluate(() => navigator.serviceWorker.ready);
  await expect.poll(async () => (await cached(page)).length).toBeGreaterThan(10);
}

const cached = (page: Page) =>
  page.evaluate(async () => {
    const cache = await caches.open('tabwire');
    return (await cache.keys()).map(({ url }) => new URL(url).pathname);
  });

test('once it was of use, the page loads without a network, and keeps nothing but itself', async ({
  page,
}) => {
  const command = await DemoCommand.start();
  await page.goto(command.url);
  expect(
    await page.evaluate(() => navigator.serviceWorker.getRegistrations().then(({ length }) => length)),
  ).toBe(0);
  await connected(page);
  await kept(page);
  for (const path of await cached(page)) expect(path).toMatch(/^\/$|^\/assets\//);
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await page.reload();
  await expect(status(page)).toContainText('Not connected');
  await command.stop();
  await page.reload();
  await expect(status(page)).toContainText('Not connected');
  await page.getByRole('button', { name: 'Edit as form' }).click();
  await expect(
    page.getByRole('button', { name: 'Begin a configuration' }),
    'parts that load later',
  ).toBeVisible();
});

test('the site can end the service worker, and say which versions must not be used', async ({
  console: page,
}) => {
  await connected(page);
  await kept(page);
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await page.route('**/tabwire.json', (route) =>
    route.fulfill({ json: { relay: '/v1', serviceWorker: false, minimumVersion: '99.0.0' } }),
  );
  await page.reload();
  await expect(page.getByText('must not be used any more: reload it').first()).toBeVisible();
  await expect
    .poll(() =>
      page.evaluate(async () => [
        (await navigator.serviceWorker.getRegistrations()).length,
        (await caches.keys()).length,
      ]),
    )
    .toEqual([0, 0]);
  await editor(page).fill((await enrol(page)).config);
  await connect(page).click();
  await expect(status(page).getByRole('alert')).toContainText('must not be used');
  expect(page.workers()).toEqual([]);
});
