import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { connect, connected, editor, enrol, expect, region, status, test } from '../support/console-test.ts';
import { DemoCommand } from '../support/demo-command.ts';
import { PageServer } from '../support/page-server.ts';

const KEY = 'KIRWTl8xrTVZXCKwBRW8qZ9ubKpg3nlX2K4Rkz4nAGc=';
const CONFIG = `[Interface]
PrivateKey = ${KEY}
Address = 10.0.0.2/32
[Peer]
PublicKey = ${KEY.replace('K', 'C')}
Endpoint = 192.0.2.1:51820
AllowedIPs = 10.0.0.0/24
`;

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

test('another version of the page is offered, and takes over when somebody says so', async ({ page }) => {
  const folder = mkdtempSync(join(tmpdir(), 'tabwire-site-'));
  cpSync(join(import.meta.dirname, '../../dist/console'), folder, { recursive: true });
  const site = await PageServer.start(folder, () => []);
  try {
    await page.goto(`${site.origin}/`);
    await editor(page).fill(CONFIG);
    await page.getByText('Keep this tunnel').click();
    await page.getByLabel('Name', { exact: true }).fill('Office');
    await page.getByRole('button', { name: 'Save in this browser' }).click();
    await kept(page);
    await page.reload();
    await expect(region(page, 'Tunnels')).toContainText('Office');
    const note = page.getByRole('status').filter({ hasText: 'There is a newer version of this page' });
    await expect(note).toHaveCount(0);

    // Somebody puts another version there.
    const html = join(folder, 'index.html');
    writeFileSync(html, readFileSync(html, 'utf8').replace('<head>', '<head><meta name="second">'));
    appendFileSync(join(folder, 'sw.js'), '\n// Another one.\n');
    await page.reload();
    await expect(page.locator('meta[name=second]'), 'the page itself comes from the network').toBeAttached();
    await expect(note).toBeVisible();
    const loaded = page.waitForEvent('load');
    await note.getByRole('button', { name: 'reload it' }).click();
    await loaded;
    await expect(region(page, 'Tunnels')).toContainText('Office');
    await page.evaluate(() => navigator.serviceWorker.ready);
    await expect(note).toHaveCount(0);
    expect(
      await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())!.waiting),
    ).toBeNull();
  } finally {
    await site.stop();
    rmSync(folder, { recursive: true });
  }
});

test('a browser finds nothing that keeps the page from being installed', async ({ console: page }) => {
  const session = await page.context().newCDPSession(page);
  const { url, errors, data } = await session.send('Page.getAppManifest');
  expect({ path: new URL(url).pathname, errors }).toEqual({ path: '/manifest.webmanifest', errors: [] });
  expect(JSON.parse(data!)).toMatchObject({ name: 'Tabwire', display: 'standalone' });
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  expect(installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito')).toEqual([]);
});
