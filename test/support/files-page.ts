import { expect, type Locator, type Page } from '@playwright/test';
import { connect, editor, region, status } from './console-test.ts';
import type { Lab } from './lab.ts';
import { INNER } from './real-peer.ts';
import type { Sshd } from './sshd.ts';

export const files = (page: Page) => region(page, 'Files');
export const transfers = (page: Page) => files(page).getByRole('list', { name: 'Transfers' });
export const prompt = (page: Page) => page.getByRole('textbox', { name: 'Terminal input' });

/** The console, connected, with a terminal on the lab's sshd and its files open. */
export async function openFiles(page: Page, lab: Lab, sshd: Sshd): Promise<Locator> {
  await editor(page).fill(lab.config);
  await page.getByRole('textbox', { name: 'Relay' }).fill(lab.relay.url);
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
  const panel = region(page, 'Terminal');
  await panel.getByRole('button', { name: 'Keys and hosts' }).click();
  await panel.locator('summary').filter({ hasText: 'Keys' }).click();
  await panel.getByLabel('Key file').setInputFiles(sshd.userKey);
  await panel.getByLabel('Address').fill(INNER.peer4);
  await panel.getByLabel('User', { exact: true }).fill('root');
  await panel.getByRole('button', { name: 'Open terminal' }).click();
  await page.getByRole('button', { name: 'Trust and connect' }).click();
  await page.getByRole('button', { name: 'Open files' }).click();
  await expect(files(page)).toContainText(sshd.files);
  return files(page);
}
