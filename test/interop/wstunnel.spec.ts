// Through a wstunnel server. Firefox now and then forgets to take a message off `bufferedAmount`.
import { expect, test } from '../support/interop-test.ts';
import { PageServer } from '../support/page-server.ts';
import { INNER } from '../support/real-peer.ts';
import { WstunnelServer } from '../transport/wstunnel-server.ts';

const MIB = 1024 * 1024;

test('twelve uploads in a row arrive whole through a wstunnel server, and nothing is left waiting', async ({
  page,
  startLab,
}) => {
  test.setTimeout(180_000);
  const lab = await startLab({ services: true });
  const server = await WstunnelServer.start();
  const url = `ws://127.0.0.1:${server.port}`;
  const site = await PageServer.start('dist/harness', () => [url]);
  try {
    await page.goto(`${site.origin}/`);
    await expect(page).toHaveTitle('ready');
    await page.evaluate(
      async ([config, relay]) => {
        window.tunnel = await window.tabwire.Tunnel.open(config, { relay });
        await window.tunnel.ready;
      },
      [lab.config, `wstunnel+${url}`] as const,
    );
    const upload = ([host, size]: readonly [string, number]) =>
      window.page.upload(window.tunnel, host, 9, size);
    const millis: number[] = [];
    for (let i = 0; i < 12; i++) {
      const begun = Date.now();
      const { sent, arrived } = await page.evaluate(upload, [INNER.peer4, 16 * MIB] as const);
      expect(arrived).toBe(sent);
      millis.push(Date.now() - begun);
    }
    test.info().annotations.push({ type: 'measured', description: millis.join(' ') });
    console.log(`twelve uploads of 16 MiB: ${millis.join(' ')} ms`);
    const queued = () => page.evaluate(async () => (await window.tunnel.status()).transport.queued);
    await expect.poll(queued).toBe(0);
  } finally {
    await site.stop();
    await server.stop();
  }
});
