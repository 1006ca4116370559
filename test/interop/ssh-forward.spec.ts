// Web servers that only the machine at the other end reaches, asked through its SSH connection by the HTTP panel.
import type { Page } from '@playwright/test';
import { region } from '../support/console-test.ts';
import { expect, test } from '../support/interop-test.ts';
import { INNER } from '../support/real-peer.ts';
import { keyTerminal, terminal } from '../support/terminal-page.ts';

const http = (page: Page) => region(page, 'HTTP request');
const way = (page: Page) => http(page).getByLabel('Way');

async function addForward(page: Page, host: string, port: number): Promise<void> {
  await terminal(page).getByLabel('Host over there').fill(host);
  await terminal(page).getByLabel('Port over there').fill(String(port));
  await terminal(page).getByRole('button', { name: 'Add forward' }).click();
}

test('a web server on the other end’s 127.0.0.1 answers the HTTP panel, for as long as it is forwarded @core', async ({
  page,
  startLab,
  startSshd,
}) => {
  const lab = await startLab({ site: 'console', files: [1234, 2_000_000] });
  const sshd = await startSshd(lab);
  await keyTerminal(page, lab, sshd);
  await expect(way(page)).toHaveCount(0);
  await terminal(page).locator('summary').filter({ hasText: 'Forwards' }).click();
  await addForward(page, '127.0.0.1', 80);
  const list = terminal(page).getByRole('list', { name: 'Forwards' });
  await expect(list.getByRole('listitem')).toContainText('127.0.0.1:80');
  await list.getByRole('button', { name: 'Send a request to 127.0.0.1:80' }).click();
  const url = http(page).getByLabel('URL');
  await expect(url).toBeFocused();
  await expect(url).toHaveValue('http://127.0.0.1/');
  for (const [path, amount] of [
    ['1234.bin', '1.23 kB'],
    ['2000000.bin', '2.00 MB'],
  ]) {
    await url.fill(`http://127.0.0.1/${path}`);
    await http(page).getByRole('button', { name: 'Send' }).click();
    await expect(http(page).getByRole('status')).toContainText(`200 OK · ${amount}`);
  }

  // For the tunnel itself, that address is this page.
  await way(page).selectOption('The tunnel');
  await http(page).getByRole('button', { name: 'Send' }).click();
  await expect(http(page).getByRole('alert')).toContainText('127.0.0.1 refused the connection');

  await addForward(page, '127.0.0.1', 81);
  await way(page).selectOption(`127.0.0.1:81 by SSH of root@${INNER.peer4}`);
  await expect(url).toHaveValue('http://127.0.0.1:81/2000000.bin');
  await http(page).getByRole('button', { name: 'Send' }).click();
  await expect(http(page).getByRole('alert')).toContainText(
    'The server could not connect to 127.0.0.1:81: Connection refused.',
  );
  for (const port of [80, 81])
    await list.getByRole('button', { name: `Remove the forward to 127.0.0.1:${port}` }).click();
  await expect(way(page)).toHaveCount(0);
});

test('a server that forbids forwards says so, and a lost connection forwards again once it is back', async ({
  page,
  startLab,
  startSshd,
}) => {
  const lab = await startLab({ site: 'console', files: [1234] });
  const sshd = await startSshd(lab, { permitOpen: '127.0.0.1:80' });
  const send = () => http(page).getByRole('button', { name: 'Send' }).click();
  await keyTerminal(page, lab, sshd);
  await terminal(page).locator('summary').filter({ hasText: 'Forwards' }).click();
  for (const port of [81, 80]) await addForward(page, '127.0.0.1', port);
  await terminal(page).getByRole('button', { name: 'Send a request to 127.0.0.1:81' }).click();
  await send();
  await expect(http(page).getByRole('alert')).toContainText(
    'The server may not connect to 127.0.0.1:81 for us: its administrator has to permit it',
  );
  await terminal(page).getByRole('button', { name: 'Send a request to 127.0.0.1:80' }).click();
  await page.getByRole('textbox', { name: 'Terminal input' }).focus();
  await page.keyboard.type('exit\n');
  await expect(page.getByRole('tabpanel')).toContainText('The connection is closed.');
  await send();
  await expect(http(page).getByRole('alert')).toContainText(
    `The terminal of root@${INNER.peer4} is not connected`,
  );
  await page.getByRole('button', { name: 'Reconnect' }).click();
  await expect(page.getByRole('tabpanel').getByText('Connected', { exact: true })).toBeVisible();
  await http(page).getByLabel('URL').fill('http://127.0.0.1/1234.bin');
  await send();
  await expect(http(page).getByRole('status')).toContainText('200 OK');
});
