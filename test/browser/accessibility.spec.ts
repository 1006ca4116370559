import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { connected, editor, enrol, expect, region, test } from '../support/console-test.ts';

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
