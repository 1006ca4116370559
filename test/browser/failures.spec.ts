import { join } from 'node:path';
import { expect, openTunnel, test } from '../support/browser-test.ts';
import { freeTcpPort, freeUdpPort } from '../support/free-port.ts';
import { PageServer } from '../support/page-server.ts';
import { RelayProcess } from '../support/relay-process.ts';

test('a relay that is not there rejects ready, and coming up later is enough', async ({ page, demo }) => {
  const port = await freeTcpPort();
  const failure = await page.evaluate(
    async ([config, relay]) => {
      window.tunnel = await window.tabwire.Tunnel.open(config, { relay });
      return window.page.failure(window.tunnel.ready);
    },
    [demo.config, `ws://127.0.0.1:${port}/v1`] as const,
  );
  expect(failure).toMatchObject({
    name: 'TunnelError',
    code: 'ERR_RELAY_UNREACHABLE',
    leg: 'relay',
    retryable: true,
  });
  const state = await page.evaluate(async () => (await window.tunnel.status()).transport.state);
  expect(['waiting', 'connecting']).toContain(state);
  const relay = await RelayProcess.start({ allow: [demo.endpoint], origins: [demo.site.origin], port });
  try {
    await page.evaluate(() => window.tunnel.ready);
  } finally {
    await relay.stop();
  }
});

test('an endpoint that the relay does not allow says so', async ({ page, demo }) => {
  const failure = await page.evaluate(
    async ([config, relay]) => {
      window.tunnel = await window.tabwire.Tunnel.open(config, { relay });
      return window.page.failure(window.tunnel.ready);
    },
    [
      demo.config.replace(/^Endpoint = .*$/m, `Endpoint = 127.0.0.1:${await freeUdpPort()}`),
      demo.relay.url,
    ] as const,
  );
  expect(failure).toMatchObject({ name: 'TunnelError', code: 'ERR_RELAY_DESTINATION' });
});

test('a page from another origin is refused by the relay', async ({ page, demo }) => {
  const elsewhere = await PageServer.start(join(import.meta.dirname, '../../dist/harness'), () => [
    'ws://127.0.0.1:*',
  ]);
  try {
    await page.goto(`${elsewhere.origin}/`);
    await expect(page).toHaveTitle('ready');
    const failure = await page.evaluate(
      async ([config, relay]) => {
        const tunnel = await window.tabwire.Tunnel.open(config, { relay });
        return window.page.failure(tunnel.ready);
      },
      [demo.config, demo.relay.url] as const,
    );
    // Browsers hide why an upgrade failed: the page cannot tell a refusal from nobody there.
    expect(['ERR_RELAY_UNREACHABLE', 'ERR_RELAY_ORIGIN']).toContain(failure.code);
  } finally {
    await elsewhere.stop();
  }
});

test('silence is told after the third try, and the tries go on', async ({ page, demo }) => {
  const failure = await page.evaluate(
    async ([config, relay]) => {
      const stranger = window.tabwire.generatePrivateKey();
      window.tunnel = await window.tabwire.Tunnel.open(
        config.replace(/^PrivateKey = .*$/m, `PrivateKey = ${stranger}`),
        { relay },
      );
      return window.page.failure(window.tunnel.ready, 20_000);
    },
    [demo.config, demo.relay.url] as const,
  );
  expect(failure).toMatchObject({
    name: 'TunnelError',
    code: 'ERR_HANDSHAKE_TIMEOUT',
    leg: 'peer',
    retryable: true,
  });
  const peer = await page.evaluate(async () => (await window.tunnel.status()).peers[0]!);
  expect(peer.latestHandshake).toBeUndefined();
  expect(peer.handshakeAttempts).toBeGreaterThanOrEqual(3);
});

test('a preshared key that only one side has is told from silence', async ({ page, demo }) => {
  const failure = await page.evaluate(
    async ([config, relay]) => {
      const tunnel = await window.tabwire.Tunnel.open(
        config.replace('[Peer]\n', `[Peer]\nPresharedKey = ${window.tabwire.generatePresharedKey()}\n`),
        { relay },
      );
      return window.page.failure(tunnel.ready);
    },
    [demo.config, demo.relay.url] as const,
  );
  expect(failure).toMatchObject({ name: 'TunnelError', code: 'ERR_PSK_MISMATCH', leg: 'peer' });
});

