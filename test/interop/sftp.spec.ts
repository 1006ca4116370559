// The console's files on an unmodified sshd, behind an unmodified WireGuard.
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { files, openFiles, prompt, transfers } from '../support/files-page.ts';
import { expect, test } from '../support/interop-test.ts';
import { Sshd } from '../support/sshd.ts';

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

test('50 MB go up and come back whole, with progress, and a key that is typed meanwhile is seen at once', async ({
  page,
  startLab,
}) => {
  test.setTimeout(120_000);
  const lab = await startLab({ site: 'console' });
  const sshd = await Sshd.start(lab.peer.namespace);
  try {
    const bytes = randomBytes(SIZE);
    const digest = sha256(bytes);
    const local = join(sshd.folder, 'large.bin');
    writeFileSync(local, bytes);
    await openFiles(page, lab, sshd);
    await prompt(page).focus();
    await page.keyboard.type('cat > /dev/null\n');
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
  } finally {
    await sshd.stop();
  }
});
