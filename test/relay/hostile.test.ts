// Clients and endpoints that mean harm, over loopback. Each case names what must hold.
import { createSocket, Socket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CHANNEL_DENIED,
  CHANNEL_TOO_MANY,
  CHANNEL_UNKNOWN,
  CHANNEL_UNRESPONSIVE,
  CLOSE,
  CLOSED,
  EVENT,
  EVENT_BAD_SHAPE,
  EVENT_DROPPED_DOWN,
  EVENT_ENDPOINT_SILENT,
  EVENT_NEED_HANDSHAKE,
  EVENT_RATE_LIMITED,
  EVENT_TOO_BIG,
  EVENT_UNREACHABLE,
  OPENED,
  PING,
  WELCOME,
  writeControl,
} from '../../src/core/wire/relay.ts';
import { createRelay, type LogEntry, type RelayOptions } from '../../src/relay-host/index.ts';
import { memoryInUse } from '../core/netstack/memory/weigh.ts';
import { data, FakeEndpoint, initiation, response } from './fake-endpoint.ts';
import { frame, RawClient, type UpgradeRequest } from './raw-client.ts';
import { RelayClient, settled, until } from './relay-client.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function endpoint(): Promise<FakeEndpoint> {
  const fake = await FakeEndpoint.open();
  cleanups.push(() => fake.close());
  return fake;
}

async function start(options: Partial<RelayOptions> = {}) {
  const log: LogEntry[] = [];
  const relay = createRelay({
    listen: '127.0.0.1:0',
    allow: ['127.0.0.1:51820'],
    allowNoOrigin: true,
    log: (entry) => log.push(entry),
    ...options,
    limits: { upgradesPerSecond: 1000, stopTimeout: 200, ...options.limits },
  });
  const { url, port } = await relay.listen();
  cleanups.push(() => relay.close());
  return { relay, url, port, log };
}

async function connect(url: string, options?: object): Promise<RelayClient> {
  const client = await RelayClient.connect(url, options);
  cleanups.push(() => client.close());
  return client;
}

async function raw(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port);
  cleanups.push(() => client.socket.destroy());
  return client;
}

/** An upgraded raw connection. */
async function rawUpgraded(port: number): Promise<RawClient> {
  const client = await raw(port);
  client.upgrade();
  await until(() => client.status === 101, 'the upgrade');
  return client;
}

/** Channel 1 is open to a fake endpoint and has done its handshake. */
async function tunnel(options: Partial<RelayOptions> = {}) {
  const peer = await endpoint();
  const started = await start({ allow: [`127.0.0.1:${peer.port}`], ...options });
  const client = await connect(started.url);
  client.send([0, client.open(1, peer.port)], [1, initiation(77)]);
  await until(() => client.datagrams.length === 1, 'the response');
  client.datagrams.length = 0;
  peer.received.length = 0;
  return { ...started, peer, client };
}

