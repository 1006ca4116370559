// What operators see: health, readiness, metrics, on a listener of their own.
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { CLOSE, CLOSED, OPENED, writeControl } from '../../src/core/wire/relay.ts';
import { Admin } from '../../src/relay-host/admin.ts';
import { createRelay, type RelayOptions } from '../../src/relay-host/index.ts';
import { LoadWatch } from '../../src/relay-host/load-watch.ts';
import { Room } from '../../src/relay-host/room.ts';
import { data, FakeEndpoint, initiation, response } from '../relay/fake-endpoint.ts';
import { RawClient } from '../relay/raw-client.ts';
import { RelayClient, until } from '../relay/relay-client.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: Partial<RelayOptions> = {}) {
  const peer = await FakeEndpoint.open();
  cleanups.push(() => peer.close());
  const relay = createRelay({
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    allow: [`127.0.0.1:${peer.port}`],
    allowNoOrigin: true,
    ...options,
    limits: { upgradesPerSecond: 1000, stopTimeout: 200, ...options.limits },
  });
  const { url, port } = await relay.listen();
  cleanups.push(() => relay.close());
  const ask = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${relay.adminPort}${path}`, init);
  const metrics = async (): Promise<string> => (await ask('/metrics')).text();
  return { relay, url, port, peer, ask, metrics };
}

describe('the admin listener', () => {
  it('says that the relay lives, and whether it takes more', async () => {
    const { relay, url, ask } = await start({ limits: { sessions: 1 } });
    expect((await ask('/healthz')).status).toBe(200);
    expect((await ask('/readyz')).status).toBe(200);
    const client = await RelayClient.connect(url);
    cleanups.push(() => client.close());
    await until(() => relay.sessions === 1, 'the session');
    expect((await ask('/readyz')).status).toBe(503);
    expect((await ask('/other')).status).toBe(404);
    expect((await ask('/metrics', { method: 'POST' })).status).toBe(405);
  });

  it('says no when no name of its destinations has an address, and yes again when one has', async () => {
    let isAnswered = false;
    const resolve = () => (isAnswered ? Promise.resolve(['203.0.113.1']) : Promise.reject(new Error('no')));
    const { relay, url, ask } = await start({ allow: ['one.example', 'two.example'], resolve });
    const client = await RelayClient.connect(url);
    cleanups.push(() => client.close());
    client.send([0, client.open(1, 51820, 'one.example')]);
    await until(() => client.of(CLOSED).length === 1, 'the refusal');
    expect((await ask('/readyz')).status).toBe(200);
    client.send([0, client.open(1, 51820, 'two.example')]);
    await until(() => client.of(CLOSED).length === 2, 'the other refusal');
    expect((await ask('/readyz')).status).toBe(503);
    isAnswered = true;
    // It asks by itself: nobody is sent here any more.
    await until(() => relay.isReady, 'a name that is found', 3000);
  });

  it('says no when files or ports are nearly used up', () => {
    const room = new Room(
      0,
      'Max open files            1000                 2000                 files\n',
      '2001\t2100\n',
    );
    expect(room.portsUsed(50, 1)).toBe(0.5);
    expect(room.portsUsed(50, 2)).toBe(0.25);
    expect([room.isScarce(100, 95, 1), room.isScarce(100, 96, 1), room.isScarce(100, 96, 2)]).toEqual([
      false,
      true,
      false,
    ]);
    expect([room.isScarce(800, 50, 1), room.isScarce(801, 50, 1)]).toEqual([false, true]);
    expect(new Room(0, '', '').isScarce(1e6, 1e6, 1)).toBe(false);
    // What strangers may have is not for sessions.
    expect([10, 1000].map((many) => new Room(many, 'Max open files  1000 ').strangers)).toEqual([10, 125]);
    const shared = new Room(1000, 'Max open files  1000 ');
    expect([shared.hasFiles(700, 74), shared.hasFiles(700, 75)]).toEqual([true, false]);
  });

  it('tells once that files are used up, by its clients or by others, and again after there was room', () => {
    const room = new Room(0, 'Max open files  1000 ');
    const told = (sessions: number, code?: string) =>
      room.tick(sessions, 0, () => {
        if (code !== undefined) throw Object.assign(new Error(code), { code });
      });
    expect([told(899), told(900), told(900), told(880), told(900)]).toEqual([
      undefined,
      'this process may have 1000 files open',
      ...[undefined, undefined, undefined],
    ]);
    expect([told(850), told(0, 'ENFILE'), told(0, 'ENFILE')]).toEqual([
      undefined,
      'ENFILE: too many open files',
      undefined,
    ]);
    expect([room.hasFiles(0, 0), told(0), room.hasFiles(0, 0)]).toEqual([false, undefined, true]);
    expect(told(0, 'EACCES')).toBeUndefined();
  });

  it('says that a relay whose loop does not turn is dead', async () => {
    let since = 4999;
    const admin = new Admin({ metrics: new Registry(), isReady: () => true, sinceTurn: () => since });
    cleanups.push(() => admin.close());
    const port = await admin.listen({ host: '127.0.0.1', port: 0 });
    const health = async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).status;
    expect(await health()).toBe(200);
    since = 5000;
    expect(await health()).toBe(503);
  });

  it('and the public one are both there, or neither: a taken port is named', async () => {
    const { relay, port } = await start();
    const second = { allow: ['203.0.113.7'], listen: '127.0.0.1:0', admin: `127.0.0.1:${relay.adminPort}` };
    await expect(createRelay(second).listen()).rejects.toThrow(
      `cannot listen on 127.0.0.1:${relay.adminPort} (EADDRINUSE)`,
    );
    const third = createRelay({ ...second, listen: `127.0.0.1:${port}`, admin: '127.0.0.1:0' });
    await expect(third.listen()).rejects.toThrow(`cannot listen on 127.0.0.1:${port} (EADDRINUSE)`);
    await expect(fetch(`http://127.0.0.1:${third.adminPort}/healthz`)).rejects.toThrow();
  });

  it('is not reached through the public port', async () => {
    const { port } = await start();
    for (const path of ['/metrics', '/healthz', '/readyz', '/v1/../metrics', '//v1', '/v1/metrics'])
      expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(404);
  });

  it('answers readiness, and nothing else, on the public port to a trusted proxy', async () => {
    const { port, relay } = await start({ trustedProxies: ['127.0.0.1'] });
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(404);
    void relay.close();
    expect(relay.isReady).toBe(false);
  });

  it('counts what passed, what was refused and why, without a name or an address', async () => {
    const { url, peer, metrics } = await start();
    const client = await RelayClient.connect(url);
    cleanups.push(() => client.close());
    client.send([0, client.open(1, peer.port)], [1, initiation(7)]);
    await until(() => client.datagrams.length === 1, 'the response');
    client.send([1, data(peer.index, 100)], [1, data(12345, 100)], [0, client.open(2, 1, 'secret.example')]);
    await until(() => client.datagrams.length === 2 && client.of(CLOSED).length === 1, 'the echo');
    expect(client.of(OPENED)).toHaveLength(1);
    const text = await metrics();
    for (const line of [
      'wgrelay_sessions 1',
      'wgrelay_channels 1',
      'wgrelay_upgrades_total{result="accepted"} 1',
      'wgrelay_datagrams_total{dir="up",type="initiation"} 1',
      'wgrelay_datagrams_total{dir="up",type="data"} 1',
      'wgrelay_datagrams_total{dir="down",type="response"} 1',
      'wgrelay_datagrams_total{dir="down",type="data"} 1',
      'wgrelay_handshakes_total{dir="up",result="answered"} 1',
      'wgrelay_bytes_total{dir="up"} 248',
      'wgrelay_bytes_total{dir="down"} 192',
      'wgrelay_drops_total{dir="up",reason="no_handshake"} 1',
      'wgrelay_policy_denied_total{reason="not_listed"} 1',
      'wgrelay_channels_opened_total 1',
      'wgrelay_sessions_parked 0',
      'wgrelay_draining 0',
      'wgrelay_queue_delay_seconds_count 1',
      'wgrelay_dns_seconds_count 0',
    ])
      expect(text).toContain(`${line}\n`);
    expect(text).toMatch(/^wgrelay_build_info\{version="\d+\.\d+\.\d+",node="v\d+\.\d+\.\d+"\} 1$/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
    expect(text).toMatch(/^process_resident_memory_bytes /m);
    expect(text).not.toContain('secret');
    expect(text).not.toContain('127.0.0.1');
    await client.close();
    await expect.poll(metrics).toContain('wgrelay_sessions_parked 1');
    expect(await metrics()).toContain('wgrelay_sessions 0');
    expect(await metrics()).toContain('wgrelay_datagrams_total{dir="up",type="data"} 1');
  });
});

