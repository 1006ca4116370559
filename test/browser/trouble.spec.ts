// What a first-time user brings that is no tunnel, or not all of one: said at once, in one sentence that says what to do.
import { loadavg } from 'node:os';
import type { Page } from '@playwright/test';
import { zipSync } from 'fflate';
import { encode } from 'uqr';
import { connect, editor, enrol, expect, leave, region, status, test } from '../support/console-test.ts';
import { generateKeys } from '../support/keys.ts';
import { RelayProcess } from '../support/relay-process.ts';

const configuration = (page: Page) => region(page, 'Configuration');
const alert = (page: Page) => status(page).getByRole('alert');
const bytes = (text: string) => Buffer.from(text);
const peer = (route: string) =>
  `[Peer]\nPublicKey = ${generateKeys().publicKey}\nEndpoint = 192.0.2.1:51820\nAllowedIPs = ${route}\n`;

async function give(page: Page, name: string, mimeType: string, buffer: Buffer): Promise<void> {
  await configuration(page).locator('input[type=file]').first().setInputFiles({ name, mimeType, buffer });
}

/** A picture of this code, as a page draws one. */
async function pictureOf(page: Page, text: string): Promise<Buffer> {
  const { data } = encode(text, { border: 4 });
  const url = await page.evaluate((rows) => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = rows.length * 6;
    const context = canvas.getContext('2d')!;
    context.fillStyle = '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = '#000';
    rows.forEach((row, y) => {
      for (const [x, isDark] of row.entries()) if (isDark) context.fillRect(x * 6, y * 6, 6, 6);
    });
    return canvas.toDataURL('image/png');
  }, data);
  return Buffer.from(url.split(',')[1]!, 'base64');
}

test('files that are empty, no text, or a code of something else say so, and change nothing', async ({
  console: page,
}) => {
  const { config } = await enrol(page);
  await editor(page).fill(config);
  const said = configuration(page).getByRole('alert');
  await give(page, 'office.conf', 'text/plain', bytes(''));
  await expect(said).toHaveText('“office.conf” is empty: choose the .conf file that you were given.');
  await give(page, 'setup.exe', 'application/octet-stream', Buffer.alloc(1000));
  await expect(said).toContainText('“setup.exe” is no text');
  await give(page, 'code.png', 'image/png', await pictureOf(page, 'https://wifi.example/login'));
  await expect(said).toContainText('This code holds no WireGuard configuration');
  await expect(editor(page)).toHaveValue(config);
});

test('an archive of 300 tunnels becomes as many as the page keeps, and it says how many', async ({
  console: page,
}) => {
  const files = Object.fromEntries(
    Array.from({ length: 300 }, (_, index) => [
      `office-${index}.conf`,
      bytes(
        `[Interface]\nPrivateKey = ${generateKeys().privateKey}\nAddress = 10.0.0.2/32\n${peer('10.0.0.0/24')}`,
      ),
    ]),
  );
  const begun = Date.now();
  await give(page, 'all.zip', 'application/zip', Buffer.from(zipSync(files)));
  await expect(configuration(page).getByRole('alert')).toHaveText(
    'Only the first 200 of 300 configurations were taken: drop the others by themselves.',
  );
  const millis = Date.now() - begun;
  console.log(`300 tunnels out of an archive: ${millis} ms (load ${loadavg()[0]!.toFixed(1)})`);
  expect(millis).toBeLessThan(5000);
  await expect(page.getByRole('list', { name: 'Kept tunnels' }).getByRole('listitem')).toHaveCount(200);
});

test('five megabytes that were pasted are refused at once, and the longest text that is taken can be edited', async ({
  console: page,
}) => {
  /** Milliseconds until the page goes on. An event of ours inserts nothing: what was not refused is put there. */
  const paste = (text: string) =>
    editor(page).evaluate((area, pasted) => {
      const begun = performance.now();
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', pasted);
      const event = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
      if (area.dispatchEvent(event)) {
        (area as HTMLTextAreaElement).value = pasted;
        area.dispatchEvent(new InputEvent('input', { bubbles: true }));
      }
      return new Promise<number>((resolve) => {
        requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun)));
      });
    }, text);
  const { config } = await enrol(page);
  await editor(page).fill(config);
  const refused = await paste('x = y\n'.repeat(5_000_000 / 6));
  await expect(configuration(page).getByRole('alert')).toContainText(
    'too long for a WireGuard configuration',
  );
  await expect(editor(page)).toHaveValue(config);
  const long =
    config + Array.from({ length: 700 }, (_, index) => peer(`10.1.${index >> 8}.${index & 255}/32`)).join('');
  const taken = await paste(long);
  console.log(
    `5 MB refused in ${refused.toFixed(0)} ms, ${long.length} characters taken in ${taken.toFixed(0)} ms (load ${loadavg()[0]!.toFixed(1)})`,
  );
  await expect(editor(page)).toHaveValue(long);
  await expect(configuration(page).getByRole('alert')).toHaveCount(0);
  expect(refused).toBeLessThan(1000);
  expect(taken).toBeLessThan(3000);
});

test('a configuration without its own key, address or routes says what is missing', async ({
  console: page,
}) => {
  const needs = page.getByRole('list', { name: 'What this configuration needs' });
  const twoPeers = `[Interface]\nAddress = 10.0.0.2/32\n${peer('10.0.0.0/24')}${peer('10.0.1.0/24')}`;
  await editor(page).fill(twoPeers);
  await expect(needs).toContainText('PrivateKey: missing');
  await connect(page).click();
  await expect(alert(page)).toContainText('PrivateKey');
  await expect(alert(page)).toContainText('Generate keys');
  await page.getByRole('button', { name: 'Generate keys' }).click();
  await expect(alert(page)).toBeEmpty();
  await expect(needs).toHaveCount(0);

  const key = `PrivateKey = ${generateKeys().privateKey}\n`;
  await editor(page).fill(`[Interface]\n${key}${peer('10.0.0.0/24')}`);
  await connect(page).click();
  await expect(alert(page)).toContainText('Address');
  await editor(page).fill(
    `[Interface]\n${key}Address = 10.0.0.2/32\n${peer('').replace(/^Allowed.*$/m, '')}`,
  );
  await expect(needs).toContainText('AllowedIPs: none; nothing is routed to this peer');
  await editor(page).fill('Dear all,\nplease find attached');
  await connect(page).click();
  await expect(alert(page)).toContainText('expected [Interface] or [Peer]');
});

test.describe('a relay', () => {
  test.use({ expected: /WebSocket|403/ });

  test('that refuses this page names what its operator has to add', async ({ console: page }) => {
    const { config } = await enrol(page);
    const relay = await RelayProcess.start({
      allow: ['127.0.0.1:51820'],
      origins: ['https://elsewhere.example'],
    });
    try {
      await editor(page).fill(config);
      await page.getByLabel('Relay', { exact: true }).fill(relay.url);
      await connect(page).click();
      const { origin } = new URL(page.url());
      await expect(alert(page)).toContainText(
        `refuses this page: its operator has to add ${origin} to the origins it allows.`,
      );
      await leave(page);
    } finally {
      await relay.stop();
    }
  });
});