describe('HTTP', () => {
  it('who connects and says nothing, or a byte a second, is out within six seconds', async () => {
    const { port, relay } = await start();
    const silent = await raw(port);
    const drip = await raw(port);
    const request = 'GET /v1 HTTP/1.1\r\nHost: 127.0.0.1\r\nX: '.split('');
    const timer = setInterval(() => drip.write(request.shift() ?? 'x'), 250);
    cleanups.push(() => clearInterval(timer));
    await until(() => silent.closedAt !== undefined && drip.closedAt !== undefined, 'both closed', 8000);
    expect(silent.closedAt).toBeLessThan(6500);
    expect(drip.closedAt).toBeLessThan(6500);
    expect(drip.status).toBe(408);
    expect(Object.fromEntries(relay.counters.connectionsRefused)).toEqual({ timeout: 2 });
  });

  it.each<[string, UpgradeRequest, number]>([
    ['9 KB of headers', { headers: { 'X-Large': 'x'.repeat(9000) } }, 431],
    ['POST', { method: 'POST' }, 405],
    ['HTTP/1.0', { version: '1.0' }, 400],
    ['h2c', { headers: { Upgrade: 'h2c' } }, 426],
    ['another path', { path: '/v2' }, 404],
    ['a path with dots', { path: '/v1/../metrics' }, 404],
    ['a path with two slashes', { path: '//v1' }, 404],
    ['a path with an escape', { path: '/%76%31' }, 404],
    ['an absolute URI', { path: 'http://127.0.0.1/v1' }, 404],
    ['a token in the query', { path: '/v1?token=CANARY' }, 400],
    ['an affinity hint and more', { path: '/v1?r=00000000&token=CANARY' }, 400],
    ['a bad affinity hint', { path: '/v1?r=zzzzzzzz' }, 400],
    ['no subprotocol', { headers: { 'Sec-WebSocket-Protocol': undefined } }, 400],
    ['another subprotocol', { headers: { 'Sec-WebSocket-Protocol': 'wgrelay.v9, chat' } }, 400],
    ['the subprotocol twice', { headers: { 'Sec-WebSocket-Protocol': 'wgrelay.v1, wgrelay.v1' } }, 400],
    ['a bad key', { headers: { 'Sec-WebSocket-Key': 'x' } }, 400],
    ['a body', { headers: { 'Content-Length': '5' } }, 400],
    ['a body in chunks', { headers: { 'Transfer-Encoding': 'chunked' } }, 400],
    ['an origin that is null', { headers: { Origin: 'null' } }, 403],
    ['an origin from elsewhere', { headers: { Origin: 'https://evil.example' } }, 403],
    ['the right origin with a tail', { headers: { Origin: 'https://console.example.evil' } }, 403],
    ['the right origin on another port', { headers: { Origin: 'https://console.example:444' } }, 403],
    ['the right origin over http', { headers: { Origin: 'http://console.example' } }, 403],
    ['the right origin', { headers: { Origin: 'https://console.example' } }, 101],
    ['an affinity hint', { path: '/v1?r=0123abcd', headers: { Origin: 'https://console.example' } }, 101],
  ])('%s: %s gets %i', async (_, request, status) => {
    const { port, log } = await start({ origins: ['https://console.example'] });
    const client = await raw(port);
    client.upgrade(request);
    await until(() => client.status !== undefined, 'an answer');
    expect(client.status).toBe(status);
    if (status !== 101) await until(() => client.closedAt !== undefined, 'the end');
    expect(JSON.stringify(log)).not.toContain('CANARY');
  });

  it('a client that speaks TLS to it is told that this is none, and is out', async () => {
    const client = await raw((await start()).port);
    client.socket.write(Buffer.from('16030100f8010000f40303', 'hex'));
    await until(() => client.closedAt !== undefined, 'the end', 2000);
    expect(client.status).toBe(400);
  });

  it('plain requests: 426 for the path, 404 for the rest', async () => {
    const { port } = await start();
    const status = async (path: string, init?: RequestInit) =>
      (await fetch(`http://127.0.0.1:${port}${path}`, init)).status;
    expect(await status('/v1')).toBe(426);
    expect(await status('/v1', { method: 'POST' })).toBe(405);
    for (const path of ['/', '/metrics', '/healthz', '/v1/', '/v1/x']) expect(await status(path)).toBe(404);
  });

  it('200 headers are too many, and none of them is lost on the way to that', async () => {
    const { port, log } = await start({ trustedProxies: ['127.0.0.1'] });
    const client = await raw(port);
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`X-${i}`, 'y']));
    client.upgrade({ headers: { ...many, 'X-Forwarded-For': '192.0.2.7' } });
    await until(() => client.status !== undefined, 'an answer');
    expect(client.status).toBe(431);
    expect(log).toContainEqual(expect.objectContaining({ event: 'reject', client: '192.0.2.7' }));
  });

  it('without listed origins only the relay’s own pages may come, even if a name is rebound to its address', async () => {
    const { port } = await start({ allowNoOrigin: false });
    const status = async (origin: string | undefined) => {
      const client = await raw(port);
      client.upgrade({ headers: { Origin: origin, Host: `evil.example:${port}` } });
      await until(() => client.status !== undefined, 'an answer');
      return client.status;
    };
    for (const host of ['127.0.0.1', 'localhost', '[::1]'])
      expect(await status(`http://${host}:${port}`)).toBe(101);
    expect(await status(undefined)).toBe(403);
    expect(await status(`http://evil.example:${port}`)).toBe(403);
    expect(await status(`http://127.0.0.1:${port + 1}`)).toBe(403);
  });

  it('/v1/check says why, to listed origins only', async () => {
    const { port } = await start({ origins: ['https://console.example'], allowNoOrigin: false });
    const ask = async (origin: string | undefined) => {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/check`, {
        ...(origin !== undefined && { headers: { Origin: origin } }),
      });
      return [answer.headers.get('access-control-allow-origin'), await answer.json()];
    };
    expect(await ask('https://console.example')).toEqual([
      'https://console.example',
      { ok: true, protocols: ['wgrelay.v1'] },
    ]);
    expect(await ask('https://evil.example')).toMatchObject([null, { ok: false, code: 'origin' }]);
    expect(await ask(undefined)).toMatchObject([null, { ok: false, code: 'origin' }]);
  });

  it('connections per address and second, and sessions per address and process, have limits', async () => {
    const { url, relay } = await start({ limits: { sessionsPerClient: 3 } });
    for (let i = 0; i < 3; i++) await connect(url);
    await expect(RelayClient.connect(url)).rejects.toThrow('HTTP 429');

    const small = await start({ limits: { sessions: 2 } });
    for (let i = 0; i < 2; i++) await connect(small.url);
    await expect(RelayClient.connect(small.url)).rejects.toThrow('HTTP 503');

    const rare = await start({ limits: { upgradesPerSecond: 1, upgradeBurst: 2 } });
    for (let i = 0; i < 2; i++) await connect(rare.url);
    await expect(RelayClient.connect(rare.url)).rejects.toThrow('HTTP 429');
    expect(relay.counters.upgrades.get('sessions')).toBe(1);
    expect(small.relay.counters.upgrades.get('full')).toBe(1);
    expect(rare.relay.counters.upgrades.get('rate')).toBe(1);
  });

  it('a client that leaves makes room', async () => {
    const { url, relay } = await start({ limits: { sessionsPerClient: 1 } });
    const first = await connect(url);
    await first.close();
    await until(() => relay.sessions === 0, 'the end of the session');
    await connect(url);
  });
});

describe('WebSocket', () => {
  const cases: [string, Buffer, number][] = [
    ['an unmasked frame', frame('x', { masked: false }), 1002],
    ['a reserved bit, as compression uses it', frame('x', { rsv: 4 }), 1002],
    ['a reserved opcode', frame('x', { opcode: 3 }), 1002],
    ['a fragmented ping', frame('x', { opcode: 9, fin: false }), 1002],
    ['a text frame', frame('hello', { opcode: 1 }), 1003],
    ['text that is not UTF-8', frame(new Uint8Array([0xff]), { opcode: 1 }), 1007],
    ['65,536 bytes', frame(new Uint8Array(65_536)), 1009],
    ['a header of 2^63 bytes', frame('', { length: 2n ** 63n }), 1009],
    ['a header of 2^40 bytes', frame('', { length: 2n ** 40n }), 1009],
    [
      '33 fragments',
      Buffer.concat([
        frame('x', { fin: false }),
        ...Array.from({ length: 33 }, () => frame('x', { opcode: 0, fin: false })),
      ]),
      1008,
    ],
    [
      'empty continuations',
      Buffer.concat([
        frame('', { fin: false }),
        ...Array.from({ length: 100 }, () => frame('', { opcode: 0, fin: false })),
      ]),
      1008,
    ],
    ['a record past the end', frame(new Uint8Array([1, 0, 9])), 4400],
    ['half a record header', frame(new Uint8Array([1, 0])), 4400],
    ['an empty datagram', frame(new Uint8Array([1, 0, 0])), 4400],
    ['65 records', frame(new Uint8Array(Array.from({ length: 65 }, () => [64, 0, 0]).flat())), 4400],
    ['a truncated OPEN', frame(new Uint8Array([0, 0, 3, 1, 1, 0])), 4400],
    ['a truncated PING', frame(new Uint8Array([0, 0, 2, 3, 0])), 4400],
    ['OPEN of channel 0', frame(new Uint8Array([0, 0, 6, 1, 0, 0, 0, 0, 97])), 4400],
    ['OPEN of channel 64', frame(new Uint8Array([0, 0, 6, 1, 64, 0, 0, 0, 97])), 4400],
  ];
  it.each(cases)('%s: closed with the right code, and the relay lives', async (_, bytes, code) => {
    const { port, relay, url } = await start();
    const client = await rawUpgraded(port);
    client.write(bytes);
    await until(() => client.closeCode !== undefined, 'the close frame');
    expect(client.closeCode).toBe(code);
    client.socket.destroy();
    await until(() => relay.sessions === 0, 'the end of the session');
    await connect(url);
  });

  it('an empty message, unknown control types, reserved channels and trailing bytes are ignored', async () => {
    const { relay, client, peer } = await tunnel();
    client.socket.send(Buffer.alloc(0));
    client.send(
      [0, new Uint8Array([0x7f, 1, 2, 3])],
      [0, new Uint8Array([0x06, 1])],
      [0, new Uint8Array([0x81])],
    );
    client.socket.send(Buffer.from([200, 0, 2, 1, 2]));
    client.send([0, new Uint8Array([...writeControl({ type: CLOSE, channel: 9 }), 1, 2, 3])]);
    client.send([1, data(peer.index)]);
    await until(() => client.datagrams.length === 1, 'the echo');
    expect(relay.counters.up.drops.empty_message).toBe(1);
    expect(client.closed).toBeUndefined();
  });

  it('one byte at a time is too many pieces', async () => {
    const { port } = await start();
    const client = await rawUpgraded(port);
    client.socket.setNoDelay(true);
    const bytes = frame(new Uint8Array(1000));
    for (const byte of bytes) {
      if (client.closeCode !== undefined) break;
      client.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => client.closeCode !== undefined, 'the close frame');
    expect(client.closeCode).toBe(1008);
  });

  it('compression is not agreed to', async () => {
    const { url } = await start();
    const client = await connect(url, { perMessageDeflate: true });
    expect(client.socket.extensions).toBe('');
  });

  it('who never answers pings, or stops in the middle of a frame, is terminated after two', async () => {
    const { port, relay } = await start({ limits: { pingInterval: 1000, openTimeout: 60_000 } });
    await rawUpgraded(port);
    const stalled = await rawUpgraded(port);
    stalled.write(frame('', { length: 60_000 }));
    const living = await connect(`ws://127.0.0.1:${port}/v1`);
    await until(() => relay.sessions === 1, 'both terminated', 8000);
    expect(living.closed).toBeUndefined();
  });

  it('a flood of pings is closed with 4429 if answered, and terminated if the pongs are not read', async () => {
    const { url, port, relay } = await start();
    const reading = await connect(url);
    for (let i = 0; i < 30 && reading.closed === undefined; i++) {
      reading.socket.ping();
      await settled(10);
    }
    await until(() => reading.closed !== undefined, 'the close');
    expect(reading.closed!.code).toBe(4429);

    const deaf = await rawUpgraded(port);
    deaf.socket.pause();
    const before = memoryInUse();
    const ping = Buffer.concat(Array.from({ length: 500 }, () => frame('x'.repeat(125), { opcode: 9 })));
    for (let i = 0; i < 20; i++) deaf.write(ping);
    let most = 0;
    const ended = () => {
      most = Math.max(most, memoryInUse());
      return relay.sessions === 0;
    };
    await until(ended, 'the end of the session', 8000);
    expect(most - before).toBeLessThan(10 * 1024 * 1024);
  });

  it.each([
    ['empty messages', frame()],
    ['messages of reserved channels only', frame(new Uint8Array([200, 0, 0]))],
    ['pongs that nobody asked for', frame('', { opcode: 10 })],
  ])('a flood of %s is closed with 4429', async (_, bytes) => {
    const { port, url } = await start();
    const client = await rawUpgraded(port);
    client.write(Buffer.concat(Array.from({ length: 600 }, () => bytes)));
    await until(() => client.closeCode !== undefined, 'the close frame', 2000);
    expect(client.closeCode).toBe(4429);
    await connect(url);
  });

  it('who is closed for a flood is not read any more', async () => {
    const { port } = await start();
    const client = await rawUpgraded(port);
    const flood = Buffer.concat(Array.from({ length: 1000 }, () => frame(new Uint8Array(60_000))));
    client.write(flood);
    await until(() => client.closeCode !== undefined, 'the close frame');
    expect(client.closeCode).toBe(4400);
    await settled(500);
    // Sixty megabytes, of which the kernel holds some.
    expect(client.socket.writableLength).toBeGreaterThan(30e6);
    await until(() => client.closedAt !== undefined, 'the end', 2000);
  });

  it('a close frame that is never answered does not keep the socket', async () => {
    const { port, relay } = await start();
    const client = await rawUpgraded(port);
    client.socket.resume();
    client.write(frame('x', { opcode: 1 }));
    await until(() => client.closeCode === 1003, 'the close frame');
    const before = performance.now();
    await until(() => relay.sessions === 0, 'the end of the session', 8000);
    expect(performance.now() - before).toBeLessThan(6000);
  });

  it('what comes after our close is ignored', async () => {
    const { port, peer } = await tunnel();
    const client = await rawUpgraded(port);
    const text = frame('x', { opcode: 1 });
    const open = writeControl({ type: 1, channel: 1, flags: 0, port: peer.port, host: '127.0.0.1' });
    const message = Buffer.concat([
      Buffer.from([0, 0, open.length]),
      open,
      Buffer.from([1, 0, 148]),
      initiation(5),
    ]);
    client.write(Buffer.concat([text, frame(message), frame(message)]));
    await until(() => client.closeCode === 1003, 'the close frame');
    await settled();
    expect(peer.received).toEqual([]);
  });
});

