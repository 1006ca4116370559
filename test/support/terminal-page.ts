import { expect, type Locator, type Page } from '@playwright/test';
import { connect, connected, editor, region, status } from './console-test.ts';
import type { Lab } from './lab.ts';
import { INNER } from './real-peer.ts';
import type { Sshd } from './sshd.ts';

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

/** The console, connected to the lab's peer, as somebody who pasted their file. */
export async function labConnected(page: Page, lab: Lab): Promise<void> {
  await editor(page).fill(lab.config);
  await page.getByRole('textbox', { name: 'Relay' }).fill(lab.relayUrl);
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
}

/** The console, connected, with a terminal on the lab's sshd, logged in by the key that gets in there. */
export async function keyTerminal(page: Page, lab: Lab, sshd: Sshd): Promise<void> {
  await labConnected(page, lab);
  await terminal(page).getByRole('button', { name: 'Keys and hosts' }).click();
  await terminal(page).locator('summary').filter({ hasText: 'Keys' }).click();
  await terminal(page).getByLabel('Key file').setInputFiles(sshd.userKey);
  await openTerminal(page, { host: INNER.peer4, user: 'root' });
  await trust(page);
  await expect(page.getByRole('tabpanel')).toContainText('#');
}

/** Resolves in the moment in which a terminal shows this; what looks again and again finds it up to half a second later. */
export async function shown(page: Page, text: string): Promise<void> {
  await page.evaluate(
    (wanted) =>
      new Promise<void>((resolve) => {
        const look = () => {
          const panels = [...document.querySelectorAll('[role=tabpanel]')];
          if (!panels.some(({ textContent }) => textContent.includes(wanted))) return;
          observer.disconnect();
          resolve();
        };
        const observer = new MutationObserver(look);
        observer.observe(document, { subtree: true, childList: true, characterData: true });
        look();
      }),
    text,
  );
}
