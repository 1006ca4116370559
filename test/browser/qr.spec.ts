import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'uqr';
import { chromiumOptions } from '../support/chromium.ts';
import { editor, expect, region, status, test } from '../support/console-test.ts';

const KEY = 'KIRWTl8xrTVZXCKwBRW8qZ9ubKpg3nlX2K4Rkz4nAGc=';
const SEEN = `[Interface]
PrivateKey = ${KEY}
Address = 10.0.0.2/32
[Peer]
PublicKey = ${KEY.replace('K', 'C')}
Endpoint = vpn.example.com:51820
AllowedIPs = 10.0.0.0/24
`;

/** A film of one picture, as Chromium's fake camera plays it: a QR code on grey. */
function filmOf(text: string): string {
  const side = 720;
  const { data, size } = encode(text, { ecc: 'L', border: 4 });
  const scale = Math.floor((side * 0.9) / size);
  const offset = Math.floor((side - size * scale) / 2);
  const luma = Buffer.alloc(side * side, 190);
  data.forEach((row, y) => {
    row.forEach((isDark, x) => {
      for (let line = 0; line < scale; line++) {
        const at = (offset + y * scale + line) * side + offset + x * scale;
        luma.fill(isDark ? 20 : 235, at, at + scale);
      }
    });
  });
  const frame = Buffer.concat([Buffer.from('FRAME\n'), luma, Buffer.alloc((side * side) / 2, 128)]);
  const file = join(mkdtempSync(join(tmpdir(), 'tabwire-film-')), 'code.y4m');
  const head = Buffer.from(`YUV4MPEG2 W${side} H${side} F10:1 Ip A1:1 C420jpeg\n`);
  writeFileSync(file, Buffer.concat([head, frame, frame]));
  return file;
}

test.use({
  launchOptions: {
    ...chromiumOptions,
    args: [
      ...chromiumOptions.args!,
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      `--use-file-for-fake-video-capture=${filmOf(SEEN)}`,
    ],
  },
});

test('a code before the camera goes into the editor, and nothing connects', async ({ console: page }) => {
  await page.getByRole('button', { name: 'Scan QR' }).click();
  await expect(editor(page)).toHaveValue(SEEN);
  await expect(region(page, 'Scan a QR code')).toHaveCount(0);
  await expect(status(page)).toContainText('Not connected');
  const live = await page.evaluate(() => document.querySelectorAll('video').length);
  expect(live, 'the camera is off').toBe(0);
});

test('a code that this page shows is read again as a picture', async ({ console: page }) => {
  await editor(page).fill(SEEN);
  await page.getByText('Share, move or export it').click();
  await page.getByRole('button', { name: 'Show QR code' }).click();
  const code = page.getByRole('img', { name: 'QR code of the configuration' });
  const picture = await code.screenshot();
  await editor(page).fill('');
  const files = page.locator('input[type=file]');
  await files.setInputFiles({ name: 'code.png', mimeType: 'image/png', buffer: picture });
  await expect(editor(page)).toHaveValue(SEEN);
  await files.setInputFiles({ name: 'none.png', mimeType: 'image/png', buffer: await page.screenshot() });
  await expect(page.getByRole('alert').filter({ hasText: 'no QR code to be read' })).toBeVisible();
});