describe('sessions', () => {
  it('without OPEN: 4408; OPEN alone takes no UDP port and is idle: 4408', async () => {
    const { url, client: _, peer } = await tunnel({ limits: { openTimeout: 900, idleTimeout: 2500 } });
    const mute = await connect(url);
    const opener = await connect(url);
    opener.control(opener.open(1, peer.port));
    await until(() => mute.closed !== undefined, 'the close of the one');
    expect(mute.closed).toEqual({ code: 4408, reason: 'open: no channel was opened' });
    expect(opener.closed).toBeUndefined();
    await until(() => opener.closed !== undefined, 'the close of the other');
    expect(opener.closed!.code).toBe(4408);
    expect(opener.of(OPENED)).toEqual([]);
    expect(peer.received).toEqual([]);
  });

  it('keepalives count as life', async () => {
    const { client, peer } = await tunnel({ limits: { idleTimeout: 1500 } });
    for (let i = 0; i < 10; i++) {
      client.send([1, data(peer.index, 32)]);
      await settled(300);
    }
    expect(client.closed).toBeUndefined();
  });

  it('a session has an end', async () => {
    const { client, peer } = await tunnel({ limits: { sessionLifetime: 1500 } });
    const timer = setInterval(() => client.send([1, data(peer.index, 32)]), 100);
    await until(() => client.closed !== undefined, 'the end');
    clearInterval(timer);
    expect(client.closed!.code).toBe(4410);
  });

  it('too many control records: 4429', async () => {
    const { client } = await tunnel();
    const ping = writeControl({ type: PING, nonce: new Uint8Array(8) });
    for (let i = 0; i < 3; i++) client.send(...Array.from({ length: 60 }, () => [0, ping] as const));
    await until(() => client.closed !== undefined, 'the close');
    expect(client.closed!.code).toBe(4429);
  });

  it('too many channels: 4413, the others live', async () => {
    const { client, peer } = await tunnel();
    client.send(...[2, 3, 4, 5].map((channel) => [0, client.open(channel, peer.port)] as const));
    await until(() => client.of(CLOSED).length > 0, 'CLOSED');
    expect(client.of(CLOSED)).toMatchObject([{ channel: 5, code: CHANNEL_TOO_MANY }]);
    client.send([1, data(peer.index)]);
    await until(() => client.datagrams.length === 1, 'the echo');
  });

  it('a channel opened twice stays as it was; CLOSE of an unknown one is nothing; data there says "not open" once', async () => {
    const { client, peer } = await tunnel();
    client.send([0, client.open(1, 1)], [0, writeControl({ type: CLOSE, channel: 42 })]);
    for (let i = 0; i < 50; i++) client.send([42, data(1)]);
    client.send([1, data(peer.index)]);
    await until(() => client.datagrams.length === 1, 'the echo');
    await settled();
    expect(client.of(CLOSED)).toMatchObject([{ channel: 42, code: CHANNEL_UNKNOWN, reason: 'not_open' }]);
  });

  it('OPEN and CLOSE in turn leave nothing behind', async () => {
    const { client, peer, relay } = await tunnel({
      limits: {
        controlsPerSecond: 10_000,
        initiationsPerSecondOfClient: 10_000,
        initiationsPerSecondToDestination: 10_000,
      },
    });
    const close = writeControl({ type: CLOSE, channel: 2 });
    for (let i = 0; i < 300; i++) client.send([0, client.open(2, peer.port)], [2, initiation(i)], [0, close]);
    client.send([1, data(peer.index)]);
    await until(() => client.datagrams.length === 1, 'the echo');
    client.socket.close(1000);
    await until(() => relay.sessions === 0, 'the end of the session');
    await settled();
    const sockets = process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap');
    // The fake endpoint's own.
    expect(sockets.length).toBeLessThanOrEqual(1);
  });
});

