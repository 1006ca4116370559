// `GET <path>/check` says of a client what an upgrade would be told.
import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { RelayCore } from '../../relay/relay.ts';
import { answerCheck } from '../../src/relay-host/check.ts';
import { listenOn } from '../../src/relay-host/http-server.ts';
import { createRelay, type RelayOptions } from '../../src/relay-host/index.ts';
import { SampledLog } from '../../src/relay-host/log.ts';
import { readOptions } from '../../src/relay-host/options.ts';
import { FakeEndpoint, initiation } from './fake-endpoint.ts';
import { RelayClient, until } from './relay-client.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: Partial<RelayOptions> = {}) {
  const peer = await FakeEndpoint.open();
  cleanups.push(() => peer.close());
  const allow = [`127.0.0.1:${peer.port}`];
  const limits = { stopTimeout: 200, ...options.limits };
  const relay = createRelay({ listen: '127.0.0.1:0', allow, allowNoOrigin: true, ...options, limits });
  const { url } = await relay.listen();
  cleanups.push(() => relay.close());
  const connect = async (): Promise<RelayClient> => {
    const client = await RelayClient.connect(url);
    cleanups.push(() => client.close());
    return client;
  };
  const check = async () => (await fetch(`${url.replace('ws:', 'http:')}/check`)).json();
  return { relay, peer, connect, check };
}

describe('/check', () => {
  it('tells whom the upgrade would refuse for its rate, and when it would not any more', async () => {
    let now = 0;
    const { connect, check, relay } = await start({
      now: () => now,
      limits: { upgradeBurst: 2, upgradesPerSecond: 1 },
    });
    await connect();
    // Asking costs nothing of it.
    for (let i = 0; i < 5; i++) expect(await check()).toMatchObject({ ok: true });
    await connect();
    await expect(connect()).rejects.toThrow('HTTP 429');
    expect(await check()).toEqual({
      ok: false,
      code: 'rate',
      message: 'too many connections from this address',
    });
    now = 1000;
    expect(await check()).toMatchObject({ ok: true });
    await connect();
    expect(relay.counters.upgrades.get('rate')).toBe(1);
  });

  it('limits as before when the time of day is set back', async () => {
    let wallClock = Date.now();
    const { connect, check } = await start({
      wallClock: () => wallClock,
      limits: { upgradeBurst: 2, upgradesPerSecond: 0.01 },
    });
    await connect();
    wallClock -= 3_600_000;
    await connect();
    wallClock += 7_200_000;
    await expect(connect()).rejects.toThrow('HTTP 429');
    expect(await check()).toMatchObject({ ok: false, code: 'rate' });
  });

  it('tells whose address has as many sessions as it may', async () => {
    const { connect, check, relay } = await start({ limits: { sessionsPerClient: 1 } });
    const first = await connect();
    await expect(connect()).rejects.toThrow('HTTP 429');
    expect(await check()).toEqual({
      ok: false,
      code: 'sessions',
      message: 'too many sessions from this address',
    });
    expect(Object.fromEntries(relay.counters.upgrades)).toEqual({ accepted: 1, sessions: 1 });
    await first.close();
    await until(() => relay.sessions === 0, 'the end');
    expect(await check()).toMatchObject({ ok: true });
  });

  it('leaves a session alone that waits, and would make room', async () => {
    const { connect, check, relay, peer } = await start({ limits: { sessionsPerClient: 1 } });
    const client = await connect();
    client.send([0, client.open(1, peer.port)], [1, initiation(7)]);
    await until(() => client.datagrams.length === 1, 'the response');
    client.socket.terminate();
    await until(() => relay.parked === 1, 'the wait');
    expect(await check()).toMatchObject({ ok: true });
    expect(relay.parked).toBe(1);
    await connect();
    expect(relay.parked).toBe(0);
  });

  it('and an upgrade say of a relay that has too much to do that it takes nobody', async () => {
    let isOverloaded = false;
    const core = new RelayCore(readOptions({ allow: ['203.0.113.7'], allowNoOrigin: true }), {
      log: new SampledLog(undefined, () => 0),
      resolve: () => Promise.reject(new Error('no')),
      isOverloaded: () => isOverloaded,
      hasFiles: () => true,
      now: () => 0,
      wallClock: () => 0,
    });
    const server = createServer((request, response) => void answerCheck(core.admission, request, response));
    core.attach(server);
    const port = await listenOn(server, { host: '127.0.0.1', port: 0 });
    const connect = async () => {
      const client = await RelayClient.connect(`ws://127.0.0.1:${port}/v1`);
      cleanups.push(() => client.close());
      return client;
    };
    cleanups.push(() => server.close());
    const there = await connect();
    isOverloaded = true;
    await expect(connect()).rejects.toThrow('HTTP 503');
    const verdict = await (await fetch(`http://127.0.0.1:${port}/v1/check`)).json();
    expect(verdict).toEqual({ ok: false, code: 'full', message: 'this relay is overloaded' });
    expect(core.context.counters.upgrades.get('full')).toBe(1);
    isOverloaded = false;
    await connect();
    expect([there.closed, core.context.sessions.size]).toEqual([undefined, 2]);
  });
});
