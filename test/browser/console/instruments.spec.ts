import { readFile } from 'node:fs/promises';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { connected, expect, region, test } from '../../support/console-test.ts';
import { expectCurves } from '../../support/plots.ts';

const HOST = '10.86.0.1';

/** What axe has to say about what is in these regions. */
async function complaints(page: Page, ...names: string[]): Promise<string[]> {
  const include = names.map((name) => `section[aria-label="${name}"]`);
  const builder = include.reduce((axe, selector) => axe.include(selector), new AxeBuilder({ page }));
  const { violations } = await builder.setLegacyMode().analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
}

test('instruments plot what the tunnel does, and tables tell of every socket and peer', async ({
  console: page,
}) => {
  await connected(page);
  const panel = region(page, 'Instruments');
  for (const title of ['Throughput', 'Round trip', 'Retransmits', 'Queue to the relay'])
    await expect(panel.getByRole('img', { name: `${title}, plotted` })).toBeVisible();
  const ping = region(page, 'Ping');
  await ping.getByLabel('Address').fill(HOST);
  await ping.getByRole('button', { name: 'Start ping' }).click();
  await expect(panel.getByRole('figure').filter({ hasText: 'Round trip' })).toContainText(/Ping[\d.]+ ms/);
  const test = region(page, 'Throughput test');
  await test.getByLabel('URL').fill(`http://${HOST}/download/8MiB.bin`);
  await test.getByLabel('Direction').selectOption('upload');
  await test.getByLabel('Seconds').fill('2');
  await test.getByRole('button', { name: 'Start test' }).click();
  const sockets = region(page, 'Sockets and peers').getByRole('table', { name: 'Sockets' });
  await expect(sockets.getByRole('row', { name: new RegExp(`TCP ESTABLISHED .*${HOST}:80`) })).toBeVisible();
  await expect(test.getByRole('status')).toContainText(/ in [\d.]+ s sent, \d+ segments sent again\.$/);
  await expectCurves(panel, { throughput: 1 });
  await expect(page.getByRole('table', { name: 'Peers' }).getByRole('row').nth(1)).toContainText('25 s');
  expect(await complaints(page, 'Instruments', 'Sockets and peers', 'Throughput test', 'Ping')).toEqual([]);
});

test('a throughput test downloads for so long, and a mistake is one sentence', async ({ console: page }) => {
  await connected(page);
  const panel = region(page, 'Throughput test');
  await panel.getByLabel('URL').fill(`http://${HOST}/download/8MiB.bin`);
  await panel.getByLabel('Seconds').fill('1');
  await panel.getByLabel('Seconds').press('Enter');
  await expect(panel.getByRole('status')).toContainText(/^[\d.]+ MB in [\d.]+ s received\.$/);
  await panel.getByLabel('URL').fill(`http://${HOST}/nothing`);
  await panel.getByLabel('URL').press('Enter');
  await expect(panel.getByRole('alert')).toContainText('The server answered 404');
  await panel.getByLabel('Against').selectOption('iperf3');
  await panel.getByLabel('Address').fill(`${HOST}:7`);
  await panel.getByLabel('Address').press('Enter');
  await expect(panel.getByRole('alert')).toContainText('no iperf3 server');
});

test('packets are listed, filtered, and saved as a file for Wireshark', async ({ console: page }) => {
  await connected(page);
  const panel = region(page, 'Packets');
  await panel.getByLabel('Capture filter').fill('tcp and port 80');
  await panel.getByRole('button', { name: 'Start capture' }).click();
  await expect(panel).toContainText('Waiting for the first packet');
  const http = region(page, 'HTTP request');
  await http.getByLabel('URL').fill(HOST);
  await http.getByRole('button', { name: 'Send' }).click();
  await expect(http.getByRole('status')).toContainText('200 OK');
  await panel.getByLabel('Show only').fill('out syn');
  const rows = panel.getByRole('table', { name: 'Packets' }).getByRole('row');
  await expect(rows).toHaveCount(2);
  await expect(rows.nth(1)).toContainText(new RegExp(`TCP.* → ${HOST}:80.*\\[SYN\\] seq`));
  expect(await complaints(page, 'Packets')).toEqual([]);
  await panel.getByRole('button', { name: 'Stop' }).click();
  await expect(panel.getByRole('status')).toContainText(/^\d+ packets captured\.$/);
  const saving = page.waitForEvent('download');
  await panel.getByRole('button', { name: 'Save .pcapng' }).click();
  const download = await saving;
  expect(download.suggestedFilename()).toBe('tabwire.pcapng');
  const file = await readFile(await download.path());
  expect(file.readUInt32LE(0)).toBe(0x0a0d0d0a);
  expect(file.includes('GET / HTTP/1.1'), 'all of each packet').toBe(true);
  await panel.getByLabel('Capture filter').fill('nonsense');
  await panel.getByRole('button', { name: 'Start capture' }).click();
  await expect(panel.getByRole('alert')).toContainText('filter');
});
