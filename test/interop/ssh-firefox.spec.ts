// The console's terminal and files on an unmodified sshd, in Debian's Firefox.
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from '@playwright/test';
import { files, openFiles, prompt, transfers } from '../support/files-page.ts';
import { firefoxPage } from '../support/firefox-page.ts';
import { test as base, expect } from '../support/interop-test.ts';

const test = base.extend<object, { other: Browser }>(firefoxPage);

test('in Firefox, too, a key opens a shell that answers, and files go there and back', async ({
  page,
  startLab,
  startSshd,
}) => {
  const lab = await startLab({ site: 'console' });
  const sshd = await startSshd(lab);
  const bytes = randomBytes(300_000);
  const digest = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(join(sshd.files, 'there.bin'), bytes);
  const local = join(sshd.folder, 'here.bin');
  writeFileSync(local, bytes);
  await openFiles(page, lab, sshd);
  await prompt(page).focus();
  await page.keyboard.type('echo is-$((1000+1))\n');
  await expect(page.getByRole('tabpanel')).toContainText('is-1001');

  const newest = transfers(page).getByRole('listitem').first();
  await files(page).getByRole('button', { name: 'Download there.bin' }).click();
  await expect(newest).toContainText('300 kB, done');
  await expect(newest).toContainText(digest);
  await page.getByLabel('Files to upload').setInputFiles(local);
  await expect(files(page).getByRole('button', { name: 'Download here.bin' })).toBeVisible();
  expect(readFileSync(join(sshd.files, 'here.bin')).equals(bytes)).toBe(true);
});
