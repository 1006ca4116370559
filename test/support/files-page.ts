import { expect, type Locator, type Page } from '@playwright/test';
import { region } from './console-test.ts';
import type { Lab } from './lab.ts';
import type { Sshd } from './sshd.ts';
import { keyTerminal } from './terminal-page.ts';

export const files = (page: Page) => region(page, 'Files');
export const transfers = (page: Page) => files(page).getByRole('list', { name: 'Transfers' });
export const prompt = (page: Page) => page.getByRole('textbox', { name: 'Terminal input' });

/** The console, connected, with a terminal on the lab's sshd and its files open. */
export async function openFiles(page: Page, lab: Lab, sshd: Sshd): Promise<Locator> {
  await keyTerminal(page, lab, sshd);
  await page.getByRole('button', { name: 'Open files' }).click();
  await expect(files(page)).toContainText(sshd.files);
  return files(page);
}
