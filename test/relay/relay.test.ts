import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket as WebSocketClient, WebSocketServer } from 'ws';
import {
  CHANNEL_DENIED,
  CHANNEL_TOO_MANY,
  CLOSE,
  CLOSED,
  EVENT,
  EVENT_NEED_HANDSHAKE,
  GOAWAY,
  OPENED,
  PING,
  PONG,
  WELCOME,
  writeControl,
} from '../../src/core/wire/relay.ts';
import { createRelay, type RelayOptions } from '../../src/relay-host/index.ts';
import { data, FakeEndpoint, initiation } from './fake-endpoint.ts';
import { RelayClient, settled, until } from './relay-client.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function endpoint(host?: string): Promise<FakeEndpoint> {
  const fake = await FakeEndpoint.open(host);
  cleanups.push(() => fake.close());
  return fake;
}

async function start(options: Partial<RelayOptions> & { allow: RelayOptions['allow'] }) {
  const relay = createRelay({ listen: '127.0.0.1:0', allowNoOrigin: true, ...options });
  const { url } = await relay.listen();
  cleanups.push(() => relay.close());
  return { relay, url };
}

async function connect(url: string, options?: object): Promise<RelayClient> {
  const client = await RelayClient.connect(url, options);
  cleanups.push(() => client.close());
  return client;
}

/** A relay, an endpoint behind it and a client whose channel 1 has done its handshake. */
async function tunnel(options: Partial<RelayOptions> = {}) {
  const peer = await endpoint();
  const { relay, url } = await start({ allow: [`127.0.0.1:${peer.port}`], ...options });
  const client = await connect(url);
  client.send([0, client.open(1, peer.port)], [1, initiation(77)]);
  await until(() => client.datagrams.length === 1, 'the response');
  client.datagrams.length = 0;
  return { peer, relay, url, client };
}

describe('a client with as many channels as there may be', () => {
  const each = <T>(what: (channel: number) => T) => Array.from({ length: 63 }, (_, n) => what(n + 1));

  it('opens them all at once, and each gets its answers', async () => {
    const peer = await endpoint();
    const initiations = { initiationsPerSecondOfClient: 1000, initiationsPerSecondToDestination: 1000 };
    const { relay, url } = await start({
      allow: [`127.0.0.1:${peer.port}`],
      limits: { channels: 63, ...initiations },
    });
    const client = await connect(url);
    client.send(...each((channel) => [0, client.open(channel, peer.port)] as const));
    client.send(...each((channel) => [channel, initiation(channel)] as const));
    await until(() => client.of(OPENED).length === 63 && client.datagrams.length === 63, 'all answers');
    const denied = await connect(url);
    denied.send(...each((channel) => [0, denied.open(channel, 9)] as const));
    await until(() => denied.of(CLOSED).length === 63, 'all refusals');
    expect(relay.counters.down.drops).toEqual({});
  });
});

describe('an endpoint that speaks something else, where its rule says so', () => {
  it('gets whatever is sent, and its answers arrive, without a handshake', async () => {
    const peer = await endpoint();
    peer.socket.on('message', (message, from) => peer.socket.send(message, from.port, from.address));
    const rule = { host: '127.0.0.1', ports: [peer.port], shape: 'off' as const, dangerous: true };
    const { relay, url } = await start({ allow: [rule] });
    const client = await connect(url);
    client.send([0, client.open(1, peer.port)], [1, Buffer.from('hello')]);
    await until(() => client.datagrams.length === 1, 'the echo');
    // What is short is data here, and not a handshake, of which few may wait.
    client.send(...Array.from({ length: 60 }, (_, n) => [1, Buffer.alloc(8, n)] as const));
    await until(() => client.datagrams.length === 61, 'all of them');
    expect(client.datagrams[0]!.body.toString()).toBe('hello');
    expect(relay.counters.up.types).toEqual([0, 0, 0, 0, 61]);
    expect(relay.counters.down.drops).toEqual({});
  });
});

