// What the page finds out about the network behind a real peer: routers, a link that is narrower than the tunnel, ports.
import type { Page } from '@playwright/test';
import { startServices } from '../support/inner-programs.ts';
import { test as base, expect } from '../support/interop-test.ts';
import { INNER } from '../support/real-peer.ts';
import { BEHIND, NARROW_MTU, Routers } from '../support/routers.ts';

/** Opens the tunnel to a peer with routers and a host behind it. */
const test = base.extend<{ startNetwork: () => Promise<Routers> }>({
  startNetwork: async ({ page, startLab }, use) => {
    let routers: Routers | undefined;
    await use(async () => {
      const lab = await startLab();
      routers = await Routers.behind(lab.peer);
      await page.evaluate(
        async ([config, relay]) => {
          window.tunnel = await window.tabwire.Tunnel.open(config, { relay });
          await window.tunnel.ready;
        },
        [`${lab.config.trimEnd()}, ${BEHIND.prefixes}\n`, lab.relay.url] as const,
      );
      return routers;
    });
    await routers?.down();
  },
});

const trace = (page: Page, host: string, method: 'icmp' | 'udp') =>
  page.evaluate(
    async ([host, method]) => {
      const hops = [];
      for await (const hop of window.tunnel.traceroute(host, { method, timeout: 3000 })) hops.push(hop);
      return hops;
    },
    [host, method] as const,
  );

const families = [
  {
    name: 'IPv4',
    way: [INNER.peer4, BEHIND.near4, BEHIND.far4, BEHIND.host4],
    silent: BEHIND.silent4,
    forbidden: BEHIND.forbidden4,
    headers: 28,
  },
  {
    name: 'IPv6',
    way: [INNER.peer6, BEHIND.near6, BEHIND.far6, BEHIND.host6],
    silent: BEHIND.silent6,
    forbidden: BEHIND.forbidden6,
    headers: 48,
  },
] as const;

test('traceroute shows every router on the way, over IPv4 and IPv6, by ICMP and UDP @core', async ({
  page,
  startNetwork,
}) => {
  await startNetwork();
  for (const { way, forbidden } of families)
    for (const method of ['icmp', 'udp'] as const) {
      const hops = await trace(page, way[3], method);
      expect(hops.map(({ hop, addresses, reached }) => ({ hop, addresses, reached }))).toEqual(
        way.map((address, i) => ({ hop: i + 1, addresses: [address], reached: i === 3 })),
      );
      for (const { rtts, lost } of hops) expect([rtts.length, lost]).toEqual([3, 0]);
      const refused = await trace(page, forbidden, method);
      expect(refused.at(-1)).toMatchObject({ addresses: [way[2]], reached: false, reason: 'prohibited' });
    }
});

test('the path MTU is found behind a narrower link, and obeyed by pings @core', async ({
  page,
  startNetwork,
}) => {
  const routers = await startNetwork();
  await startServices(routers.host);
  for (const { way, headers } of families) {
    const [, near, , host] = way;
    expect(await page.evaluate(async (host) => window.tunnel.pathMtu(host), host)).toBe(NARROW_MTU);
    const pings = await page.evaluate(
      async ([host, fits, near]) => {
        const replies = [];
        for (const [to, size, dontFragment] of [
          [host, fits, true],
          [host, fits + 1, true],
          [host, fits + 1, false],
          [host, 8000, false],
          [near, fits + 1, true],
        ] as const) {
          // The host's first answer may be too big for the way back, which it learns by that.
          let last: unknown;
          for await (const reply of window.tunnel.ping(to, { count: 2, size, dontFragment, interval: 100 }))
            if (reply.sequence === 1) last = reply;
          replies.push(last);
        }
        return replies;
      },
      [host, NARROW_MTU - headers, near] as const,
    );
    expect(pings).toMatchObject([
      { ok: true },
      { ok: false, reason: 'too-big', from: near, mtu: NARROW_MTU },
      { ok: true, bytes: NARROW_MTU - headers + 1, intact: true },
      { ok: true, bytes: 8000, intact: true },
      { ok: true },
    ]);
  }
});

test('TCP goes through a narrower link that it did not know of, both ways, without a timeout @core', async ({
  page,
  startNetwork,
}) => {
  const routers = await startNetwork();
  await startServices(routers.host);
  for (const { way } of families) {
    const result = await page.evaluate(async (host) => {
      const socket = new window.tunnel.TCPSocket(host, 7);
      const { readable, writable } = await socket.opened;
      const data = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 7 + (i >> 8)) & 255);
      const [received] = await Promise.all([
        window.page.readAll(readable),
        (async () => {
          const writer = writable.getWriter();
          await writer.write(data);
          await writer.close();
        })(),
      ]);
      const hash = async (bytes: Uint8Array<ArrayBuffer>) =>
        [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].join();
      return { bytes: received.length, isSame: (await hash(received)) === (await hash(data)) };
    }, way[3]);
    expect(result).toEqual({ bytes: 1 << 20, isSame: true });
  }
});

test('ports are open, closed, or filtered in silence or with a word @core', async ({
  page,
  startNetwork,
}) => {
  const routers = await startNetwork();
  await startServices(routers.host);
  const check = (host: string, port: number, timeout: number) =>
    page.evaluate(
      async ([host, port, timeout]) => {
        const startedAt = performance.now();
        const state = await window.tunnel.checkPort(host, port, { timeout });
        return { state, took: performance.now() - startedAt };
      },
      [host, port, timeout] as const,
    );
  for (const { way, silent, forbidden } of families) {
    expect((await check(way[3], 7, 10_000)).state).toBe('open');
    expect((await check(way[3], 8, 10_000)).state).toBe('closed');
    const silence = await check(silent, 80, 300);
    expect(silence.state).toBe('filtered');
    expect(silence.took).toBeGreaterThanOrEqual(299);
    const word = await check(forbidden, 80, 10_000);
    expect(word.state).toBe('filtered');
    expect(word.took).toBeLessThan(5000);
  }
  // The host has no connection left: an open one was reset.
  const sockets = await routers.host.exec('ss', '-Htan', 'sport', '=', ':7');
  expect(sockets.split('\n').filter((line) => line !== '' && !line.startsWith('LISTEN'))).toEqual([]);
});

test('diagnose sees each leg up to a host behind the peer, and which host says nothing', async ({
  page,
  startNetwork,
}) => {
  await startNetwork();
  const diagnose = (host: string) =>
    page.evaluate(async (host) => {
      const legs: string[] = [];
      for await (const { leg, ok } of window.tunnel.diagnose({ host, timeout: 3000 }))
        legs.push(`${leg} ${ok}`);
      return legs;
    }, host);
  const way = ['browser true', 'relay true', 'endpoint true', 'handshake true'];
  for (const { way: hosts, silent } of families) {
    expect(await diagnose(hosts[3])).toEqual([...way, 'inside true']);
    expect(await diagnose(silent)).toEqual([...way, 'inside false']);
  }
});
