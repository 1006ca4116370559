import { expect, type Locator, type Page } from '@playwright/test';
import { connected, region } from './console-test.ts';

export const terminal = (page: Page) => region(page, 'Terminal');

/** Fills in the form of the terminal panel, and opens one. */
export async function openTerminal(
  page: Page,
  { host, user, port, jump }: { host: string; user: string; port?: number; jump?: string },
): Promise<void> {
  const form = terminal(page);
  await form.getByRole('textbox', { name: 'Address' }).fill(host);
  await form.getByRole('textbox', { name: 'User' }).fill(user);
  if (port !== undefined) await form.getByRole('textbox', { name: 'Port' }).fill(String(port));
  if (jump !== undefined) await form.getByRole('textbox', { name: 'Jump host' }).fill(jump);
  await form.getByRole('button', { name: 'Open terminal' }).click();
}

/** Answers that the host key is the right one. */
export async function trust(page: Page): Promise<void> {
  await page
    .getByRole('alertdialog', { name: 'Host key' })
    .getByRole('button', { name: 'Trust and connect' })
    .click();
}

/** A terminal in the demo's shell, with the keyboard in it. */
export async function demoTerminal(page: Page): Promise<Locator> {
  await connected(page);
  await openTerminal(page, { host: '10.86.0.1', user: 'guest' });
  await trust(page);
  const screen = page.getByRole('tabpanel');
  await expect(screen).toContainText('guest@demo:~$');
  return screen;
}
