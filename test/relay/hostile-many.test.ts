// Hostile cases that take great numbers, with smaller ones (npm run test:relay-hostile has the great), and what injects errors.
import { Socket as DatagramSocket } from 'node:dgram';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { CHANNEL_DENIED, CLOSED, EVENT, EVENT_UNREACHABLE } from '../../src/core/wire/relay.ts';
import { createRelay, type Relay, type RelayOptions } from '../../src/relay-host/index.ts';
import { collected } from '../relay-load/collected.ts';
import { HostileClients } from '../relay-load/hostile-clients.ts';
import { churn, damagedControls, parkFarm } from '../relay-load/many.ts';
import { generateKeys } from '../support/keys.ts';
import { data, FakeEndpoint, initiation } from './fake-endpoint.ts';
import { RawClient } from './raw-client.ts';
import { RelayClient, settled, until } from './relay-client.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: Partial<RelayOptions>): Promise<{ relay: Relay; url: string; port: number }> {
  const relay = createRelay({
    listen: '127.0.0.1:0',
    allow: ['127.0.0.1:51820'],
    allowNoOrigin: true,
    ...options,
  });
  const { url, port } = await relay.listen();
  cleanups.push(() => relay.close());
  return { relay, url, port };
}

async function endpoint(): Promise<FakeEndpoint> {
  const peer = await FakeEndpoint.open();
  cleanups.push(() => peer.close());
  return peer;
}

describe('many', () => {
  it('X-Forwarded-For from whoever is no trusted proxy: all of them count as the one that they are (row 5)', async () => {
    const { relay, port } = await start({ limits: { upgradesPerSecond: 1, upgradeBurst: 10 } });
    const statuses: (number | undefined)[] = [];
    for (let n = 0; n < 200; n++) {
      const client = await RawClient.connect(port);
      client.upgrade({ headers: { 'X-Forwarded-For': `10.${n >> 8}.${n & 255}.1, 192.0.2.${n}` } });
      await until(() => client.status !== undefined, 'an answer');
      statuses.push(client.status);
      client.socket.destroy();
    }
    const accepted = statuses.filter((status) => status === 101).length;
    expect(accepted).toBeGreaterThanOrEqual(10);
    // The burst, and what the time adds.
    expect(accepted).toBeLessThan(20);
    expect(relay.counters.upgrades.get('rate')).toBe(200 - accepted);
  });

  it('30,000 control bodies, cut or damaged: none throws, and each type ends sessions at worst (row 53)', () => {
    const codes = damagedControls(30_000);
    expect([...codes.keys()].every((code) => code === 4400)).toBe(true);
    expect(codes.get(4400)).toBeGreaterThan(1000);
  });

  it('200 clients that vanish: a twentieth of the sessions waits, and ports are free again (row 60)', async () => {
    const { parked, sockets } = await parkFarm(200, 100);
    expect(parked).toBeGreaterThan(0);
    expect(parked).toBeLessThanOrEqual(5);
    expect(sockets).toBeLessThanOrEqual(5);
  });

  it('sessions that come and go leave nothing on the heap (row 65)', async () => {
    const heaps = await churn(4, 200, collected);
    // A kilobyte for each would be 400.
    expect(heaps[3]! - heaps[1]!).toBeLessThan(400 * 1024);
  });

  it.each([
    ['nothing but initiations leaves, within the ceiling', undefined],
    ['with the public key in the rule not even those', generateKeys().publicKey],
  ])('15,000 hostile datagrams: %s', async (_, publicKey) => {
    const peer = await endpoint();
    peer.answers = false;
    const { relay, url } = await start({
      allow: [{ host: '127.0.0.1', ports: [peer.port], ...(publicKey !== undefined && { publicKey }) }],
      limits: { shapeFailures: 1e9, initiationInterval: 1, upgradeBurst: 1000, unansweredInitiations: 1e9 },
    });
    const clients = await HostileClients.connect(url, peer.port, 5);
    cleanups.push(() => clients.close());
    const sent = await clients.attack(20_000, 0.75);
    expect(sent).toBeGreaterThan(1000);
    expect(peer.received.filter((message) => message.length !== 148 || message[0] !== 1)).toEqual([]);
    if (publicKey === undefined) expect(peer.received.length).toBeGreaterThan(0);
    expect(peer.received.length).toBeLessThanOrEqual(publicKey === undefined ? 60 : 0);
    expect(relay.counters.up.drops.shape).toBeGreaterThan(100);
  });
});

describe('refusals', () => {
  it('take as long for a name that nobody allowed as for one that leads somewhere private (row 67)', async () => {
    const { url } = await start({
      allow: ['hub.example.com'],
      resolve: () => Promise.resolve(['10.0.0.1']),
      limits: { controlsPerSecond: 1e6 },
    });
    const client = await RelayClient.connect(url);
    cleanups.push(() => client.close());
    const times = await measureRefusals(client);
    expect(
      client.of(CLOSED).every(({ code, reason }) => code === CHANNEL_DENIED && reason === 'not_allowed'),
    ).toBe(true);
    const difference = Math.abs(times.unlisted - times.private);
    // Of what a client can see over loopback, which is the least that there is.
    expect(difference).toBeLessThan(Math.max(0.2 * times.unlisted, 0.1));
  });
});

