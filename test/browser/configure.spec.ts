import { expect, openTunnel, test } from '../support/browser-test.ts';

test('a running tunnel takes another configuration through the worker', async ({ page, demo }) => {
  await openTunnel(page, demo);
  const seen = await page.evaluate(
    async ([config, host]) => {
      const { tunnel, tabwire } = window;
      const answers = async () =>
        (await window.page.pings(tunnel, host, { count: 2, interval: 10 })).every(({ ok }) => ok);
      const stranger = `[Peer]\nPublicKey = ${tabwire.derivePublicKey(tabwire.generatePrivateKey())}\nPresharedKey = ${tabwire.generatePresharedKey()}\nAllowedIPs = 10.200.0.0/16\n`;
      const before = (await tunnel.status()).peers[0]!.latestHandshake!.getTime();
      const added = await tunnel.configure(`${config}\n${stranger}`);
      const small = await tunnel.configure(config.replace(/MTU = \d+/, 'MTU = 1280'));
      const worked = await answers();
      const refused = await tunnel.configure(`${config}\nEndpoint = x`).catch((error: Error) => error);
      const after = (await tunnel.status()).peers[0]!.latestHandshake!.getTime();
      const key = await tabwire.generateKeyPair({ extractable: false });
      const rekeyed = await tunnel.configure(config, { privateKey: key.privateKey });
      const { publicKey } = await tunnel.status();
      return {
        added: added.peers,
        removed: small.peers.removed.length,
        resets: small.resets.map(({ change, resets }) => [change, resets]),
        worked,
        refused: refused instanceof tabwire.ConfigError && refused.key,
        sameSession: before === after,
        rekeyed: rekeyed.resets.map(({ change, resets, count }) => [change, resets, count]),
        isNewKey: publicKey === key.publicKey,
      };
    },
    [demo.config, demo.peer4] as const,
  );
  expect(seen).toMatchObject({
    added: { removed: [], changed: [] },
    removed: 1,
    resets: [['mtu', 'nothing']],
    worked: true,
    refused: 'Endpoint',
    sameSession: true,
    // The MTU goes back, too.
    rekeyed: [
      ['privateKey', 'sessions', 1],
      ['mtu', 'nothing', 0],
    ],
    isNewKey: true,
  });
  expect(seen.added.added).toHaveLength(1);
});
