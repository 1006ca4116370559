// Connections that hold a place and say nothing: whoever fills the places, others still get in.
import { createSecretKey } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { Counts } from '../../relay/counters.ts';
import { Strangers } from '../../relay/strangers.ts';
import { AUTH, WELCOME, writeControl } from '../../src/core/wire/relay.ts';
import { createRelay, issueToken, type Relay, type RelayOptions } from '../../src/relay-host/index.ts';
import { FakeEndpoint, initiation } from './fake-endpoint.ts';
import { RelayClient, settled, until } from './relay-client.ts';

const evictedOf = ({ counters }: Relay) => counters.evicted.get('unauthenticated') ?? 0;

describe('of those who are no session', () => {
  function room(places: number) {
    const counters = { evicted: new Counts() };
    const strangers = new Strangers(places, counters);
    const enter = (address: string) => {
      const socket = new Duplex({ read() {}, write() {} });
      strangers.enter(socket, address);
      return socket;
    };
    return { strangers, counters, enter };
  }

  it('the oldest of the network that has most makes room', () => {
    const { strangers, counters, enter } = room(4);
    const lone = enter('192.0.2.1');
    const many = ['198.51.100.1', '198.51.100.2', '198.51.100.3'].map(enter);
    const late = enter('203.0.113.1');
    expect([lone, ...many, late].map(({ destroyed }) => destroyed)).toEqual([
      false,
      true,
      false,
      false,
      false,
    ]);
    expect(strangers.size).toBe(4);
    expect(Object.fromEntries(counters.evicted)).toEqual({ unauthenticated: 1 });
  });

  it('an IPv6 /48 is one network, and so is a /24 that was mapped', () => {
    const { enter } = room(2);
    const lone = enter('2001:db8:2::1');
    const first = enter('2001:db8:1:1::1');
    enter('2001:db8:1:ffff::1');
    expect([lone.destroyed, first.destroyed]).toEqual([false, true]);
    const mapped = room(2);
    const other = mapped.enter('192.0.2.1');
    const old = mapped.enter('::ffff:198.51.100.1');
    mapped.enter('198.51.100.200');
    expect([other.destroyed, old.destroyed]).toEqual([false, true]);
  });

  it('among equals the oldest goes', () => {
    const { enter } = room(2);
    const sockets = ['192.0.2.1', '198.51.100.1', '203.0.113.1'].map(enter);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, false, false]);
  });

  it('who leaves, or is closed, or turns out to be from elsewhere, has no place any more', async () => {
    const { strangers, enter } = room(3);
    const [one, two] = [enter('192.0.2.1'), enter('192.0.2.2')];
    strangers.enter(one, '203.0.113.1');
    expect(strangers.size).toBe(2);
    expect([strangers.leave(one), strangers.leave(one)]).toEqual([true, false]);
    two.destroy();
    await until(() => strangers.size === 0, 'the close');
    // Nothing of them is left: three more of that network find room.
    const three = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map(enter);
    expect(three.some(({ destroyed }) => destroyed)).toBe(false);
  });
});

const SECRET = 's'.repeat(32);
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: Partial<RelayOptions> = {}) {
  const relay = createRelay({
    listen: '127.0.0.1:0',
    allow: ['127.0.0.1:51820'],
    allowNoOrigin: true,
    auth: { keys: [{ alg: 'HS256', key: SECRET, kid: 'k' }] },
    ...options,
    limits: { unauthenticated: 30, stopTimeout: 200, ...options.limits },
  });
  const { url, port } = await relay.listen();
  cleanups.push(() => relay.close());
  return { relay, url, port };
}