describe('destinations', () => {
  it.each([
    '127.1',
    '0x7f.1',
    '2130706433',
    'localhost',
    '[::1]',
    '::ffff:10.0.0.1',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'fe80::1%lo',
    '169.254.169.254',
    'x\u0000y',
  ])('%j is not allowed, and no resolver hears of it', async (host) => {
    let asked = 0;
    const { client } = await tunnel({
      resolve: () => {
        asked++;
        return Promise.reject(new Error('no'));
      },
    });
    client.send([0, client.open(2, 51820, host)], [2, initiation(3)]);
    await until(() => client.of(CLOSED).length > 0, 'CLOSED');
    expect(client.of(CLOSED)).toMatchObject([{ code: CHANNEL_DENIED, reason: 'not_allowed' }]);
    expect(asked).toBe(0);
  });

  it('a name that leads to a metadata service raises an alarm and sends nothing', async () => {
    const { url, log } = await start({
      allow: ['hub.example.com'],
      resolve: () => Promise.resolve(['203.0.113.7', '169.254.169.254']),
    });
    const client = await connect(url);
    client.send([0, client.open(1, 51820, 'hub.example.com')], [1, initiation(1)]);
    await until(() => client.of(CLOSED).length > 0, 'CLOSED');
    expect(client.of(CLOSED)[0]).toMatchObject({ code: CHANNEL_DENIED, reason: 'not_allowed' });
    expect(log.filter(({ event }) => event === 'dns_policy')).toHaveLength(1);
  });

  it('while a name resolves the newest initiation waits; the channel then stays with that address', async () => {
    const peer = await endpoint();
    const other = await endpoint();
    let release: (address: string) => void = () => {};
    let asked = 0;
    const { relay, url } = await start({
      allow: [{ host: 'hub.example.com', ports: [peer.port], private: true }],
      resolve: () => {
        asked++;
        return new Promise((resolve) => (release = (address) => resolve([address])));
      },
    });
    const client = await connect(url);
    client.send(
      [0, client.open(1, peer.port, 'hub.example.com')],
      [1, initiation(1)],
      [1, initiation(2)],
      [1, data(1)],
    );
    await until(() => client.of(EVENT).length === 1, 'the event');
    expect(client.of(EVENT)[0]).toMatchObject({ kind: EVENT_NEED_HANDSHAKE });
    expect(peer.received).toEqual([]);
    // No name leads to this host: from here on the way to that address is played by one on loopback.
    const connect4 = Socket.prototype.connect;
    cleanups.push(() => (Socket.prototype.connect = connect4));
    const led: unknown[] = [];
    Socket.prototype.connect = function (this: Socket, port: number, address?: string) {
      led.push(address);
      return Reflect.apply(connect4, this, [port, '127.0.0.1']);
    } as typeof connect4;
    release('10.9.8.7');
    await until(() => peer.received.length === 1, 'what was held');
    await until(() => client.datagrams.length === 1, 'the response');
    expect(peer.received[0]!.readUInt32LE(4)).toBe(2);
    // The name may lead elsewhere by now, or be asked for again: this channel stays.
    client.send([0, client.open(1, peer.port, 'hub.example.com')], [1, data(peer.index)]);
    await until(() => client.datagrams.length === 2, 'the echo');
    expect([asked, led]).toEqual([1, ['10.9.8.7']]);
    expect([relay.counters.up.drops.not_open, other.received]).toEqual([1, []]);
  });

  it('the relay’s own port is never a destination, even if a rule says so', async () => {
    const probe = await start();
    await probe.relay.close();
    const { url, port } = await start({
      listen: `127.0.0.1:${probe.port}`,
      allow: [`127.0.0.1:${probe.port}`],
    });
    const client = await connect(url);
    client.control(client.open(1, port));
    await until(() => client.of(CLOSED).length > 0, 'CLOSED');
    expect(client.of(CLOSED)[0]).toMatchObject({ code: CHANNEL_DENIED });
  });
});

