// A script that got into the page: what it can read of a saved tunnel's secrets. What it can do all the same is in SECURITY.md.
import type { Page } from '@playwright/test';
import { connect, editor, enrol, expect, leave, region, status, test } from '../support/console-test.ts';
import { eavesdrop, loot } from '../support/intruder.ts';
import { secretsIn } from '../support/secret-scan.ts';
import { TokenSite } from '../support/token-site.ts';

/** Saves a tunnel of that name in the browser. */
async function saveOffice(page: Page): ReturnType<typeof enrol> {
  const enrolled = await enrol(page);
  await editor(page).fill(enrolled.config);
  await page.getByText('Keep this tunnel').click();
  await page.getByLabel('Name', { exact: true }).fill('Office');
  await page.getByRole('button', { name: 'Save in this browser' }).click();
  await expect(region(page, 'Configuration')).toContainText('is kept in this browser');
  return enrolled;
}

test('a script in the page reads no private key of a saved tunnel, wherever it looks', async ({
  console: page,
}) => {
  const { config, keys } = await saveOffice(page);
  await page.addInitScript(eavesdrop);
  await page.reload();
  await region(page, 'Tunnels').getByRole('button', { name: 'Open Office' }).click();
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
  await page.evaluate(() => navigator.serviceWorker.ready);
  const { text, exported, keys: found } = await loot(page);
  expect(text, 'it does look').toContain(/Endpoint = (\S+)/.exec(config)![1]!);
  expect(found, 'it finds the key that it may use').toBeGreaterThan(0);
  expect(exported).toEqual([]);
  const raw = Buffer.from(keys.privateKey, 'base64').toString('hex');
  expect(text).not.toContain(keys.privateKey);
  expect(text.toLowerCase()).not.toContain(raw);
});

test('keys that nobody asked to save are in memory only, and a reload forgets them', async ({
  console: page,
}) => {
  const { config, keys } = await enrol(page);
  const secrets = [{ name: 'the private key', bytes: Buffer.from(keys.privateKey, 'base64') }];
  await editor(page).fill(config);
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
  expect(secretsIn((await loot(page)).text, secrets), 'it is in the page').not.toEqual([]);
  await page.reload();
  await expect(status(page)).toContainText('Not connected');
  await expect(editor(page)).toHaveValue('');
  expect(secretsIn((await loot(page)).text, secrets)).toEqual([]);
});

test('the page’s memory holds no private key of a saved tunnel, and its worker is gone', async ({
  console: page,
}) => {
  const { keys } = await saveOffice(page);
  await page.goto('about:blank');
  await page.goBack();
  await page.reload();
  await region(page, 'Tunnels').getByRole('button', { name: 'Open Office' }).click();
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await expect.poll(() => page.workers().length, 'the engine is gone with all that it had').toBe(0);
  const session = await page.context().newCDPSession(page);
  const parts: string[] = [];
  session.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => parts.push(chunk));
  await session.send('HeapProfiler.collectGarbage');
  await session.send('HeapProfiler.takeHeapSnapshot', { captureNumericValue: true });
  const heap = parts.join('');
  expect(heap, 'what is there is found').toContain('AllowedIPs');
  expect(heap).not.toContain(keys.privateKey);
});

test('a script in the page hears a token on its way to the engine, finds it nowhere else, and a ticket nowhere', async ({
  console: page,
}) => {
  await page.addInitScript(eavesdrop);
  const site = await TokenSite.open(page);
  await site.connect(page);
  const heard = await loot(page);
  expect(secretsIn(heard.text, site.tokens), 'it does hear').toContain('a token, as text');
  expect(secretsIn(heard.text, site.returns)).toEqual([]);
  await page.evaluate(() => (window.overheard = []));
  const late = await loot(page);
  expect(late.text, 'it does look: at what the page draws from, too').toContain(site.tap.url);
  expect(late.objects).toBeGreaterThan(5000);
  expect(secretsIn(late.text, [...site.tokens, ...site.returns])).toEqual([]);
  await leave(page);
  await site.stop();
});

test.describe('code in the page', () => {
  test.use({ expected: /Trusted(HTML|TypePolicy)/ });

  test('text never becomes markup or foreign code, whoever asks', async ({ console: page }) => {
    const outcome = await page.evaluate(() => {
      const tryOut = (act: () => unknown) => {
        try {
          act();
          return 'done';
        } catch (error) {
          return (error as Error).name;
        }
      };
      return [
        tryOut(() => (document.createElement('div').innerHTML = '<b>x</b>')),
        tryOut(() => new Worker('https://elsewhere.example/x.js')),
        tryOut(() =>
          (
            window as never as { trustedTypes: { createPolicy(name: string, rules: object): object } }
          ).trustedTypes.createPolicy('other', {}),
        ),
      ];
    });
    expect(outcome).toEqual(['TypeError', 'TypeError', 'TypeError']);
  });
});
