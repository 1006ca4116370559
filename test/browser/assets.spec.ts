// `assets` of Tunnel.open. (What is not there: failures.spec.ts; worker and WASM of another origin: package.spec.ts.)
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '../support/browser-test.ts';

const files = join(import.meta.dirname, '../../dist/harness/assets');

test('a WASM file that lies elsewhere is fetched from there, and from nowhere else', async ({
  page,
  demo,
}) => {
  const name = readdirSync(files).find((file) => file.endsWith('.wasm'))!;
  const fetched: string[] = [];
  page.context().on('request', (request) => {
    const { pathname, search } = new URL(request.url());
    if (pathname.endsWith('.wasm')) fetched.push(pathname + search);
  });
  const wasm = `/assets/${name}?elsewhere`;
  const answered = await page.evaluate(
    async ([config, relay, wasm, host]) => {
      // Relative to the page, and as a URL object, too.
      for (const url of [wasm, new URL(wasm, location.href)]) {
        const tunnel = await window.tabwire.Tunnel.open(config, { relay, assets: { wasm: url } });
        await tunnel.ready;
        const [reply] = await window.page.pings(tunnel, host, { count: 1 });
        await tunnel.close();
        if (!reply?.ok) return false;
      }
      return true;
    },
    [demo.config, demo.relay.url, wasm, demo.peer4] as const,
  );
  expect(answered).toBe(true);
  expect(fetched).toEqual([wasm, wasm]);
});