describe('a tunnel through the relay', () => {
  it('starts in one message, and says from which port it sends', async () => {
    const peer = await endpoint();
    const { url } = await start({ allow: [`127.0.0.1:${peer.port}`] });
    const client = await connect(url);
    client.send([0, client.open(1, peer.port)], [1, initiation(77)]);
    await until(() => client.datagrams.length === 1, 'the response');
    expect(client.datagrams[0]!.body.readUInt32LE(8)).toBe(77);
    expect(client.of(WELCOME)).toMatchObject([{ version: 1, maxDatagram: 2048, maxMessage: 65_535 }]);
    expect(client.of(OPENED)).toEqual([
      {
        type: OPENED,
        channel: 1,
        flags: 0,
        address: new Uint8Array([127, 0, 0, 1]),
        port: peer.port,
        localPort: peer.client!.port,
      },
    ]);
  });

  it('says how large messages may be, keeps to it, and closes with 1009 what is larger', async () => {
    const { peer, client } = await tunnel({ limits: { maxMessage: 16_384 } });
    expect(client.of(WELCOME)).toMatchObject([{ maxMessage: 16_384 }]);
    let largest = 0;
    client.socket.on('message', (message) => {
      largest = Math.max(largest, (message as Buffer).length);
    });
    for (let n = 0; n < 8; n++)
      client.send(...Array.from({ length: 11 }, () => [1, data(peer.index, 1400)] as const));
    await until(() => client.datagrams.length === 88, 'all echoes');
    expect(largest).toBeGreaterThan(1400);
    expect(largest).toBeLessThanOrEqual(16_384);
    client.send(...Array.from({ length: 12 }, () => [1, data(peer.index, 1400)] as const));
    await until(() => client.closed !== undefined, 'the close');
    expect(client.closed!.code).toBe(1009);
    for (const maxMessage of [16_383, 65_536])
      expect(() => createRelay({ allow: ['127.0.0.1:51820'], limits: { maxMessage } })).toThrow(
        /limits\.maxMessage: expected (>=16384, not 16383|<=65535, not 65536)/,
      );
  });

  it('carries data both ways, many datagrams a message', async () => {
    const { peer, client } = await tunnel();
    const batch = Array.from({ length: 40 }, (_, i) => [1, data(peer.index, 1400, i)] as const);
    client.messages = 0;
    client.send(...batch);
    await until(() => client.datagrams.length === 40, '40 echoes');
    expect(peer.ofType(4).map((message) => message[20])).toEqual(batch.map((_, i) => i));
    expect(client.datagrams.map(({ body }) => body[20])).toEqual(batch.map((_, i) => i));
    expect(client.messages).toBeLessThan(20);
  });

  it('works over IPv6', async () => {
    const peer = await endpoint('::1');
    const { url } = await start({ allow: [`[::1]:${peer.port}`] });
    const client = await connect(url);
    client.send([0, client.open(1, peer.port, '::1')], [1, initiation(5)]);
    await until(() => client.datagrams.length === 1, 'the response');
    expect(client.of(OPENED)[0]!.address).toHaveLength(16);
  });

  it('leaves from whichever address leads to the endpoint, which need not be one of ours', async () => {
    const peer = await endpoint('127.0.0.2');
    const { url } = await start({ allow: [`127.0.0.2:${peer.port}`] });
    const client = await connect(url);
    client.send([0, client.open(1, peer.port, '127.0.0.2')], [1, initiation(5)]);
    await until(() => client.datagrams.length === 1, 'the response');
    expect(peer.client!.address).toBe('127.0.0.1');
  });

  it('leaves from the addresses that it was given, in turns', async () => {
    const peer = await endpoint();
    const udpAddresses = ['127.0.0.3', '127.0.0.4', '::1'];
    const { url } = await start({ allow: [`127.0.0.1:${peer.port}`], udpAddresses });
    const client = await connect(url);
    const from: string[] = [];
    for (const channel of [1, 2, 3]) {
      client.send([0, client.open(channel, peer.port)], [channel, initiation(channel)]);
      await until(() => client.datagrams.length === channel, 'the response');
      from.push(peer.client!.address);
    }
    expect(from).toEqual(['127.0.0.3', '127.0.0.4', '127.0.0.3']);
  });

  it('lets as many sessions to an endpoint as its rule says; one that ends makes room', async () => {
    const peer = await endpoint();
    const rule = { host: '127.0.0.1', ports: [peer.port], maxSessions: 2 };
    const { relay, url } = await start({ allow: [rule], tickets: { park: 0 } });
    const clients = await Promise.all([1, 2, 3].map(() => connect(url)));
    const open = (client: RelayClient) => client.send([0, client.open(1, peer.port)], [1, initiation(1)]);
    for (const client of clients.slice(0, 2)) {
      open(client);
      await until(() => client.datagrams.length === 1, 'the response');
    }
    const [first, , third] = clients as [RelayClient, RelayClient, RelayClient];
    open(third);
    await until(() => third.of(CLOSED).length === 1, 'the refusal');
    expect(third.of(CLOSED)[0]).toMatchObject({ code: CHANNEL_TOO_MANY, reason: 'endpoint_full' });
    expect(relay.counters.denied.get('endpoint_full')).toBe(1);
    await first.close();
    await until(() => relay.sessions === 2, 'its end');
    open(third);
    await until(() => third.datagrams.length === 1, 'its response');
    // What one closes by itself counts no more either, and only once.
    for (let n = 0; n < 3; n++) third.control(writeControl({ type: CLOSE, channel: 1 }));
    open(third);
    await until(() => third.datagrams.length === 2, 'the next');
  });

  it('keeps two endpoints of one client apart', async () => {
    const [one, two] = [await endpoint(), await endpoint()];
    const { url } = await start({ allow: [`127.0.0.1:${one.port}`, `127.0.0.1:${two.port}`] });
    const client = await connect(url);
    client.send(
      [0, client.open(1, one.port)],
      [0, client.open(9, two.port)],
      [1, initiation(1)],
      [9, initiation(2)],
    );
    await until(() => client.datagrams.length === 2, 'both responses');
    const indices = client.datagrams.map(({ channel, body }) => [channel, body.readUInt32LE(8)]);
    expect(indices.sort()).toEqual([
      [1, 1],
      [9, 2],
    ]);
  });

  it('answers PING with the same nonce', async () => {
    const { client } = await tunnel();
    const nonce = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
    client.control(writeControl({ type: PING, nonce }));
    await until(() => client.of(PONG).length === 1, 'PONG');
    expect(client.of(PONG)[0]).toMatchObject({ nonce, queuedBytes: 0 });
  });

  it('a closed channel can be opened again, with a new UDP port and a new gate', async () => {
    const { client, peer } = await tunnel();
    const port = peer.client!.port;
    client.send(
      [0, writeControl({ type: CLOSE, channel: 1 })],
      [0, client.open(1, peer.port)],
      [1, data(peer.index)],
    );
    await until(() => client.of(EVENT).length === 1, 'an event');
    expect(client.of(EVENT)[0]).toMatchObject({ channel: 1, kind: EVENT_NEED_HANDSHAKE });
    client.send([1, initiation(78)]);
    await until(() => client.datagrams.length === 1, 'the response');
    expect(peer.client!.port).not.toBe(port);
  });

  it('a stop says GOAWAY, closes with 1012, and ends in time even if a client does not answer', async () => {
    const { client, relay } = await tunnel();
    client.socket.pause();
    const before = performance.now();
    const stopped = relay.close();
    await stopped;
    expect(performance.now() - before).toBeLessThan(3000);
    client.socket.resume();
    await until(() => client.closed !== undefined, 'the close');
    expect(client.of(GOAWAY)).toMatchObject([{ code: 1012 }]);
    expect(client.closed!.code).toBe(1012);
  });

  it('a denied destination closes the channel, not the session', async () => {
    const { client, peer } = await tunnel();
    client.send([0, client.open(2, peer.port + 1)], [2, initiation(3)]);
    await until(() => client.of(CLOSED).length > 0, 'CLOSED');
    expect(client.of(CLOSED)).toMatchObject([{ channel: 2, code: CHANNEL_DENIED, reason: 'not_allowed' }]);
    client.send([1, data(peer.index)]);
    await until(() => client.datagrams.length === 1, 'the echo');
    await settled();
    expect(client.closed).toBeUndefined();
  });
});

