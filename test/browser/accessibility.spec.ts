import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { connect, connected, editor, enrol, expect, region, status, test } from '../support/console-test.ts';
import { generateKeys } from '../support/keys.ts';
import { demoTerminal } from '../support/terminal-page.ts';

/** What axe has to say, as one line each. */
async function complaints(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
}

for (const colorScheme of ['light', 'dark'] as const)
  test(`axe finds nothing to say against the ${colorScheme} page, before and while connected`, async ({
    console: page,
  }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    expect(await complaints(page)).toEqual([]);
    await editor(page).fill((await enrol(page)).config);
    await page.getByText('Keep this tunnel').click();
    await page.getByText('Share, move or export it').click();
    await page.getByRole('button', { name: 'Invite somebody' }).click();
    await page.getByRole('img', { name: 'QR code of the invitation' }).waitFor();
    expect(await complaints(page)).toEqual([]);
    await page.getByRole('button', { name: 'Edit as form' }).click();
    await page.getByRole('group', { name: 'Peer' }).waitFor();
    expect(await complaints(page)).toEqual([]);
    await page.getByRole('button', { name: 'Edit as text' }).click();
    await connected(page);
    await region(page, 'Traceroute').waitFor();
    await page.getByText('Diagnose', { exact: true }).click();
    await expect(region(page, 'Path doctor').getByRole('listitem')).toHaveCount(5);
    expect(await complaints(page)).toEqual([]);
  });

test('nothing moves for somebody who asked for that', async ({ console: page }) => {
  const { config } = await enrol(page);
  await editor(page).fill(config.replace(/^PrivateKey = .*$/m, `PrivateKey = ${generateKeys().privateKey}`));
  await connect(page).click();
  await expect(status(page)).toContainText('Waiting for the peer’s answer');
  const moving = () =>
    page.evaluate(() =>
      [...document.querySelectorAll('*')]
        .filter((element) => {
          const { animationName, transitionDuration } = getComputedStyle(element);
          return animationName !== 'none' || transitionDuration.split(', ').some((time) => time !== '0s');
        })
        .map(({ className }) => String(className)),
    );
  expect(await moving(), 'for others something does').toContain('lamp');
  await page.emulateMedia({ reducedMotion: 'reduce' });
  expect(await moving()).toEqual([]);
});

for (const colorScheme of ['light', 'dark'] as const)
  test(`axe finds nothing to say against a ${colorScheme} terminal, its files and its questions`, async ({
    console: page,
  }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const screen = await demoTerminal(page);
    await page.keyboard.type('ls -l\n');
    await screen.getByRole('button', { name: 'Find' }).click();
    await page.getByRole('button', { name: 'Open files' }).click();
    await page.getByRole('button', { name: 'Rename README.txt' }).click();
    for (const hasText of [/^Keys/, /^Known hosts/])
      await page.locator('summary').filter({ hasText }).click();
    await page.getByRole('button', { name: 'Make a key' }).click();
    await page.getByRole('button', { name: /^Remove the key/ }).waitFor();
    await page.getByRole('button', { name: 'Forget 10.86.0.1, port 22' }).click();
    await region(page, 'Terminal').getByRole('button', { name: 'Open terminal' }).click();
    await page.getByRole('alertdialog', { name: 'Host key' }).waitFor();
    expect(await complaints(page)).toEqual([]);
  });

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing to say against what comes to a ${colorScheme} page: tunnels, a scan, a link, a failure`, async ({
    console: page,
  }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const { config } = await enrol(page);
    await editor(page).fill(
      config.replace(/^PrivateKey = .*$/m, `PrivateKey = ${generateKeys().privateKey}`),
    );
    await page.getByText('Keep this tunnel').click();
    await page.getByLabel('Name', { exact: true }).fill('Office');
    await page.getByRole('button', { name: 'Keep in this tab' }).click();
    await page.getByRole('button', { name: 'Delete Office' }).click();
    await page.getByRole('button', { name: 'Scan QR' }).click();
    await region(page, 'Scan a QR code').getByRole('alert').waitFor();
    await page.getByText('Share, move or export it').click();
    await page.getByRole('button', { name: 'Invite somebody' }).click();
    const link = (await page.locator('.share pre').textContent())!;
    await page.evaluate((hash) => (location.hash = hash), link.slice(link.indexOf('#')));
    await region(page, 'Invitation').waitFor();
    expect(await complaints(page)).toEqual([]);
    await connect(page).click();
    await expect(status(page).getByRole('alert')).toContainText('No answer', { timeout: 25_000 });
    await page.getByText('Log', { exact: true }).click();
    await page.getByRole('table', { name: 'Log lines' }).waitFor();
    expect(await complaints(page)).toEqual([]);
  });

  test(`axe finds nothing to say against ${colorScheme} tools and what they found`, async ({
    console: page,
  }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.getByRole('button', { name: 'Try the demo network' }).click();
    await region(page, 'Packets').getByRole('button', { name: 'Start capture' }).click();
    const ask = async (tool: string, fields: Record<string, string>, action: string) => {
      for (const [label, text] of Object.entries(fields))
        await region(page, tool).getByLabel(label, { exact: true }).fill(text);
      await region(page, tool).getByRole('button', { name: action, exact: true }).click();
    };
    await ask('HTTP request', { URL: '10.86.0.1' }, 'Send');
    await region(page, 'HTTP request')
      .getByText(/^\d+ headers$/)
      .click();
    await ask('Port check', { Address: '10.86.0.1', Ports: '22, 80, 81' }, 'Check');
    await ask('Traceroute', { Address: '10.86.0.1' }, 'Trace');
    await ask('Path MTU', { Address: '10.86.0.1' }, 'Measure');
    await ask('DNS lookup', { Name: 'db.internal' }, 'Look up');
    await ask('Throughput test', { Seconds: '1' }, 'Start test');
    await expect(region(page, 'Throughput test').getByRole('status')).toContainText('received');
    await expect(region(page, 'Download')).toContainText('SHA-256');
    await region(page, 'Packets').getByRole('row').nth(9).waitFor();
    await region(page, 'Sockets and peers').getByRole('table', { name: 'Sockets' }).waitFor();
    await region(page, 'Terminal').locator('summary').filter({ hasText: 'Forwards' }).click();
    await ask('Terminal', { 'Host over there': '127.0.0.1' }, 'Add forward');
    await region(page, 'HTTP request').getByLabel('Way').waitFor();
    await status(page).locator('summary').filter({ hasText: 'Dropped' }).click();
    expect(await complaints(page)).toEqual([]);
  });
}
