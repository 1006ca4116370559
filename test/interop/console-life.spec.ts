// What becomes of a terminal in the console while the relay, the peer or the network is away: it waits, says so, and goes on.
import type { Page } from '@playwright/test';
import { status } from '../support/console-test.ts';
import { expect, test } from '../support/interop-test.ts';
import { keyTerminal } from '../support/terminal-page.ts';

const screen = (page: Page) => page.getByRole('tabpanel');

/** The shell that was there before answers: it knows what it was told then. */
async function answers(page: Page, tag: string): Promise<void> {
  await screen(page).getByRole('textbox', { name: 'Terminal input' }).focus();
  await page.keyboard.type(`echo ${tag}-is-$kept\n`);
  await expect(screen(page)).toContainText(`${tag}-is-the-same`, { timeout: 30_000 });
  await expect(screen(page).getByRole('status').first()).toHaveText('Connected');
}

async function remember(page: Page): Promise<void> {
  await page.keyboard.type('kept=the-same\n');
  await answers(page, 'before');
}

test('a relay that is killed is looked for, and with the next one the terminal goes on', async ({
  page,
  startLab,
  startSshd,
}) => {
  const lab = await startLab({ site: 'console' });
  const sshd = await startSshd(lab);
  await keyTerminal(page, lab, sshd);
  await remember(page);
  await lab.relay.kill();
  await expect(status(page)).toContainText('Relay lost: reconnecting');
  await page.keyboard.type('echo typed-$((40+2))\n');
  await lab.relay.restart();
  await expect(status(page)).toContainText('Connected', { timeout: 20_000 });
  await expect(screen(page), 'what was typed meanwhile').toContainText('typed-42', { timeout: 20_000 });
  await answers(page, 'after');
});

test('a peer that says nothing is asked again, and with its answer the terminal goes on', async ({
  page,
  startLab,
  startSshd,
}) => {
  test.setTimeout(120_000);
  const lab = await startLab({ site: 'console', proxy: true });
  const sshd = await startSshd(lab);
  await keyTerminal(page, lab, sshd);
  await remember(page);
  lab.proxy!.impair({ blackout: { length: 600_000, every: 600_000 } });
  await page.keyboard.type('echo typed-$((40+2))\n');
  await expect(status(page)).toContainText('The peer has gone silent: asking again', { timeout: 40_000 });
  lab.proxy!.impair({});
  await expect(status(page)).toContainText('Connected', { timeout: 20_000 });
  await expect(screen(page), 'what was typed meanwhile').toContainText('typed-42', { timeout: 30_000 });
  await answers(page, 'after');
});

test('a browser that is told of its network again looks for the relay at once, and the terminal goes on', async ({
  page,
  context,
  startLab,
  startSshd,
}) => {
  test.setTimeout(120_000);
  const lab = await startLab({ site: 'console' });
  const sshd = await startSshd(lab);
  await keyTerminal(page, lab, sshd);
  await remember(page);
  await context.setOffline(true);
  await lab.relay.kill();
  // Each try waits longer than the one before: this one so long that the relay is there well before it.
  await expect(status(page)).toContainText(/Relay lost: reconnecting in ([89]|\d\d) s/, {
    timeout: 60_000,
  });
  await lab.relay.restart();
  const left = Number(/in (\d+) s/.exec(await status(page).innerText())![1]);
  const begun = Date.now();
  await context.setOffline(false);
  await expect(status(page)).toContainText('Connected', { timeout: 20_000 });
  const millis = Date.now() - begun;
  console.log(`back ${millis} ms after the word, where the next try was ${left} s away`);
  expect(left, 'so far away that it can be told').toBeGreaterThan(3);
  // What is shown is rounded up.
  expect(millis).toBeLessThan(1000 * (left - 1));
  await answers(page, 'after');
});