describe('each handshake that began is counted once, when it is over', () => {
  /** What the metric says, by who began and whether it was answered. */
  const handshakes = async (metrics: () => Promise<string>) =>
    Object.fromEntries(
      [...(await metrics()).matchAll(/^wgrelay_handshakes_total\{dir="(\w+)",result="(\w+)"\} (\d+)$/gm)].map(
        ([, dir, result, times]) => [`${dir} ${result}`, Number(times)],
      ),
    );

  it('of clients: those that the endpoint answers, and those that newer ones or the end of the channel leave unanswered', async () => {
    const { url, peer, relay, metrics } = await start({ limits: { initiationBurst: 10 } });
    const client = await RelayClient.connect(url);
    cleanups.push(() => client.close());
    client.send([0, client.open(1, peer.port)], [1, initiation(1)]);
    await until(() => client.datagrams.length === 1, 'the response');
    expect(await handshakes(metrics)).toEqual({ 'up answered': 1 });
    peer.answers = false;
    client.send(...[2, 3, 4, 5, 6].map((index): [number, Uint8Array] => [1, initiation(index)]));
    await until(() => relay.counters.up.types[1] === 6, 'all of them');
    // The gate waits for answers to four.
    expect(await handshakes(metrics)).toEqual({ 'up answered': 1, 'up unanswered': 1 });
    await client.close();
    await relay.close();
    const { handshakes: counted, up } = relay.counters;
    expect(Object.fromEntries(counted)).toEqual({ 'up answered': 1, 'up unanswered': 5 });
    expect([...counted.values()].reduce((all, each) => all + each)).toBe(up.types[1]);
  });

  it('of endpoints, too', async () => {
    const { url, peer, relay, metrics } = await start();
    const client = await RelayClient.connect(url);
    cleanups.push(() => client.close());
    client.send([0, client.open(1, peer.port)], [1, initiation(1)]);
    await until(() => client.datagrams.length === 1, 'the response');
    for (const index of [8, 9]) peer.send(initiation(index));
    await until(() => client.datagrams.length === 3, 'its calls');
    client.send([1, response(2, 9)]);
    await until(() => relay.counters.up.types[2] === 1, 'our response');
    expect(await handshakes(metrics)).toEqual({ 'up answered': 1, 'down answered': 1 });
    client.control(writeControl({ type: CLOSE, channel: 1 }));
    await expect.poll(() => handshakes(metrics)).toMatchObject({ 'down unanswered': 1 });
  });
});

