import { expect, openTunnel, test } from '../support/interop-test.ts';
import { INNER } from '../support/real-peer.ts';

test('a connection outlives the rekey at two minutes, and no ping is lost by it', async ({
  page,
  startLab,
}) => {
  test.setTimeout(180_000);
  const lab = await startLab();
  await openTunnel(page, lab);
  const handshakes = () =>
    page.evaluate(async () => (await window.tunnel.status()).peers[0]!.latestHandshake!.getTime());
  const first = await handshakes();
  const replies = await page.evaluate(
    (host) => window.page.pings(window.tunnel, host, { count: 650, interval: 200 }),
    INNER.peer4,
  );
  const lost = replies.filter(({ ok }) => !ok);
  expect(lost).toEqual([]);
  expect((await handshakes()) - first).toBeGreaterThan(119_000);
  const { drops, peers } = await page.evaluate(() => window.tunnel.status());
  expect(drops.wireguard).toEqual({});
  const theirs = await lab.peer.show();
  expect(Math.abs(theirs.latestHandshake! - peers[0]!.latestHandshake!.getTime())).toBeLessThan(2000);
});
