// The console's files on an unmodified sshd, behind an unmodified WireGuard. Of what a page saves in Debian's Firefox
// Playwright does not hear.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { files, openFiles, prompt, transfers } from '../support/files-page.ts';
import { expect, test } from '../support/interop-test.ts';

const SIZE = 50_000_000;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface Echoes {
  /** Milliseconds from each key to its sign on the screen. */
  echoes: number[];
  /** Where the bar stood meanwhile, 0 … 1. */
  progress: number[];
}

/** From now on, how long the screen takes to show a `q` after its key is noted in the page. */
async function watchEchoes(page: Page): Promise<void> {
  await page.evaluate(() => {
    const rows = document.querySelector('.xterm-rows')!;
    const shown = () => rows.textContent!.split('q').length;
    let pressedAt: number | undefined;
    let before = 0;
    const echoes: number[] = [];
    Object.assign(window, { echoes });
    addEventListener(
      'keydown',
      ({ timeStamp }) => {
        pressedAt = timeStamp;
        before = shown();
      },
      { capture: true },
    );
    new MutationObserver(() => {
      if (pressedAt === undefined || shown() <= before) return;
      echoes.push(performance.now() - pressedAt);
      pressedAt = undefined;
    }).observe(rows, { subtree: true, childList: true, characterData: true });
  });
}

/** Types, a key after the other's echo, until the newest transfer is over, or so many keys. */
async function typeBeside(page: Page, keys = Number.POSITIVE_INFINITY): Promise<Echoes> {
  const progress: number[] = [];
  const first = await page.evaluate(() => (window as unknown as Echoes).echoes.length);
  let typed = 0;
  await prompt(page).focus();
  for (let isOver = false; !isOver && typed < keys; typed++) {
    await page.keyboard.press('q');
    const seen = await page.evaluate(
      async (wanted) => {
        const { echoes } = window as unknown as Echoes;
        while (echoes.length < wanted) await new Promise(requestAnimationFrame);
        const newest = document.querySelector('.transfer');
        const bar = newest?.querySelector('progress');
        return { isOver: newest !== null && !bar, value: bar ? bar.value / bar.max : undefined };
      },
      first + typed + 1,
    );
    if (seen.value !== undefined) progress.push(seen.value);
    isOver = seen.isOver;
  }
  const echoes = await page.evaluate((from) => (window as unknown as Echoes).echoes.slice(from), first);
  return { echoes, progress };
}

function percentile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.ceil(values.length * share) - 1]!;
}

function told(what: string, { echoes }: Echoes): string {
  const [half, most] = [0.5, 0.95].map((share) => percentile(echoes, share).toFixed(1));
  return `${what}: ${echoes.length} keys, echo p50 ${half} ms, p95 ${most} ms (load ${loadavg()[0]!.toFixed(1)})`;
}

test('a file goes there and back, whole, beside a shell that answers', async ({
  page,
  startLab,
  startSshd,
}) => {
  const lab = await startLab({ site: 'console' });
  const sshd = await startSshd(lab);
  const bytes = randomBytes(300_000);
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
  await expect(newest).toContainText(sha256(bytes));
  await page.getByLabel('Files to upload').setInputFiles(local);
  await expect(files(page).getByRole('button', { name: 'Download here.bin' })).toBeVisible();
  expect(readFileSync(join(sshd.files, 'here.bin')).equals(bytes)).toBe(true);
});

test('50 MB go up and come back whole, with progress, and a key that is typed meanwhile is seen at once @chromium', async ({
  page,
  startLab,
  startSshd,
}) => {
  test.setTimeout(120_000);
  const lab = await startLab({ site: 'console' });
  const sshd = await startSshd(lab);
  const bytes = randomBytes(SIZE);
  const digest = sha256(bytes);
  const local = join(sshd.folder, 'large.bin');
  writeFileSync(local, bytes);
  await openFiles(page, lab, sshd);
  await prompt(page).focus();
  // A key that is typed before there is a shell, or a program in it, is not echoed where it is looked for.
  await page.keyboard.type("echo rea''dy; cat > /dev/null\n");
  await expect(page.getByRole('tabpanel')).toContainText('ready');
  await watchEchoes(page);
  const alone = await typeBeside(page, 30);

  await page.getByLabel('Files to upload').setInputFiles(local);
  const up = await typeBeside(page);
  await expect(transfers(page).getByRole('listitem').first()).toContainText(digest);
  expect(sha256(readFileSync(join(sshd.files, 'large.bin')))).toBe(digest);

  const saving = page.waitForEvent('download');
  await files(page).getByRole('button', { name: 'Download large.bin' }).click();
  const down = await typeBeside(page);
  const saved = await saving;
  expect(saved.suggestedFilename()).toBe('large.bin');
  expect(sha256(readFileSync(await saved.path()))).toBe(digest);

  const figures = [told('nothing else', alone), told('upload', up), told('download', down)].join('\n');
  console.log(figures);
  for (const { echoes, progress } of [up, down]) {
    expect(progress.filter((value) => value > 0.05 && value < 0.95).length).toBeGreaterThan(2);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(percentile(echoes, 0.95), figures).toBeLessThan(50);
  }
});