describe('each limit is counted', () => {
  it('connections that never were a request', async () => {
    const { port, metrics } = await start({
      limits: { sessions: 1, unauthenticated: 1 },
      // Of its connections it is the requests that are judged.
      trustedProxies: ['127.0.0.1'],
    });
    const say = async (text: string): Promise<RawClient> => {
      const client = await RawClient.connect(port);
      cleanups.push(() => client.socket.destroy());
      client.write(text);
      return client;
    };
    await say(`GET / HTTP/1.1\r\nX: ${'x'.repeat(9000)}\r\n\r\n`);
    await expect.poll(metrics).toContain('wgrelay_connections_refused_total{reason="headers"} 1');
    await say('\x16\x03\x01');
    await expect.poll(metrics).toContain('wgrelay_connections_refused_total{reason="malformed"} 1');
    for (let i = 0; i < 10; i++) await say('').catch(() => {});
    await expect.poll(metrics).toMatch(/wgrelay_connections_refused_total\{reason="connections"\} [1-9]/);
  });

  it('channels, by the word that the client is told', async () => {
    const { url, peer, metrics } = await start({ limits: { channels: 1, unansweredInitiations: 1 } });
    peer.answers = false;
    const client = await RelayClient.connect(url);
    cleanups.push(() => client.close());
    client.send([0, client.open(1, peer.port)], [0, client.open(2, peer.port)], [9, data(1)]);
    client.send([1, initiation(7)], [1, initiation(8)]);
    await until(() => client.of(CLOSED).length === 3, 'all three');
    const text = await metrics();
    for (const reason of ['too_many_channels', 'not_open', 'unresponsive'])
      expect(text).toContain(`wgrelay_channels_closed_total{reason="${reason}"} 1\n`);
  });

  it('upgrades over the rate, over an address’s sessions, and while all is full, each by its word', async () => {
    const { url, metrics } = await start({
      limits: { sessions: 2, sessionsPerClient: 1, upgradesPerSecond: 0.001, upgradeBurst: 2 },
      trustedProxies: ['127.0.0.1'],
    });
    const from = async (address: string) => {
      const client = await RelayClient.connect(url, { headers: { 'X-Forwarded-For': address } });
      cleanups.push(() => client.close());
    };
    const refused = (address: string) => from(address).catch((error: Error) => error.message);
    await from('192.0.2.1');
    expect(await refused('192.0.2.1')).toBe('HTTP 429');
    await from('192.0.2.2');
    expect(await refused('192.0.2.3')).toBe('HTTP 503');
    const text = await metrics();
    for (const [result, times] of Object.entries({ accepted: 2, sessions: 1, full: 1 }))
      expect(text).toContain(`wgrelay_upgrades_total{result="${result}"} ${times}\n`);
  });
});

describe('load', () => {
  it('is too much after five seconds of late turns, and not any more after one good one', () => {
    const watch = new LoadWatch();
    cleanups.push(() => watch.stop());
    expect([1, 2, 3, 4].map(() => watch.tick(201))).toEqual([false, false, false, false]);
    expect(watch.isOverloaded).toBe(false);
    expect([watch.tick(201), watch.tick(201)]).toEqual([true, false]);
    expect(watch.isOverloaded).toBe(true);
    watch.tick(200);
    expect(watch.isOverloaded).toBe(false);
    expect([watch.tick(0, 0.86), watch.tick(0, 0.86)]).toEqual([true, false]);
    expect(watch.isOverloaded).toBe(true);
    watch.tick(0, 0.85);
    expect(watch.isOverloaded).toBe(false);
  });
});