describe('datagrams', () => {
  it('data before any handshake: nothing leaves, and the client hears at once that it needs one', async () => {
    const peer = await endpoint();
    const { url } = await start({ allow: [`127.0.0.1:${peer.port}`] });
    const client = await connect(url);
    client.send([0, client.open(1, peer.port)], [1, data(5)], [1, data(5)], [1, data(5)]);
    await until(() => client.of(EVENT).length > 0, 'the event');
    await settled();
    expect(client.of(EVENT)).toMatchObject([{ channel: 1, kind: EVENT_NEED_HANDSHAKE }]);
    expect(peer.received).toEqual([]);
    expect(client.of(OPENED)).toEqual([]);
  });

  it('what is not WireGuard: nothing leaves, and after 100 the session ends with 4406', async () => {
    const peer = await endpoint();
    const { url } = await start({ allow: [`127.0.0.1:${peer.port}`] });
    const client = await connect(url);
    client.control(client.open(1, peer.port));
    const dns = Buffer.from('abcd01000001000000000000076578616d706c6503636f6d0000010001', 'hex');
    for (let i = 0; i < 99; i++) client.send([1, dns]);
    await until(() => client.of(EVENT).length > 0, 'the event');
    expect(client.of(EVENT)[0]).toMatchObject({ kind: EVENT_BAD_SHAPE });
    expect(client.closed).toBeUndefined();
    client.send([1, dns]);
    await until(() => client.closed !== undefined, 'the close');
    expect(client.closed!.code).toBe(4406);
    expect(peer.received).toEqual([]);
  });

  it('a flood of initiations: three, then one in four seconds', async () => {
    const peer = await endpoint();
    let now = 0;
    const { url, relay } = await start({ allow: [`127.0.0.1:${peer.port}`], now: () => now });
    const client = await connect(url);
    client.control(client.open(1, peer.port));
    const flood = async (): Promise<number> => {
      const { drops } = relay.counters.up;
      const [leaving, refused] = [peer.received.length, drops.rate ?? 0];
      for (let i = 0; i < 500; i++) client.send([1, initiation(i)]);
      await until(() => (drops.rate ?? 0) >= refused + 490, 'the drops');
      await settled();
      expect(peer.received.length - leaving + drops.rate! - refused + (drops.not_open ?? 0)).toBe(500);
      return peer.received.length - leaving;
    };
    // What comes before there is a socket waits there, the newest of it.
    expect(await flood()).toBe(1);
    expect(client.of(EVENT).some(({ kind }) => kind === EVENT_RATE_LIMITED)).toBe(true);
    expect(relay.counters.up.drops.not_open).toBe(2);
    relay.counters.up.drops.not_open = 0;
    const leaving: number[] = [];
    for (now of [3999, 4000, 7999, 8000, 20_000]) leaving.push(await flood());
    expect(leaving).toEqual([0, 1, 0, 1, 3]);
  });

  it('an endpoint that falls silent gets data for 30 s, then a keepalive in five; the client hears why', async () => {
    let now = 0;
    const { client, peer, relay } = await tunnel({ now: () => now });
    peer.answers = false;
    const left = async (length: number): Promise<boolean> => {
      const [before, { drops }] = [peer.received.length, relay.counters.up];
      const dropped = drops.endpoint_silent ?? 0;
      client.send([1, data(peer.index, length)]);
      await until(
        () => peer.received.length > before || (drops.endpoint_silent ?? 0) > dropped,
        'one or the other',
      );
      return peer.received.length > before;
    };
    expect(await left(100)).toBe(true);
    now = 30_000;
    expect(await left(100)).toBe(true);
    expect(client.of(EVENT)).toEqual([]);
    now = 30_001;
    expect(await left(100)).toBe(false);
    await until(() => client.of(EVENT).length === 1, 'the event');
    expect(client.of(EVENT)[0]).toMatchObject({ channel: 1, kind: EVENT_ENDPOINT_SILENT });
    expect([await left(32), await left(32)]).toEqual([true, false]);
    now = 35_001;
    expect(await left(32)).toBe(true);
  });

  it('all sessions together send an endpoint no more initiations than its limit', async () => {
    const peer = await endpoint();
    peer.answers = false;
    const { url } = await start({
      allow: [`127.0.0.1:${peer.port}`],
      limits: {
        initiationsPerSecondToDestination: 2,
        initiationsPerSecondOfClient: 1000,
        sessionsPerClient: 100,
        upgradeBurst: 40,
      },
    });
    const clients = await Promise.all(Array.from({ length: 40 }, () => connect(url)));
    for (const client of clients) client.send([0, client.open(1, peer.port)], [1, initiation(1)]);
    await settled(300);
    // One at once, and what time adds; the others wait for their turn.
    const soon = peer.received.length;
    expect(soon).toBeLessThanOrEqual(4);
    expect(soon).toBeGreaterThan(0);
    await settled(1000);
    expect(peer.received.length - soon).toBeGreaterThan(0);
    expect(peer.received.length - soon).toBeLessThanOrEqual(4);
  });

  /** A relay that gives its endpoint ten a second, and thirty clients of one network that want more; `ask` is one more client. */
  async function crowded() {
    const peer = await endpoint();
    const { url } = await start({
      allow: [`127.0.0.1:${peer.port}`],
      trustedProxies: ['127.0.0.1'],
      limits: { initiationsPerSecondToDestination: 10 },
    });
    const ask = async (address: string, index: number): Promise<RelayClient> => {
      const client = await connect(url, { headers: { 'X-Forwarded-For': address } });
      client.send([0, client.open(1, peer.port)], [1, initiation(index)]);
      return client;
    };
    const flood = async (): Promise<void> => {
      await Promise.all(Array.from({ length: 30 }, (_, i) => ask(`198.51.100.${i}`, 100 + i)));
      // Whoever had to wait waits by now.
      await settled(50);
    };
    /** How many initiations the endpoint gets from now on before this one. */
    const waited = async (index: number): Promise<number> => {
      const before = peer.ofType(1).length;
      const at = () => peer.ofType(1).findIndex((message) => message.readUInt32LE(4) === index);
      await until(() => at() >= 0, 'the initiation', 5000);
      return at() - before;
    };
    return { peer, ask, flood, waited };
  }

  it('a flood of initiations from one network keeps another waiting for a turn or two', async () => {
    const { ask, flood, waited } = await crowded();
    await flood();
    const before = waited(7);
    await ask('203.0.113.7', 7);
    expect(await before).toBeLessThanOrEqual(2);
  });

  it('a flood of strangers keeps nobody waiting whose tunnel there was before, in the same network or not', async () => {
    const { ask, flood, waited } = await crowded();
    const known = await ask('198.51.100.200', 7);
    await until(() => known.datagrams.length === 1, 'the response');
    await flood();
    const before = waited(8);
    known.send([1, initiation(8)]);
    expect(await before).toBeLessThanOrEqual(1);
  });

  it('one client address is limited over all its sessions', async () => {
    const peer = await endpoint();
    const { url } = await start({
      allow: [`127.0.0.1:${peer.port}`],
      limits: {
        initiationsPerSecondOfClient: 1,
        initiationsPerSecondToDestination: 1000,
        sessionsPerClient: 100,
      },
    });
    const clients = await Promise.all(Array.from({ length: 20 }, () => connect(url)));
    for (const client of clients) client.send([0, client.open(1, peer.port)], [1, initiation(1)]);
    await settled(300);
    expect(peer.received.length).toBeLessThanOrEqual(5);
    expect(peer.received.length).toBeGreaterThan(2);
  });

  it('an echo server as target stays at handshakes', async () => {
    const echo = createSocket('udp4');
    let packets = 0;
    echo.on('message', (message, from) => {
      packets++;
      echo.send(message, from.port, from.address);
    });
    await new Promise<void>((resolve) => echo.bind(0, '127.0.0.1', resolve));
    cleanups.push(() => echo.close());
    const { port } = echo.address();
    const { url, relay } = await start({ allow: [`127.0.0.1:${port}`] });
    const client = await connect(url);
    client.send([0, client.open(1, port)], [1, initiation(7)]);
    await until(() => relay.counters.down.drops.unsolicited_initiation === 1, 'the echo');
    for (let i = 0; i < 50; i++) client.send([1, data(7)]);
    await settled();
    expect(packets).toBe(1);
    expect(client.datagrams).toEqual([]);
  });

  it('a silent endpoint: the channel closes after 20 tries', async () => {
    const peer = await endpoint();
    peer.answers = false;
    const { url } = await start({
      allow: [`127.0.0.1:${peer.port}`],
      limits: {
        initiationInterval: 1,
        initiationBurst: 100,
        initiationsPerSecondOfClient: 1000,
        initiationsPerSecondToDestination: 1000,
      },
    });
    const client = await connect(url);
    client.control(client.open(1, peer.port));
    for (let i = 0; i < 25; i++) {
      client.send([1, initiation(i)]);
      await settled(5);
    }
    await until(() => client.of(CLOSED).length > 0, 'CLOSED');
    expect(client.of(CLOSED)).toMatchObject([{ channel: 1, code: CHANNEL_UNRESPONSIVE }]);
    expect(peer.received).toHaveLength(20);
  });

  it('responses to nobody, repeated ones, and data for nobody do not reach the client', async () => {
    const { client, peer, relay } = await tunnel();
    peer.send(response(9, 12345));
    peer.send(response(peer.index, 77));
    peer.send(Buffer.from('not WireGuard at all, but long enough to be something'));
    const { drops } = relay.counters.down;
    await until(() => drops.shape === 1, 'the drop of what has no shape');
    expect(drops.unsolicited_response).toBe(2);
    for (let i = 0; i < 1000; i++) peer.send(data(4711));
    await until(() => (drops.no_handshake ?? 0) > 100, 'the drops of data for nobody');
    await settled();
    expect(client.datagrams).toEqual([]);
  });

  it('a stranger cannot send to the client through the relay’s port', async () => {
    const { client, peer } = await tunnel();
    const stranger = createSocket('udp4');
    for (let i = 0; i < 10; i++) stranger.send(data(77), peer.client!.port, '127.0.0.1');
    await settled();
    stranger.close();
    peer.send(data(77));
    await until(() => client.datagrams.length > 0, 'the peer’s own');
    await settled();
    expect(client.datagrams).toHaveLength(1);
  });

  it('the log’s last line of a session says how much it carried, and how much did not pass', async () => {
    const { client, peer, log } = await tunnel();
    client.send([1, data(peer.index, 100)], [1, data(peer.index, 200)], [1, data(4711, 100)]);
    await until(() => client.datagrams.length === 2, 'the echoes');
    peer.send(data(4711));
    peer.send(data(77, 50));
    await until(() => client.datagrams.length === 3, 'the last');
    client.socket.close();
    await until(() => log.some(({ event }) => event === 'close'), 'the line');
    expect(log.find(({ event }) => event === 'close')).toMatchObject({
      ...{ up: 4, bytesUp: 148 + 100 + 200 + 100, bytesDown: 350, drops: 2, code: 1005 },
    });
  });

  it('too large, both ways: dropped, said, counted', async () => {
    const { client, peer, relay } = await tunnel();
    peer.send(data(77, 60_000));
    await until(() => client.of(EVENT).length === 1, 'the event');
    expect(client.of(EVENT)[0]).toMatchObject({ kind: EVENT_TOO_BIG, value: 2048 });
    client.send([1, data(peer.index, 2049)]);
    await until(() => relay.counters.up.drops.too_big === 1, 'the drop');
    expect(relay.counters.down.drops.too_big).toBe(1);
    expect(peer.received).toEqual([]);
    expect(client.datagrams).toEqual([]);
  });

  it('an expired key: dropped, and a handshake asked for', async () => {
    let skew = 0;
    const { client, peer, relay } = await tunnel({
      now: () => performance.now() + skew,
      limits: { idleTimeout: 1e9 },
    });
    skew = 191_000;
    client.send([1, data(peer.index)]);
    await until(() => client.of(EVENT).length > 0, 'the event');
    expect(client.of(EVENT)[0]).toMatchObject({ kind: EVENT_NEED_HANDSHAKE });
    expect(relay.counters.up.drops.expired_key).toBe(1);
    expect(peer.received).toEqual([]);
  });

  it('a rate beyond the limit is dropped and said', async () => {
    const { client, peer, relay } = await tunnel({ limits: { datagramsPerSecond: 100 } });
    for (let i = 0; i < 10; i++)
      client.send(...Array.from({ length: 40 }, () => [1, data(peer.index, 40)] as const));
    await until(() => client.of(EVENT).some(({ kind }) => kind === EVENT_RATE_LIMITED), 'the event');
    await settled();
    expect(peer.received.length).toBeLessThan(60);
    expect(relay.counters.up.drops.rate! + peer.received.length).toBe(400);
  });

  it('an endpoint’s rate has a limit, too', async () => {
    const { client, peer, relay } = await tunnel({ limits: { datagramsPerSecond: 100 } });
    for (let i = 0; i < 400; i++) peer.send(data(77, 40));
    await until(() => client.of(EVENT).some(({ kind }) => kind === EVENT_DROPPED_DOWN), 'the event');
    await settled();
    expect(client.datagrams.length).toBeLessThan(60);
    expect(relay.counters.down.drops.rate).toBeGreaterThan(100);
  });

  it('a port where nobody listens is reported, and the session lives', async () => {
    const peer = await FakeEndpoint.open();
    const { port } = peer;
    await peer.close();
    const { url } = await start({ allow: [`127.0.0.1:${port}`] });
    const client = await connect(url);
    client.send([0, client.open(1, port)], [1, initiation(1)]);
    await until(() => client.of(EVENT).length > 0, 'the event');
    expect(client.of(EVENT)[0]).toMatchObject({ channel: 1, kind: EVENT_UNREACHABLE });
    expect(client.closed).toBeUndefined();
  });

  it('an endpoint that floods a client who reads nothing: bounded, oldest dropped, handshakes kept', async () => {
    const { client, peer, relay } = await tunnel();
    client.socket.pause();
    const before = memoryInUse();
    for (let round = 0; round < 300; round++) {
      for (let i = 0; i < 100; i++) peer.send(data(77, 1400, round & 255));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await settled(200);
    peer.send(data(77, 1400, 0xee));
    await settled(50);
    expect(relay.counters.down.drops.queue).toBeGreaterThan(1000);
    expect(memoryInUse() - before).toBeLessThan(10 * 1024 * 1024);
    client.socket.resume();
    await until(() => client.of(EVENT).some(({ kind }) => kind === EVENT_DROPPED_DOWN), 'the event');
    await until(() => client.datagrams.at(-1)?.body[20] === 0xee, 'the newest datagram');
    expect(client.closed).toBeUndefined();
  });
});

describe('garbage', () => {
  it('random messages end sessions at worst, never the relay', async () => {
    const { url, relay, peer } = await tunnel({
      limits: { sessionsPerClient: 1000, controlsPerSecond: 100_000 },
    });
    let state = 42;
    const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8;
    for (let round = 0; round < 60; round++) {
      const client = await connect(url);
      client.control(client.open(1, peer.port));
      for (let i = 0; i < 50; i++) {
        const bytes = Buffer.from(Array.from({ length: random() % 80 }, () => random() & 255));
        // Valid framing around random control bodies, half of the time.
        if (i % 2 === 0 && bytes.length > 0) client.control(Uint8Array.from([random() % 8, ...bytes]));
        else client.socket.send(bytes);
      }
    }
    await until(() => relay.counters.up.messages > 60, 'the messages');
    await settled(200);
    const client = await connect(url);
    await until(() => client.of(WELCOME).length === 1, 'WELCOME');
  });
});