describe('while silent clients hold all places of a relay', () => {
  /** Connections from so many networks of loopback, which begin like this. */
  function crowd(port: number, networks: number, each: number, says: string): Socket[] {
    return Array.from({ length: networks * each }, (_, n) => {
      const localAddress = `127.${1 + (n % networks)}.0.${1 + Math.floor(n / networks)}`;
      const socket = connect({ port, host: '127.0.0.1', localAddress });
      socket.on('error', () => {}).resume();
      socket.write(says);
      cleanups.push(() => socket.destroy());
      return socket;
    });
  }

  const token = () => {
    const request = { subject: 'alice', destinations: ['127.0.0.1:51820'] };
    return issueToken(createSecretKey(Buffer.from(SECRET)), request, Date.now(), 'k');
  };

  const upgrade = (...more: string[]) =>
    [
      'GET /v1 HTTP/1.1',
      'Host: relay',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: wgrelay.v1',
      ...more,
      '\r\n',
    ].join('\r\n');

  it.each([
    ['say nothing', ''],
    ['do not end their headers', 'GET /v1 HTTP/1.1\r\nHost: relay\r\n'],
    ['do not end their body', 'GET /v1/check HTTP/1.1\r\nHost: relay\r\nContent-Length: 100\r\n\r\nx'],
    ['ask, and ask no more', 'GET /v1/check HTTP/1.1\r\nHost: relay\r\n\r\n'],
    ['open a WebSocket and show no token', upgrade()],
  ])('others get in: they %s', async (_, says) => {
    const { relay, url, port } = await start();
    const silent = crowd(port, 5, 12, says);
    await until(() => evictedOf(relay) >= 30, 'as many as there are to be too many');
    expect(relay.unauthenticated).toBe(30);
    // One of another network, with a token at once, and one who shows it when it pleases.
    const bearer = await RelayClient.connect(url, {}, ['wgrelay.v1', `wgrelay.bearer.${await token()}`]);
    const slow = await RelayClient.connect(url);
    cleanups.push(
      () => bearer.close(),
      () => slow.close(),
    );
    crowd(port, 5, 4, says);
    await settled();
    slow.control(writeControl({ type: AUTH, token: await token() }));
    await until(() => bearer.of(WELCOME).length + slow.of(WELCOME).length === 2, 'both welcomes');
    expect(relay.sessions).toBe(2);
    // Those who went are gone.
    await until(() => silent.filter(({ closed }) => !closed).length <= 30, 'the end of the others');
  });

  it('behind a proxy, it is the clients that are told apart', async () => {
    const { relay, url, port } = await start({ trustedProxies: ['127.0.0.0/8'] });
    crowd(port, 1, 40, '');
    await settled();
    expect(relay.unauthenticated).toBe(0);
    for (let n = 0; n < 40; n++) crowd(port, 1, 1, upgrade(`X-Forwarded-For: 192.0.2.${n}`));
    await until(() => evictedOf(relay) >= 10, 'as many as there are to be too many');
    const lone = await RelayClient.connect(url, { headers: { 'X-Forwarded-For': '203.0.113.1' } });
    cleanups.push(() => lone.close());
    for (let n = 0; n < 40; n++) crowd(port, 1, 1, upgrade(`X-Forwarded-For: 192.0.2.${100 + n}`));
    await until(() => evictedOf(relay) >= 50, 'more of them');
    lone.control(writeControl({ type: AUTH, token: await token() }));
    await until(() => lone.of(WELCOME).length === 1, 'the welcome');
  });

  it('sessions are not among them', async () => {
    const { relay, url, port } = await start({ auth: undefined } as never);
    const client = await RelayClient.connect(url);
    cleanups.push(() => client.close());
    await until(() => relay.unauthenticated === 0, 'the session');
    crowd(port, 2, 40, '');
    await until(() => evictedOf(relay) >= 50, 'the crowd');
    expect(client.closed).toBeUndefined();
    expect(relay.sessions).toBe(1);
  });
});

describe('where no tokens are needed', () => {
  it('who has an endpoint’s answer stays, and others get in, whatever a network of strangers opens', async () => {
    const peer = await FakeEndpoint.open();
    cleanups.push(() => peer.close());
    const { relay, url } = await start({
      allow: [`127.0.0.1:${peer.port}`],
      trustedProxies: ['127.0.0.1'],
      auth: undefined,
      limits: { sessions: 8 },
    } as never);
    const from = async (address: string): Promise<RelayClient> => {
      const client = await RelayClient.connect(url, { headers: { 'X-Forwarded-For': address } });
      cleanups.push(() => client.close());
      client.control(client.open(1, peer.port));
      return client;
    };
    const honest = await from('2001:db8:2::1');
    honest.send([1, initiation(7)]);
    await until(() => honest.datagrams.length === 1, 'the response');
    // What is established is seen once a second.
    await settled(1100);
    for (let n = 0; n < 20; n++) await from(`2001:db8:1:${n}::1`);
    const late = await from('192.0.2.1');
    for (let n = 20; n < 40; n++) await from(`2001:db8:1:${n}::1`);
    late.send([1, initiation(8)]);
    await until(() => late.datagrams.length === 1, 'the response for who came late');
    expect(honest.closed).toBeUndefined();
    expect(relay.sessions).toBeLessThanOrEqual(8);
    expect(relay.counters.upgrades.get('full')).toBeUndefined();
    expect(relay.counters.evicted.get('unproven')).toBeGreaterThan(30);
    expect(evictedOf(relay)).toBe(0);
  });
});