describe('on a server that someone else runs', () => {
  it('serves its own path, leaves the others alone, and ends without ending the server', async () => {
    const peer = await endpoint();
    const relay = createRelay({ allow: [`127.0.0.1:${peer.port}`] });
    const server = createServer((request, response) => {
      if (!relay.handleRequest(request, response)) response.end('the page');
    });
    const others = new WebSocketServer({ noServer: true });
    server.on('upgrade', (request, socket, head) => {
      if (request.url === '/other')
        others.handleUpgrade(request, socket, head, (other) => other.send('hello'));
    });
    relay.attach(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const origin = `http://localhost:${port}`;
    const client = await connect(`ws://127.0.0.1:${port}/v1`, { origin });
    client.send([0, client.open(1, peer.port)], [1, initiation(7)]);
    await until(() => client.datagrams.length === 1, 'the response');
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('the page');
    const check = await fetch(`http://127.0.0.1:${port}/v1/check`, { headers: { Origin: origin } });
    expect(await check.json()).toMatchObject({ ok: true });
    const other = new WebSocketClient(`ws://127.0.0.1:${port}/other`);
    await new Promise((resolve) => other.addEventListener('message', resolve));
    other.close();

    await relay.close();
    await until(() => client.closed !== undefined, 'the close');
    expect(client.closed!.code).toBe(1012);
    await expect(RelayClient.connect(`ws://127.0.0.1:${port}/v1`, { origin })).rejects.toThrow('HTTP 503');
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('the page');
  });
});
