// The whole way, as a person goes it: a wg-quick file, the console as it is shipped, an unmodified peer.
import { expect, test } from '../support/interop-test.ts';
import { INNER } from '../support/real-peer.ts';

test('a pasted wg-quick file connects the console to a real peer, and a file comes through whole @core', async ({
  page,
  startLab,
}) => {
  const lab = await startLab({ site: 'console', presharedKey: true, files: [32 << 20] });
  const [file] = lab.nginx!.files;
  await page.getByRole('textbox', { name: 'WireGuard configuration' }).fill(lab.config);
  await page.getByRole('textbox', { name: 'Relay' }).fill(lab.relay.url);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await expect(page.getByRole('region', { name: 'Status' })).toContainText('Connected');

  const ping = page.getByRole('region', { name: 'Ping' });
  await ping.getByRole('textbox', { name: 'Address' }).fill(INNER.peer6);
  await ping.getByRole('button', { name: 'Start ping' }).click();
  await expect(page.locator('.replies li').first()).toContainText('ms');

  const download = page.getByRole('region', { name: 'Download' });
  await download.getByRole('textbox', { name: 'Address' }).fill(INNER.peer4);
  await download.getByRole('textbox', { name: 'Path' }).fill(file!.path);
  await download.getByRole('button', { name: 'Download' }).click();
  await expect(download).toContainText(file!.sha256, { timeout: 20_000 });

  await page.getByRole('button', { name: 'Disconnect' }).click();
  await expect(page.getByRole('region', { name: 'Status' })).toContainText('Not connected');
  expect((await lab.peer.show()).rxBytes).toBeGreaterThan(0);
});
