import type { Page } from '@playwright/test';
import { expect, openTunnel, test } from '../support/interop-test.ts';
import type { Lab } from '../support/lab.ts';
import { INNER } from '../support/real-peer.ts';

/** Both sides' view, taken when nothing has moved for a second. */
async function quietStatus(page: Page, lab: Lab) {
  let before = await lab.peer.show();
  for (;;) {
    await page.waitForTimeout(1000);
    const theirs = await lab.peer.show();
    if (theirs.rxBytes === before.rxBytes && theirs.txBytes === before.txBytes) {
      const ours = await page.evaluate(async () => {
        const status = await window.tunnel.status();
        const peer = status.peers[0]!;
        return { ...peer, latestHandshake: peer.latestHandshake?.getTime() };
      });
      return { ours, theirs };
    }
    before = theirs;
  }
}

test('wg show on the peer agrees with status() on handshake and byte counts @core', async ({
  page,
  startLab,
}) => {
  // In pieces that no queue on the way is too short for: what the relay must drop, only one side counts.
  const lab = await startLab({ files: [1 << 16] });
  await openTunnel(page, lab);
  await page.evaluate(
    async ([host, path]) => {
      for (let i = 0; i < 17; i++) await window.page.download(window.tunnel, host, path);
    },
    [INNER.peer4, lab.nginx!.files[0]!.path] as const,
  );
  const { ours, theirs } = await quietStatus(page, lab);
  expect(ours.publicKey).toBe(lab.peer.publicKey);
  expect(theirs.publicKey).toBe(lab.keys.publicKey);
  expect(Math.abs(ours.latestHandshake! - theirs.latestHandshake!)).toBeLessThan(2000);
  expect(ours.transferRx).toBeGreaterThan(1 << 20);
  expect({ rx: ours.transferRx, tx: ours.transferTx }).toEqual({ rx: theirs.txBytes, tx: theirs.rxBytes });
  expect(ours.drops).toEqual({});
});

test('a preshared key on both sides works, over inner IPv4 and IPv6 @core', async ({ page, startLab }) => {
  const lab = await startLab({ presharedKey: true });
  await openTunnel(page, lab);
  expect((await lab.peer.show()).hasPresharedKey).toBe(true);
  for (const host of [INNER.peer4, INNER.peer6])
    expect(
      await page.evaluate((host) => window.page.pings(window.tunnel, host, { count: 1 }), host),
    ).toMatchObject([{ ok: true }]);
  const status = await page.evaluate(async () => (await window.tunnel.status()).peers[0]);
  expect(status).toMatchObject({ presharedKey: true });
});

test('a preshared key on one side only is told from silence @core', async ({ page, startLab }) => {
  const lab = await startLab();
  const failure = await page.evaluate(
    async ([config, relay]) => {
      const psk = window.tabwire.generatePresharedKey();
      window.tunnel = await window.tabwire.Tunnel.open(
        config.replace('[Peer]\n', `[Peer]\nPresharedKey = ${psk}\n`),
        { relay },
      );
      return window.page.failure(window.tunnel.ready);
    },
    [lab.config, lab.relay.url] as const,
  );
  expect(failure).toMatchObject({ name: 'TunnelError', code: 'ERR_PSK_MISMATCH', leg: 'peer' });
});

test('an outer IPv6 endpoint works @core', async ({ page, startLab }) => {
  const lab = await startLab({ outerIpv6: true, files: [1 << 20] });
  await openTunnel(page, lab);
  const file = lab.nginx!.files[0]!;
  const got = await page.evaluate(([host, path]) => window.page.download(window.tunnel, host, path), [
    INNER.peer6,
    file.path,
  ] as const);
  expect(got).toMatchObject({ bytes: file.size, sha256: file.sha256 });
  expect((await lab.peer.show()).endpoint).toMatch(/^\[::1\]:/);
});