async function measureRefusals(client: RelayClient): Promise<{ unlisted: number; private: number }> {
  const times: Record<string, number[]> = { 'nobody.example.com': [], 'hub.example.com': [] };
  for (let n = 0; n < 200; n++)
    for (const [host, list] of Object.entries(times)) {
      const heard = client.of(CLOSED).length;
      const before = performance.now();
      client.control(client.open(1, 51820, host));
      while (client.of(CLOSED).length === heard) await new Promise((resolve) => setImmediate(resolve));
      list.push(performance.now() - before);
    }
  const median = (list: number[]) => list.sort((a, b) => a - b)[list.length / 2]!;
  return { unlisted: median(times['nobody.example.com']!), private: median(times['hub.example.com']!) };
}

describe('errors of sockets, at any time (row 68)', () => {
  /** Everything of the relay that can have an error. */
  const found = {
    webSockets: [] as WebSocket[],
    datagramSockets: [] as DatagramSocket[],
    connections: [] as Socket[],
  };

  function watch(): void {
    for (const list of Object.values(found)) list.length = 0;
    const { handleUpgrade } = WebSocketServer.prototype;
    WebSocketServer.prototype.handleUpgrade = function (request, socket, head, done) {
      handleUpgrade.call(this, request, socket, head, (webSocket, ...rest) => {
        found.webSockets.push(webSocket);
        done(webSocket, ...rest);
      });
    };
    const { connect } = DatagramSocket.prototype;
    DatagramSocket.prototype.connect = function (...args: never) {
      found.datagramSockets.push(this);
      return connect.apply(this, args);
    };
    cleanups.push(() => {
      WebSocketServer.prototype.handleUpgrade = handleUpgrade;
      DatagramSocket.prototype.connect = connect;
    });
  }

  const failure = (code: string) => Object.assign(new Error(code), { code });

  /** An error that nobody listens for is thrown here. */
  function inject(): void {
    for (const webSocket of found.webSockets) webSocket.emit('error', failure('EPIPE'));
    for (const socket of found.connections) socket.emit('error', failure('ECONNRESET'));
    injectIntoDatagrams();
  }

  function injectIntoDatagrams(): void {
    for (const socket of found.datagramSockets)
      for (const code of [
        'ECONNREFUSED',
        'EMSGSIZE',
        'ENETUNREACH',
        'EPERM',
        'ENOBUFS',
        'EMFILE',
        'EADDRINUSE',
      ])
        socket.emit('error', failure(code));
  }

  async function startWatched(peer: FakeEndpoint) {
    watch();
    const relay = createRelay({
      allow: [`127.0.0.1:${peer.port}`],
      allowNoOrigin: true,
      limits: { stopTimeout: 200, upgradeBurst: 1000 },
    });
    const server = createServer();
    server.on('connection', (socket) => found.connections.push(socket));
    relay.attach(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(async () => {
      await relay.close();
      server.closeAllConnections();
      server.close();
    });
    return { relay, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1` };
  }

  it('end what they are about, at worst: the process lives and serves whoever comes', async () => {
    const peer = await endpoint();
    const { relay, url } = await startWatched(peer);
    const connect = async (): Promise<RelayClient> => {
      const client = await RelayClient.connect(url);
      cleanups.push(() => client.close());
      return client;
    };
    const tunnel = async (): Promise<RelayClient> => {
      const client = await connect();
      client.send([0, client.open(1, peer.port)], [1, initiation(5)]);
      await until(() => client.datagrams.length > 0, 'the response');
      return client;
    };
    // Before anything was said, while the socket is being made, while it is open.
    await connect();
    inject();
    const opening = await connect();
    opening.send([0, opening.open(1, peer.port)], [1, initiation(4)]);
    await until(() => found.datagramSockets.length > 0, 'the socket');
    inject();
    const open = await tunnel();
    injectIntoDatagrams();
    await until(() => open.of(EVENT).some(({ kind }) => kind === EVENT_UNREACHABLE), 'the event');
    inject();
    // While it is parked, while it is closing, and when it is gone.
    const lost = await tunnel();
    lost.socket.terminate();
    await until(() => relay.parked > 0, 'the parked one');
    inject();
    const closing = await tunnel();
    closing.socket.pause();
    closing.socket.send('text');
    await settled();
    inject();
    const gone = await tunnel();
    gone.socket.close(1000);
    await until(() => gone.closed !== undefined, 'its end');
    await settled();
    inject();

    const last = await tunnel();
    last.send([1, data(peer.index)]);
    await until(() => last.datagrams.length === 2, 'the echo');
  });

  it('also when the system gives no socket at all', async () => {
    const peer = await endpoint();
    const { relay, url } = await startWatched(peer);
    const { connect } = DatagramSocket.prototype;
    DatagramSocket.prototype.connect = () => {
      throw failure('EMFILE');
    };
    const client = await RelayClient.connect(url);
    cleanups.push(() => client.close());
    client.send([0, client.open(1, peer.port)], [1, initiation(5)]);
    await until(() => client.of(CLOSED).length > 0, 'CLOSED');
    DatagramSocket.prototype.connect = connect;
    expect(client.of(CLOSED)).toMatchObject([{ code: 4416, reason: 'no_udp_port' }]);
    client.send([0, client.open(1, peer.port)], [1, initiation(6)]);
    await until(() => client.datagrams.length > 0, 'the response');
    expect(relay.counters.udpErrors.get('EMFILE')).toBe(1);
  });
});
