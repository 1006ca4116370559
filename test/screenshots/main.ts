// Takes the pictures of the console, each panel in light and dark at 390 and 1280 pixels: `npm run screenshots [-- JOURNEY …]`.
// They go to dist/screenshots; those that are shown to somebody, to web/screenshots as well.
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from '@playwright/test';
import { chromiumOptions } from '../support/chromium.ts';
import { DemoCommand } from '../support/demo-command.ts';
import { JOURNEYS, KEPT, type Shot } from './journeys.ts';

const ROOT = join(import.meta.dirname, '../..');
const ALL = join(ROOT, 'dist/screenshots');
const COMMITTED = join(ROOT, 'web/screenshots');
const MARGIN = 12;
const SIZES = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
];

type Journey = (typeof JOURNEYS)[string];

async function travel(browser: Browser, url: string, journey: Journey, look: string): Promise<void> {
  const [theme, width] = look.split('-') as ['light' | 'dark', string];
  const viewport = SIZES.find((size) => String(size.width) === width)!;
  const context = await browser.newContext({ viewport, colorScheme: theme, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  try {
    await page.goto(url);
    for await (const shot of journey(page)) {
      const path = join(ALL, `${shot.name}-${look}.png`);
      await page.mouse.move(0, 0);
      await shoot(page, shot, path);
      if (KEPT.has(shot.name)) copyFileSync(path, join(COMMITTED, `${shot.name}-${look}.png`));
    }
  } catch (error) {
    console.log(`${look}: ${(error as Error).message.split('\n').slice(0, 3).join(' ')}`);
    await page.screenshot({ path: join(ALL, `failed-${look}.png`), fullPage: true });
    process.exitCode = 1;
  } finally {
    await context.close();
  }
}

async function shoot(page: Page, { region, isWhole }: Shot, path: string): Promise<void> {
  if (region === undefined) await page.evaluate(() => scrollTo(0, 0));
  if (region === undefined) await page.screenshot({ path, fullPage: isWhole ?? false });
  else await page.screenshot({ path, fullPage: true, clip: await frameOf(page, region) });
}

/** With a margin: regions within others have none of their own. */
async function frameOf(page: Page, region: string) {
  const place = page.getByRole('region', { name: region, exact: true });
  const { x, y, width, height } = await place.evaluate((element) => {
    const box = element.getBoundingClientRect();
    return { x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height };
  });
  const margin = Math.min(MARGIN, x);
  return { x: x - margin, y: y - margin, width: width + 2 * margin, height: height + 2 * margin };
}

const wanted = process.argv.slice(2);
mkdirSync(ALL, { recursive: true });
const command = await DemoCommand.start();
const browser = await chromium.launch(chromiumOptions);
try {
  for (const [name, journey] of Object.entries(JOURNEYS))
    if (wanted.length === 0 || wanted.includes(name))
      for (const look of ['light-1280', 'dark-390', 'light-390', 'dark-1280'])
        await travel(browser, command.url, journey, look);
} finally {
  await browser.close();
  await command.stop();
}
