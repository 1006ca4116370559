// The proxies of relay/deploy, unmodified programs of Debian's, between clients and two relays.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createRelay, type LogEntry } from '../../src/relay-host/index.ts';
import { data, FakeEndpoint, initiation } from '../relay/fake-endpoint.ts';
import { RelayClient } from '../relay/relay-client.ts';
import { run, until } from '../support/child-process.ts';
import { DeployProxy, type ProxyName } from '../support/deploy-proxy.ts';
import { expect, test } from '../support/interop-test.ts';

/** Not the proxy's, which is 127.0.0.1 for the relays. */
const CLIENT = '127.0.0.2';
const ORIGIN = 'https://relay.example.com';

/** Two relays, an endpoint that both may reach, and a proxy before them. */
async function bring(name: ProxyName) {
  const peer = await FakeEndpoint.open();
  const log: LogEntry[][] = [[], []];
  const relays = log.map((entries) =>
    createRelay({
      listen: '127.0.0.1:0',
      allow: [`127.0.0.1:${peer.port}`],
      origins: [ORIGIN],
      trustedProxies: ['127.0.0.1'],
      limits: { stopTimeout: 200 },
      log: (entry) => entries.push(entry),
    }),
  );
  const ports = await Promise.all(relays.map(async (relay) => (await relay.listen()).port));
  const proxy = await DeployProxy.start(name, [ports[0]!, ports[1]!]);
  const down = async (): Promise<void> => {
    await proxy.stop();
    for (const relay of relays) await relay.close();
    await peer.close();
  };
  const status = async (path: string): Promise<number> => {
    const url = proxy.url.replace(/^ws/, 'http').replace('/v1', path);
    return Number(
      await run('curl', ['-sk', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', url]).catch(() => 0),
    );
  };
  try {
    await until(`${name} serves`, async () => (await status('/v1')) === 403);
    return { peer, relays, log, proxy, status, down };
  } catch (error) {
    await down();
    throw new Error(`${(error as Error).message}\n${proxy.output}`);
  }
}

/** It believes the proxy's certificate, and no other. */
async function connect(
  { url, root }: DeployProxy,
  affinity: string,
  headers: Record<string, string> = {},
): Promise<RelayClient> {
  const options = { origin: ORIGIN, ca: root, headers, localAddress: CLIENT };
  return RelayClient.connect(`${url}?r=${affinity}`, options);
}

for (const name of ['nginx', 'haproxy', 'caddy'] as const)
  test(`${name} carries a handshake and data, one tunnel to one relay, and tells who the client is @core`, async ({
    interopWorks: _,
  }) => {
    const { peer, log, proxy, status, down } = await bring(name);
    const clients: RelayClient[] = [];
    try {
      const client = await connect(proxy, '0000002a', { 'X-Forwarded-For': '198.51.100.7' });
      clients.push(client);
      client.send([0, client.open(1, peer.port)], [1, initiation(77)]);
      await until('the response', () => client.datagrams.length === 1);
      client.send(...Array.from({ length: 20 }, (_unused, i) => [1, data(peer.index, 1000 + i)] as const));
      await until('the echoes', () => client.datagrams.length === 21);
      expect(
        client.datagrams
          .map(({ body }) => body.length)
          .sort((a, b) => a - b)
          .at(-1),
      ).toBe(1019);

      // A tunnel that comes again comes to the same relay; others are spread.
      for (let i = 0; i < 5; i++) clients.push(await connect(proxy, '0000002a'));
      const sessions = () => log.map((entries) => entries.filter(({ event }) => event === 'accept'));
      const [one, two] = sessions();
      expect([one!.length, two!.length].sort()).toEqual([0, 6]);
      for (let i = 0; i < 8; i++) clients.push(await connect(proxy, `${i}abcdef${i}`));
      for (const entries of sessions()) expect(entries.length).toBeGreaterThan(0);
      // What the client said of itself is gone.
      for (const entry of sessions().flat()) expect(entry.client).toBe(CLIENT);

      expect(await status('/readyz')).toBe(404);
      expect(await status('/metrics')).toBe(404);
      expect(await status('/v1?token=secret')).toBe(400);
      expect(proxy.output).not.toContain('secret');
    } finally {
      for (const client of clients) await client.close();
      await down();
    }
  });

test('the systemd unit is one that systemd understands', ({ interopWorks: _ }) => {
  const unit = join(import.meta.dirname, '../../relay/deploy/tabwire-relay@.service');
  const { status, stderr, error } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
  test.skip(error !== undefined && !process.env.CI, 'skipped: systemd-analyze is not here');
  expect(error).toBeUndefined();
  const complaints = stderr.split('\n').filter((line) => line !== '' && !/node is not executable/.test(line));
  expect(complaints).toEqual([]);
  expect(status === 0 || stderr.includes('node is not executable')).toBe(true);
});