test("garbage from the peer's side changes drop counters and nothing else @core", async ({
  page,
  startLab,
}) => {
  const lab = await startLab({ proxy: true });
  await openTunnel(page, lab);
  const ping = () =>
    page.evaluate((host) => window.page.pings(window.tunnel, host, { count: 1 }), INNER.peer4);
  expect(await ping()).toMatchObject([{ ok: true }]);
  const status = () =>
    page.evaluate(async () => {
      const { peers, drops, transport } = await window.tunnel.status();
      const { latestHandshake, ...peer } = peers[0]!;
      return {
        peer: { ...peer, latestHandshake: latestHandshake?.getTime() },
        drops,
        state: transport.state,
      };
    });
  const genuine = lab.proxy!.lastFromPeer!;
  expect(genuine[0], 'the last datagram is transport data').toBe(4);
  await page.waitForTimeout(300);
  const before = await status();
  await lab.proxy!.inject(garbage(genuine));
  const count = (drops: Record<string, number>) => Object.values(drops).reduce((sum, n) => sum + n, 0);
  // What is not WireGuard's shape may end at the relay; forged transport data reaches the engine.
  await expect
    .poll(async () => count((await status()).drops.wireguard) + count((await status()).peer.drops))
    .toBeGreaterThanOrEqual(count(before.drops.wireguard) + count(before.peer.drops) + 60);
  const after = await status();
  expect({ ...after.peer, drops: 0 }).toEqual({ ...before.peer, drops: 0 });
  expect(after.state).toBe(before.state);
  expect(after.drops.netstack).toEqual(before.drops.netstack);
  expect(await ping()).toMatchObject([{ ok: true }]);
});

/** Replays, forgeries for a live receiver index, and noise. */
function garbage(genuine: Buffer): Buffer[] {
  const forged = (flip: number): Buffer => {
    const copy = Buffer.from(genuine);
    copy.writeBigUInt64LE(copy.readBigUInt64LE(8) + BigInt(flip) + 1n, 8);
    copy[16 + (flip % (copy.length - 16))]! ^= 1 << (flip % 8);
    return copy;
  };
  const forgeries = Array.from({ length: 60 }, (_, i) => forged(i));
  const replays = Array.from({ length: 10 }, () => genuine);
  const noise = Array.from({ length: 20 }, (_, i) => Buffer.alloc(i * 37, i + 1));
  return [...forgeries, ...replays, ...noise];
}

test('a wrong key is met with silence, and status() shows the tries', async ({ page, startLab }) => {
  const lab = await startLab();
  await page.evaluate(
    async ([config, relay]) => {
      const stranger = window.tabwire.generatePrivateKey();
      window.tunnel = await window.tabwire.Tunnel.open(
        config.replace(/^PrivateKey = .*$/m, `PrivateKey = ${stranger}`),
        { relay },
      );
    },
    [lab.config, lab.relay.url] as const,
  );
  const attempts = () =>
    page.evaluate(async () => (await window.tunnel.status()).peers[0]!.handshakeAttempts);
  // The second try is due 5 s after the first, with up to a third of a second of jitter.
  await expect.poll(attempts, { timeout: 8000 }).toBeGreaterThanOrEqual(2);
  const peer = await page.evaluate(async () => (await window.tunnel.status()).peers[0]!);
  expect(peer).toMatchObject({ latestHandshake: undefined, transferRx: 0 });
  expect((await lab.peer.show()).latestHandshake).toBeUndefined();
});

test('a reloaded page is back in the tunnel at once @core', async ({ page, startLab }) => {
  const lab = await startLab();
  await openTunnel(page, lab);
  const first = (await lab.peer.show()).endpoint;
  await page.reload();
  await expect(page).toHaveTitle('ready');
  const started = Date.now();
  await openTunnel(page, lab);
  // The peer ignores a handshake whose timestamp is not later than the last one's (WG §5.1), and the second try
  // comes five seconds after the first.
  expect(Date.now() - started).toBeLessThan(4500);
  const replies = await page.evaluate(
    (host) => window.page.pings(window.tunnel, host, { count: 1 }),
    INNER.peer4,
  );
  expect(replies).toMatchObject([{ ok: true }]);
  expect((await lab.peer.show()).endpoint).not.toBe(first);
});