test('sockets fail as Direct Sockets prescribes, with our code as the cause', async ({ page, demo }) => {
  await openTunnel(page, demo);
  const seen = await page.evaluate(async (host) => {
    const { failure } = window.page;
    const tcp = (address: string, port: number, options?: { timeout: number }) =>
      failure(new window.tunnel.TCPSocket(address, port, options).opened);
    const socket = new window.tunnel.TCPSocket(host, 4);
    return {
      refused: await failure(socket.opened),
      closed: await failure(socket.closed),
      noRoute: await tcp('203.0.113.1', 80),
      timeout: await tcp('10.86.77.77', 80, { timeout: 300 }),
      name: await tcp('db.internal', 80),
    };
  }, demo.peer4);
  expect(seen.refused).toMatchObject({
    name: 'NetworkError',
    cause: { name: 'TunnelError', code: 'ERR_CONNECTION_REFUSED', leg: 'inside' },
  });
  expect(seen.closed).toMatchObject({ name: 'NetworkError' });
  expect(seen.noRoute).toMatchObject({ name: 'NetworkError', cause: { code: 'ERR_NO_ROUTE' } });
  expect(seen.timeout.cause?.code).toMatch(/^ERR_(TIMEOUT|HOST_UNREACHABLE)$/);
  expect(seen.name).toMatchObject({ name: 'NetworkError', cause: { code: 'ERR_NAME_NOT_RESOLVED' } });
});

test('a mistake that only the engine finds is a NetworkError, with the mistake as its cause', async ({
  page,
  demo,
}) => {
  await openTunnel(page, demo);
  const seen = await page.evaluate(async (host) => {
    const { failure } = window.page;
    const { UDPSocket } = window.tunnel;
    const { writable } = await new UDPSocket({ localAddress: '0.0.0.0' }).opened;
    const message = { data: new Uint8Array(1), remoteAddress: host, remotePort: 0 };
    return {
      opened: await failure(new UDPSocket({ remoteAddress: host, remotePort: 0 }).opened),
      written: await failure(writable.getWriter().write(message)),
    };
  }, demo.peer4);
  const mistake = (message: string) => ({
    name: 'NetworkError',
    message,
    cause: { name: 'RangeError', message },
  });
  expect(seen.opened).toEqual(mistake('remote.port: expected 1–65535, got 0'));
  expect(seen.written).toEqual(mistake('to.port: expected 1–65535, got 0'));
});

test('a worker that dies rejects all that was waiting for it', async ({ page, demo }) => {
  await openTunnel(page, demo);
  const waiting = page.evaluate(async (host) => {
    const { failure } = window.page;
    const socket = new window.tunnel.TCPSocket(host, 7);
    const { readable } = await socket.opened;
    const ping = window.page.pings(window.tunnel, '10.86.77.77', { count: 1, timeout: 20_000 });
    document.title = 'waiting';
    const [read, pinged, closed] = await Promise.all([
      failure(readable.getReader().read()),
      failure(ping),
      failure(socket.closed),
    ]);
    return { read, pinged, closed, status: await failure(window.tunnel.status()) };
  }, demo.peer4);
  await expect(page).toHaveTitle('waiting');
  await page.workers()[0]!.evaluate(() => {
    setTimeout(() => {
      throw new Error('the engine broke');
    });
  });
  const seen = await waiting;
  expect(seen.read).toMatchObject({ name: 'NetworkError', cause: { code: 'ERR_WORKER' } });
  expect(seen.closed).toMatchObject({ name: 'NetworkError', cause: { code: 'ERR_WORKER' } });
  expect(seen.pinged).toMatchObject({ name: 'TunnelError', code: 'ERR_WORKER' });
  expect(seen.status).toMatchObject({ name: 'TunnelError', code: 'ERR_WORKER' });
});

test('a worker or a WASM file that is not there rejects open', async ({ page, demo }) => {
  const seen = await page.evaluate(
    async ([config, relay]) => {
      const open = (assets: { worker?: string; wasm?: string }) =>
        window.page.failure(window.tabwire.Tunnel.open(config, { relay, assets }));
      return { worker: await open({ worker: '/no.js' }), wasm: await open({ wasm: '/no.wasm' }) };
    },
    [demo.config, demo.relay.url] as const,
  );
  expect(seen.worker).toMatchObject({ name: 'TunnelError', code: 'ERR_WORKER' });
  expect(seen.wasm.name).toBe('TunnelError');
});

test('open refuses a configuration that it cannot use, with one sentence', async ({ page, demo }) => {
  const seen = await page.evaluate(
    async ([config, relay]) => {
      const open = (text: string, options: object = { relay }) =>
        window.page.failure(window.tabwire.Tunnel.open(text, options));
      return {
        syntax: await open('[Interface'),
        noKey: await open(config.replace(/^PrivateKey.*\n/m, '')),
        noAddress: await open(config.replace(/^Address.*\n/m, '')),
        noRelay: await open(config, {}),
        badRelay: await open(config, { relay: 'https://example.com' }),
      };
    },
    [demo.config, demo.relay.url] as const,
  );
  for (const [which, failure] of Object.entries(seen)) {
    expect(failure.code ?? failure.name, which).toMatch(/^(ERR_CONFIG|ConfigError|ERR_UNSUPPORTED)$/);
    expect(failure.message, which).not.toContain(demo.keys.privateKey);
    expect(failure.message.length, which).toBeGreaterThan(10);
  }
});
