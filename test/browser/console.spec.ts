import { derivePublicKey } from '../../src/node/index.ts';
import { connect, editor, enrol, expect, status, test } from '../support/console-test.ts';
import { freeTcpPort, freeUdpPort } from '../support/free-port.ts';
import { generateKeys } from '../support/keys.ts';

test('a second tab with the same key says so, and takes the connection over when asked to', async ({
  console: page,
  context,
}) => {
  const { config } = await enrol(page);
  await editor(page).fill(config);
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
  const second = await context.newPage();
  await second.goto(page.url());
  await editor(second).fill(config);
  await connect(second).click();
  await expect(status(second).getByRole('alert')).toContainText('Another tab uses this key right now');
  if (process.env.SHOTS) await second.screenshot({ path: `${process.env.SHOTS}/taken.png` });
  await expect(status(page)).toContainText('Connected');
  await second.getByRole('button', { name: 'Take over' }).click();
  await expect(status(second)).toContainText('Connected');
  await expect(status(second).getByRole('button', { name: 'Take over' })).toHaveCount(0);
  await expect(status(page)).toContainText('Not connected');
  await expect(status(page).getByRole('alert')).toContainText('Another tab uses this key right now');
  await expect(page.getByRole('button', { name: 'Take over' })).toBeVisible();
});

test("one click on the demo shows a handshake, a ping time and the site's bytes", async ({
  console: page,
}) => {
  await expect(status(page)).toContainText('Only this page uses the tunnel');
  await page.getByRole('button', { name: 'Try the demo network' }).click();
  await expect(status(page)).toContainText('Connected');
  await expect(status(page)).toContainText(/handshake/i);
  await expect(page.getByRole('region', { name: 'Ping' }).locator('.reading-value')).toContainText(
    /\d+(\.\d+)? ms/,
  );
  await expect(page.getByRole('region', { name: 'Download' })).toContainText(/8(\.\d+)? (MiB|MB)/);
  await expect(page.getByRole('progressbar')).toBeVisible();
  await expect(status(page)).toContainText('Only this page uses the tunnel');
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await expect(status(page)).toContainText('Not connected');
  await expect.poll(() => page.workers().length).toBe(0);
});

test('the demo goes on although a visitor left in the middle of a download', async ({
  console: page,
  command,
}) => {
  for (let visit = 0; visit < 3; visit++) {
    await page.getByRole('button', { name: 'Try the demo network' }).click();
    await page.getByRole('progressbar').waitFor();
    await page.getByRole('button', { name: 'Disconnect' }).click();
    await expect(status(page)).toContainText('Not connected');
  }
  await page.reload();
  await page.getByRole('button', { name: 'Try the demo network' }).click();
  await expect(page.getByRole('region', { name: 'Download' })).toContainText(/8(\.\d+)? (MiB|MB)/);
  expect(command.output.trim().split('\n')).toHaveLength(1);
});

test('a pasted configuration connects, and a file may be downloaded', async ({ console: page }) => {
  const { config } = await enrol(page);
  await editor(page).fill(config);
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
  const peer = /^PublicKey = (\S+)/m.exec(config)![1]!;
  await expect(status(page).getByTitle(peer)).toBeVisible();
  await page.locator('#ping-host').fill('10.86.0.1');
  await page.getByRole('button', { name: 'Start ping' }).click();
  await expect(page.locator('.replies li').first()).toContainText('ms');
  const download = page.getByRole('region', { name: 'Download' });
  await download.locator('#download-host').fill('fd86::1');
  await download.locator('#download-path').fill('/download/8MiB.bin');
  await download.getByRole('button', { name: 'Download' }).click();
  await expect(download).toContainText(/8(\.\d+)? (MiB|MB)/);
});

test('a dropped file becomes the configuration', async ({ console: page }) => {
  const { config } = await enrol(page);
  await page.evaluate((text) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([text], 'tunnel.conf', { type: 'text/plain' }));
    const target = document.querySelector('main')!;
    for (const type of ['dragover', 'drop'])
      target.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }));
  }, config);
  await expect(editor(page)).toHaveValue(config);
});

test("generated keys go into the text, and the server's lines show the public one", async ({
  console: page,
}) => {
  await page.getByRole('button', { name: 'Generate keys' }).click();
  await expect(editor(page)).toHaveValue(/PrivateKey = [A-Za-z0-9+/]{43}=/);
  const privateKey = /PrivateKey = (\S+)/.exec(await editor(page).inputValue())![1]!;
  const written = await editor(page).inputValue();
  await editor(page).fill(written.replace(/^Address = $/m, 'Address = 10.0.0.7/24'));
  const publicKey = derivePublicKey(privateKey);
  const lines = await page.getByRole('region', { name: 'Summary' }).locator('pre').allInnerTexts();
  expect(lines).toEqual([
    publicKey,
    `[Peer]\nPublicKey = ${publicKey}\nAllowedIPs = 10.0.0.7/32`,
    `wg set <interface> peer ${publicKey} allowed-ips 10.0.0.7/32`,
  ]);
});

