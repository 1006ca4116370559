import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';

/**
 * What a click has the page save: under which name, and its text. Of Debian's Firefox Playwright hears of no downloads, so there it
 * is what the page gives to the browser.
 */
export async function savedBy(
  page: Page,
  click: () => Promise<void>,
): Promise<{ name: string; text: string }> {
  if (page.context().browser()?.browserType().name() === 'firefox') return givenBy(page, click);
  const saving = page.waitForEvent('download');
  await click();
  const download = await saving;
  return { name: download.suggestedFilename(), text: await readFile(await download.path(), 'utf8') };
}

async function givenBy(page: Page, click: () => Promise<void>): Promise<{ name: string; text: string }> {
  const given = await page.evaluateHandle(() => {
    const seen: { name?: string; blob?: Blob } = {};
    const { createObjectURL } = URL;
    URL.createObjectURL = (blob: Blob) => createObjectURL((seen.blob = blob));
    const { click: clicked } = HTMLAnchorElement.prototype;
    HTMLAnchorElement.prototype.click = function () {
      seen.name = this.download;
      clicked.call(this);
    };
    return seen;
  });
  await click();
  await page.waitForFunction(({ name, blob }) => name !== undefined && blob !== undefined, given);
  return given.evaluate(async ({ name, blob }) => ({ name: name!, text: await blob!.text() }));
}
