import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { connected, expect, test } from '../support/console-test.ts';
import { PageServer } from '../support/page-server.ts';
import { openTerminal, terminal, trust } from '../support/terminal-page.ts';

const FOLDER = join(import.meta.dirname, '../../dist/console');
const LIMIT = 150_000;
const DEAD_KEY = 'KIRWTl8xrTVZXCKwBRW8qZ9ubKpg3nlX2K4Rkz4nAGc=';

test('all that a first visit loads is under 150 kB, brotli', async ({ page }) => {
  const site = await PageServer.start(FOLDER, () => []);
  const paths = new Set<string>();
  page.context().on('response', (response) => {
    const url = new URL(response.url());
    if (url.origin === site.origin && response.ok())
      paths.add(url.pathname === '/' ? '/index.html' : url.pathname);
  });
  try {
    await page.goto(`${site.origin}/`);
    // Connecting loads worker and WASM; the relay need not exist for that.
    await page
      .getByRole('textbox', { name: 'WireGuard configuration' })
      .fill(
        `[Interface]\nPrivateKey = ${DEAD_KEY}\nAddress = 10.0.0.2/32\n[Peer]\nPublicKey = ${DEAD_KEY}\nEndpoint = 192.0.2.1:51820\nAllowedIPs = 10.0.0.0/24\n`,
      );
    await page.getByLabel('Relay', { exact: true }).fill(`${site.origin.replace('http', 'ws')}/v1`);
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await expect.poll(() => [...paths].filter((path) => path.endsWith('.wasm')).length).toBe(1);
  } finally {
    await site.stop();
  }
  const sizes = [...paths].map((path) => ({ path, bytes: compressedSize(join(FOLDER, path)) }));
  for (const kind of ['.html', '.js', '.css', '.wasm'])
    expect(
      sizes.some(({ path }) => path.endsWith(kind)),
      `a ${kind} file was loaded`,
    ).toBe(true);
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(total, JSON.stringify(sizes)).toBeLessThan(LIMIT);
});

test.describe('of a page that nothing is kept for,', () => {
  test.use({ serviceWorkers: 'block' });

  test('a terminal loads less than 260 kB more, brotli', async ({ console: page }) => {
    await connected(page);
    await terminal(page).waitFor();
    await page.waitForLoadState('networkidle');
    const paths = new Set<string>();
    page.context().on('response', (response) => paths.add(new URL(response.url()).pathname));
    await openTerminal(page, { host: '10.86.0.1', user: 'guest' });
    await trust(page);
    await expect(page.getByRole('tabpanel')).toContainText('guest@demo:~$');
    const sizes = [...paths].map((path) => ({ path, bytes: compressedSize(join(FOLDER, path)) }));
    const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
    console.log(`a terminal: ${paths.size} files, ${total} bytes`);
    for (const kind of ['.js', '.css'])
      expect(
        sizes.some(({ path }) => path.endsWith(kind)),
        `a ${kind} file was loaded`,
      ).toBe(true);
    expect(total, 'ssh2 and xterm.js are among it').toBeGreaterThan(200_000);
    expect(total, JSON.stringify(sizes)).toBeLessThan(260_000);
  });
});

function compressedSize(file: string): number {
  return brotliCompressSync(readFileSync(file), {
    params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY },
  }).length;
}