/** Asks for one line and gives it. */
async function answer(
  page: Page,
  button: string,
  label: string,
  text: string,
  action: string,
): Promise<void> {
  await files(page).getByRole('button', { name: button, exact: true }).click();
  await files(page).getByLabel(label, { exact: true }).fill(text);
  await files(page).getByRole('button', { name: action, exact: true }).click();
}

/** Drops files of this machine there, as a person does: the browser reads them and says so to the page. */
async function drop(place: Locator, paths: string[]): Promise<void> {
  const page = place.page();
  await place.scrollIntoViewIfNeeded();
  const box = (await place.boundingBox())!;
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const browser = await page.context().newCDPSession(page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await browser.send('Input.dispatchDragEvent', { type, ...at, data });
  await browser.detach();
}

test('files that are dropped on the panel go up; elsewhere they go nowhere, and the page stays @chromium', async ({
  page,
  startLab,
  startSshd,
}) => {
  const lab = await startLab({ site: 'console' });
  const sshd = await startSshd(lab);
  const bytes = randomBytes(300_000);
  const [one, two] = ['one.bin', 'two.conf'].map((name) => join(sshd.folder, name)) as [string, string];
  writeFileSync(one, bytes);
  writeFileSync(two, '[Interface]\n');
  await openFiles(page, lab, sshd);
  await page.evaluate(() => {
    const heard: boolean[] = [];
    Object.assign(window, { heard });
    document.addEventListener('drop', (event) => heard.push(event.defaultPrevented));
  });
  const heard = () => page.evaluate(() => (window as unknown as { heard: boolean[] }).heard);
  await drop(files(page), [one, two]);
  await expect(files(page).getByRole('button', { name: 'Download two.conf' })).toBeVisible();
  await expect(transfers(page)).toContainText(sha256(bytes));
  expect(readFileSync(join(sshd.files, 'one.bin')).equals(bytes)).toBe(true);
  expect(await heard(), 'the page around it').toEqual([]);

  const local = page.getByRole('region', { name: 'Ping' });
  await drop(local, [two]);
  expect(await heard()).toEqual([true]);
  await expect(transfers(page).getByRole('listitem')).toHaveCount(2);
  await expect(page.getByRole('region', { name: 'Status' })).toContainText('Connected');
});

test('files are made, sent, renamed, changed, fetched and deleted; what fails says why and is tried again @core @chromium', async ({
  page,
  startLab,
  startSshd,
}) => {
  const lab = await startLab({ site: 'console' });
  const sshd = await startSshd(lab);
  const panel = files(page);
  const has = (name: string) => panel.getByRole('button', { name, exact: true });
  const there = (name: string) => join(sshd.files, 'a', name);
  await openFiles(page, lab, sshd);
  const makeFolder = (name: string) => answer(page, 'New folder', 'Name of the folder', name, 'Make folder');
  await makeFolder('a');
  await makeFolder('a');
  await expect(panel.getByRole('alert')).toContainText('there is something of that name already');
  await has('Open a').click();
  await expect(panel).toContainText('Nothing is in this folder');
  await makeFolder('b');
  await has('Delete b').click();
  await panel.getByRole('button', { name: 'Delete “b”' }).click();
  await expect(panel).toContainText('Nothing is in this folder');
  expect(existsSync(there('b'))).toBe(false);

  const note = { name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') };
  await page.getByLabel('Files to upload').setInputFiles(note);
  await expect(has('Download note.txt')).toBeVisible();
  await page.getByLabel('Files to upload').setInputFiles({ ...note, buffer: Buffer.from('other') });
  const first = transfers(page).getByRole('listitem').first();
  await expect(first).toContainText('there is something of that name already');
  expect(readFileSync(there('note.txt'), 'utf8')).toBe('hello');
  await has('Upload of note.txt: Replace').click();
  await expect(first).toContainText('5 B, done');
  expect(readFileSync(there('note.txt'), 'utf8')).toBe('other');
  await has('Up').click();
  await has('Delete a').click();
  await panel.getByRole('button', { name: 'Delete “a”' }).click();
  await expect(panel.getByRole('alert')).toHaveText(
    `${join(sshd.files, 'a')}: it is not empty, or the server could not delete it.`,
  );
  expect(readFileSync(there('note.txt'), 'utf8')).toBe('other');
  await has('Open a').click();

  await answer(page, 'Rename note.txt', 'New name of note.txt', '.profile', 'Rename');
  await answer(page, 'Permissions of .profile', 'Permissions of .profile, octal', '600', 'Change');
  await expect.poll(() => statSync(there('.profile')).mode & 0o777).toBe(0o600);
  const saving = page.waitForEvent('download');
  await has('Download .profile').click();
  expect((await saving).suggestedFilename()).toBe('_profile');
  await has('Delete .profile').click();
  await panel.getByRole('button', { name: 'Delete “.profile”' }).click();
  await expect(panel).toContainText('Nothing is in this folder');

  const large = join(sshd.folder, 'large.bin');
  const bytes = randomBytes(16_000_000);
  writeFileSync(large, bytes);
  await prompt(page).focus();
  await page.keyboard.type('kill -9 $PPID');
  await page.getByLabel('Files to upload').setInputFiles(large);
  await expect(panel.getByRole('progressbar')).toBeVisible();
  await prompt(page).press('Enter');
  await expect(first).toContainText('The connection was lost: reconnect, then try again.');
  await page.getByRole('button', { name: 'Reconnect' }).click();
  await expect(page.getByRole('tabpanel').getByRole('status').first()).toHaveText('Connected');
  await has('Upload of large.bin: Try again').click();
  await expect(first).toContainText(sha256(bytes));
  await expect(has('Download large.bin')).toBeVisible();

  // Where nobody makes folders, root neither.
  await answer(page, 'Go to', 'Path of the folder', '/dev/pts', 'Open folder');
  await expect(has('Download ptmx')).toBeVisible();
  await makeFolder('mine');
  await expect(panel.getByRole('alert')).toContainText('/dev/pts/mine: the server does not permit it.');
});

test('names that are no names do no harm, and 10,000 entries are a folder like others @chromium', async ({
  page,
  startLab,
  startSshd,
}) => {
  const lab = await startLab({ site: 'console' });
  const sshd = await startSshd(lab);
  mkdirSync(join(sshd.files, 'many'));
  for (let i = 0; i < 10_000; i++) writeFileSync(join(sshd.files, 'many', `file ${i}`), '');
  for (const name of ['two\nlines \x1b[31m', 'photo\u202egpj.exe', '<b>bold', 'n'.repeat(255)])
    writeFileSync(join(sshd.files, name), name);
  writeFileSync(Buffer.concat([Buffer.from(`${sshd.files}/bad `), Buffer.of(0xff)]), '');
  const panel = await openFiles(page, lab, sshd);
  const has = (name: string) => panel.getByRole('button', { name, exact: true });
  await expect(has('Download <b>bold')).toBeVisible();
  await expect(has(`Download ${'n'.repeat(255)}`)).toBeVisible();
  for (const [shown, saved] of [
    ['two␊lines ␛[31m', 'twolines [31m'],
    ['photo⟨202E⟩gpj.exe', 'photogpj.exe'],
  ] as const) {
    const saving = page.waitForEvent('download');
    await has(`Download ${shown}`).click();
    expect((await saving).suggestedFilename()).toBe(saved);
  }
  await has('Download bad \ufffd').click();
  await expect(transfers(page).getByRole('listitem').first()).toContainText('its name is not UTF-8');

  await has('Open many').click();
  await expect(panel.getByRole('status').last()).toContainText('10000 entries');
  expect(await panel.getByRole('row').count()).toBe(201);
  await has('Show 200 more of 10000').click();
  await expect(panel.getByRole('row')).toHaveCount(401);
  await panel.getByLabel('Find in this folder').fill('9999');
  await expect(panel.getByRole('row')).toHaveCount(2);
  await has('Delete file 9999').click();
  await panel.getByRole('button', { name: 'Delete “file 9999”' }).click();
  await expect(panel.getByRole('status').last()).toContainText('0 of 9999 entries');
});