test('a route for everything is explained before anything is connected', async ({ console: page }) => {
  const { config } = await enrol(page);
  const summary = page.getByRole('region', { name: 'Summary' });
  await editor(page).fill(config);
  await expect(summary).toContainText('Routes');
  await expect(summary).not.toContainText('A route for everything');
  for (const route of ['0.0.0.0/0', '10.0.0.0/8, ::/0']) {
    await editor(page).fill(config.replace(/^AllowedIPs = .*$/m, `AllowedIPs = ${route}`));
    await expect(summary).toContainText(
      'everything this page sends through the tunnel, not your computer’s traffic',
    );
  }
});

test.describe('without a relay', () => {
  // It is asked over HTTP, too.
  test.use({ expected: /WebSocket|ERR_CONNECTION_REFUSED/ });

  test('a relay that is not there says what to do', async ({ console: page }) => {
    const { config } = await enrol(page);
    await editor(page).fill(config);
    await page.getByLabel('Relay', { exact: true }).fill(`ws://127.0.0.1:${await freeTcpPort()}/v1`);
    await connect(page).click();
    await expect(page.getByRole('alert').filter({ hasText: 'does not answer' })).toContainText(
      'check the address',
    );
  });
});

test('an endpoint that the relay does not allow says what to do', async ({ console: page }) => {
  const { config } = await enrol(page);
  const endpoint = `127.0.0.1:${await freeUdpPort()}`;
  await editor(page).fill(config.replace(/^Endpoint = .*$/m, `Endpoint = ${endpoint}`));
  await connect(page).click();
  await expect(page.getByRole('alert').filter({ hasText: 'may not send to' })).toContainText(endpoint);
});

test('a wrong key is told honestly: no answer, our public key, and wg show', async ({ console: page }) => {
  const { config } = await enrol(page);
  const stranger = generateKeys();
  await editor(page).fill(config.replace(/^PrivateKey = .*$/m, `PrivateKey = ${stranger.privateKey}`));
  await connect(page).click();
  await expect(page.getByRole('alert').filter({ hasText: 'No answer' })).toBeVisible({ timeout: 20_000 });
  await expect(status(page)).toContainText('wg show');
  await expect(status(page)).toContainText(`peer: ${stranger.publicKey}`);
});

test('a preshared key on one side only is named', async ({ console: page }) => {
  const { config } = await enrol(page);
  const psk = generateKeys().privateKey;
  await editor(page).fill(config.replace('[Peer]\n', `[Peer]\nPresharedKey = ${psk}\n`));
  await connect(page).click();
  await expect(page.getByRole('alert').filter({ hasText: 'The preshared key differs' })).toBeVisible();
});

for (const colorScheme of ['light', 'dark'] as const)
  for (const width of [1280, 360])
    test(`it fits a ${colorScheme} screen of ${width} pixels`, async ({ console: page }) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      const [ground, text] = await page.evaluate(() => {
        const style = getComputedStyle(document.body);
        const root = getComputedStyle(document.documentElement);
        const clear = 'rgba(0, 0, 0, 0)';
        return [style.backgroundColor === clear ? root.backgroundColor : style.backgroundColor, style.color];
      });
      const dark = colorScheme === 'dark';
      expect(lightness(ground!) < 0.5, `ground ${ground}`).toBe(dark);
      expect(lightness(text!) > 0.5, `text ${text}`).toBe(dark);
      await page.getByRole('button', { name: 'Try the demo network' }).click();
      await expect(status(page)).toContainText('Connected');
      for (const name of ['Terminal', 'Instruments', 'Throughput test', 'Sockets and peers', 'Packets'])
        await page.getByRole('region', { name, exact: true }).waitFor();
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow, 'nothing hangs over the edge').toBeLessThanOrEqual(0);
    });

/** 0 to 1 of a computed colour in any notation that Chromium prints. */
function lightness(color: string): number {
  const numbers = [...color.matchAll(/-?[\d.]+%?/g)].map(([text]) => Number.parseFloat(text));
  if (/^(oklch|oklab|lch|lab)/.test(color)) return numbers[0]! > 1 ? numbers[0]! / 100 : numbers[0]!;
  const scale = color.startsWith('rgb') ? 255 : 1;
  return (numbers[0]! + numbers[1]! + numbers[2]!) / 3 / scale;
}

test('everything can be done from the keyboard', async ({ console: page }) => {
  const focused = () =>
    page.evaluate(
      () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent,
    );
  const tabTo = async (name: RegExp) => {
    for (let presses = 0; presses < 80; presses++) {
      await page.keyboard.press('Tab');
      if (name.test((await focused()) ?? '')) return;
    }
    throw new Error(`Tab never reached ${name}`);
  };
  await tabTo(/^Try the demo network$/);
  await page.keyboard.press('Enter');
  await expect(status(page)).toContainText('Connected');
  await tabTo(/^Disconnect$/);
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle);
  expect(outline, 'the focus is visible').not.toBe('none');
  await page.keyboard.press('Enter');
  await expect(status(page)).toContainText('Not connected');
});
