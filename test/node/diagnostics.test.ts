// What looks at the network inside, through whole engines over real UDP sockets on loopback.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { derivePublicKey, generatePrivateKey, Tunnel, type TunnelError } from '../../src/node/index.ts';
import { freeUdpPort } from '../support/free-port.ts';
import { openTunnelPair, type TunnelPair } from '../support/tunnel-pair.ts';

let us: Tunnel;
let them: Tunnel;

let pair: TunnelPair;

beforeAll(async () => {
  pair = await openTunnelPair();
  ({ us, them } = pair);
});

afterAll(() => pair.close());

async function all<T>(results: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const result of results) list.push(result);
  return list;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: TunnelError) => error.code ?? error.name,
  );
}

for (const [family, host, absent, header] of [
  ['IPv4', '10.8.0.2', '10.8.0.9', 20],
  ['IPv6', 'fd08::2', 'fd08::9', 40],
] as const)
  describe(`over ${family}`, () => {
    it('a ping says what came back and whether it is what was sent', async () => {
      const [reply] = await all(
        us.ping(host, { count: 1, size: 999, tos: 0x20, ttl: 9, pattern: Uint8Array.of(1, 2, 3) }),
      );
      expect(reply).toMatchObject({ ok: true, from: host, bytes: 999, duplicate: false, intact: true });
    });

    it('a ping that must not be fragmented fits the tunnel or is refused', async () => {
      const most = 1420 - header - 8;
      const [reply] = await all(us.ping(host, { count: 1, size: most, dontFragment: true }));
      expect(reply).toMatchObject({ ok: true, bytes: most });
      expect(await codeOf(all(us.ping(host, { count: 1, size: most + 1, dontFragment: true })))).toBe(
        'ERR_MESSAGE_TOO_LONG',
      );
      const [large] = await all(us.ping(host, { count: 1, size: most + 1 }));
      expect(large).toMatchObject({ ok: true, bytes: most + 1 });
    });

    for (const method of ['icmp', 'udp'] as const)
      it(`a trace by ${method} has one hop`, async () => {
        const hops = await all(us.traceroute(host, { method }));
        expect(hops).toMatchObject([{ hop: 1, addresses: [host], lost: 0, reached: true }]);
        expect(hops[0]!.rtts).toHaveLength(3);
      });

    it('the path carries what the tunnel does', async () => {
      expect(await us.pathMtu(host)).toBe(1420);
    });

    it('ports are open, closed, or silent', async () => {
      const server = new them.TCPServerSocket('::', { localPort: 8080 });
      await server.opened;
      expect(await us.checkPort(host, 8080)).toBe('open');
      expect(await us.checkPort(host, 8081)).toBe('closed');
      expect(await us.checkPort(absent, 8080, { timeout: 100 })).toBe('filtered');
      await server.close();
    });

    it('one’s own host is asked, too', async () => {
      const own = family === 'IPv4' ? '10.8.0.1' : 'fd08::1';
      expect(await us.checkPort(own, 8080)).toBe('closed');
      expect(await us.pathMtu(own)).toBe(65_535);
      expect(await all(us.traceroute(own, { probes: 1 }))).toMatchObject([{ hop: 1, reached: true }]);
    });
  });

it('a signal ends each of them', async () => {
  const reason = new Error('enough');
  const endless = [
    (signal: AbortSignal) => us.pathMtu('10.8.0.9', { signal }),
    (signal: AbortSignal) => us.checkPort('10.8.0.9', 80, { signal, timeout: 60_000 }),
    (signal: AbortSignal) => all(us.traceroute('10.8.0.9', { signal, timeout: 60_000 })),
  ];
  for (const start of endless) {
    const controller = new AbortController();
    const promise = start(controller.signal);
    controller.abort(reason);
    await expect(promise).rejects.toBe(reason);
    await expect(start(AbortSignal.abort(reason))).rejects.toBe(reason);
  }
});

it('mistakes and missing routes are told', async () => {
  expect(await codeOf(us.pathMtu('192.0.2.1'))).toBe('ERR_NO_ROUTE');
  expect(await codeOf(us.checkPort('192.0.2.1', 80))).toBe('ERR_NO_ROUTE');
  expect(await codeOf(all(us.traceroute('192.0.2.1')))).toBe('ERR_NO_ROUTE');
  expect(await codeOf(us.checkPort('10.8.0.2', 0))).toBe('TypeError');
  expect(await codeOf(us.checkPort('10.8.0.2', undefined as unknown as number))).toBe('TypeError');
  expect(() => us.traceroute('10.8.0.2', { method: 'tcp' as 'udp' })).not.toThrow();
  expect(await codeOf(all(us.traceroute('10.8.0.2', { method: 'tcp' as 'udp' })))).toBe('TypeError');
  expect(await codeOf(all(us.traceroute('10.8.0.2', { probes: 11 })))).toBe('TypeError');
  expect(await codeOf(all(us.ping('10.8.0.2', { pattern: new Uint8Array(0) })))).toBe('TypeError');
});

it('a tunnel that closes ends what is under way', async () => {
  const port = await freeUdpPort();
  const tunnel = await Tunnel.open(`[Interface]
PrivateKey = ${generatePrivateKey()}
Address = 10.9.0.1/24
[Peer]
PublicKey = ${derivePublicKey(generatePrivateKey())}
AllowedIPs = 10.9.0.0/24
Endpoint = 127.0.0.1:${port}`);
  const started = [
    codeOf(tunnel.pathMtu('10.9.0.2')),
    codeOf(tunnel.checkPort('10.9.0.2', 80)),
    codeOf(all(tunnel.traceroute('10.9.0.2', { timeout: 60_000 }))),
  ];
  await new Promise((resolve) => setImmediate(resolve));
  await tunnel.close({ timeout: 0 });
  expect(await Promise.all(started)).toEqual(['ERR_CLOSED', 'ERR_CLOSED', 'ERR_CLOSED']);
});
