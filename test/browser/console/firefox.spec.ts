// The console's instruments in Debian's Firefox: what is drawn on a canvas, and what is read from the engine meanwhile.
import type { Browser } from '@playwright/test';
import { test as base, connected, expect, region } from '../../support/console-test.ts';
import { firefoxExecutable } from '../../support/firefox.ts';
import { firefoxPage } from '../../support/firefox-page.ts';
import { expectCurves } from '../../support/plots.ts';

const HOST = '10.86.0.1';

const test = base.extend<object, { other: Browser }>(firefoxPage);

test.skip(firefoxExecutable() === undefined && !process.env.CI, 'skipped: there is no Firefox');

test('plots are drawn, tables tell of sockets and peers, packets are listed', async ({ console: page }) => {
  await connected(page);
  const panel = region(page, 'Instruments');
  for (const title of ['Throughput', 'Round trip', 'Retransmits', 'Queue to the relay'])
    await expect(panel.getByRole('img', { name: `${title}, plotted` })).toBeVisible();
  const packets = region(page, 'Packets');
  await packets.getByRole('button', { name: 'Start capture' }).click();
  const ping = region(page, 'Ping');
  await ping.getByLabel('Address').fill(HOST);
  await ping.getByRole('button', { name: 'Start ping' }).click();
  await expect(panel.getByRole('figure').filter({ hasText: 'Round trip' })).toContainText(/Ping[\d.]+ ms/);
  await expect(packets.getByRole('row', { name: new RegExp(`out \\S+ .* → ${HOST}`) }).first()).toBeVisible();
  await packets.getByRole('button', { name: 'Stop' }).click();

  const test = region(page, 'Throughput test');
  await test.getByLabel('URL').fill(`http://${HOST}/download/8MiB.bin`);
  await test.getByLabel('Seconds').fill('2');
  await test.getByRole('button', { name: 'Start test' }).click();
  const tables = region(page, 'Sockets and peers');
  await expect(
    tables.getByRole('table', { name: 'Sockets' }).getByRole('row', { name: new RegExp(`TCP .*${HOST}:80`) }),
  ).toBeVisible();
  await expect(test.getByRole('status')).toContainText(/^[\d.]+ MB in [\d.]+ s received\.$/);
  await expect(tables.getByRole('table', { name: 'Peers' }).getByRole('row').nth(1)).toContainText('25 s');
  await expectCurves(panel, { throughput: 0 });
});
