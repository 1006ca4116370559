// OPEN with LISTEN: an endpoint that calls first, where the operator allows it, and what strangers make of that.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { Policy } from '../../relay/policy.ts';
import {
  CHANNEL_DENIED,
  CHANNEL_LISTEN_DENIED,
  CLOSED,
  EVENT,
  EVENT_NEED_HANDSHAKE,
  EVENT_RATE_LIMITED,
  OPEN_LISTEN,
  OPENED,
} from '../../src/core/wire/relay.ts';
import { createRelay, type RelayOptions } from '../../src/relay-host/index.ts';
import { parseRule } from '../../src/relay-host/rules.ts';
import { cookieReply, data, FakeEndpoint, initiation, response } from './fake-endpoint.ts';
import { RelayClient, settled, until } from './relay-client.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: Partial<RelayOptions> & { allow: RelayOptions['allow'] }) {
  const relay = createRelay({ listen: '127.0.0.1:0', allowNoOrigin: true, ...options });
  const { url } = await relay.listen();
  cleanups.push(() => relay.close());
  const client = await RelayClient.connect(url);
  cleanups.push(() => client.close());
  return { relay, client };
}

async function endpoint(): Promise<FakeEndpoint> {
  const fake = await FakeEndpoint.open();
  fake.answers = false;
  cleanups.push(() => fake.close());
  return fake;
}

const rule = (port: number) => ({ host: '127.0.0.1', ports: [port], listen: true });

/** Channel 1 listens for a fake endpoint that has said nothing yet; `call` sends to it. */
async function listening(options: Partial<RelayOptions> = {}) {
  const peer = await endpoint();
  const { relay, client } = await start({ allow: [rule(peer.port)], ...options });
  client.control(client.open(1, peer.port, '127.0.0.1', OPEN_LISTEN));
  await until(() => client.of(OPENED).length === 1, 'OPENED');
  const { localPort } = client.of(OPENED)[0]!;
  const call = (message: Buffer) => peer.socket.send(message, localPort, '127.0.0.1');
  return { relay, client, peer, localPort, call };
}

describe('a channel that listens', () => {
  it('has a port at once, hears the endpoint’s call, and the session that follows carries data', async () => {
    const { client, peer, localPort, call } = await listening();
    expect(peer.received).toEqual([]);
    call(initiation(0xe1));
    await until(() => client.datagrams.length === 1, 'the call');
    expect(client.datagrams[0]).toEqual({ channel: 1, body: initiation(0xe1) });
    client.send([1, response(0xc1, 0xe1)]);
    await until(() => peer.received.length === 1, 'the answer');
    expect(peer.client!.port).toBe(localPort);
    call(data(0xc1));
    await until(() => client.datagrams.length === 2, 'data from the endpoint');
    client.send([1, data(0xe1)]);
    await until(() => peer.received.length === 2, 'data from the client');
    expect(client.of(CLOSED)).toEqual([]);
  });

  it('ends when the rule says so no longer', async () => {
    const { relay, client, peer } = await listening();
    relay.reload({ allow: [{ ...rule(peer.port), listen: false }], allowNoOrigin: true });
    await until(() => client.of(CLOSED).length === 1, 'the end of the channel');
    expect(client.of(CLOSED)[0]).toMatchObject({ channel: 1, code: CHANNEL_LISTEN_DENIED });
  });

  it('lets the client call, too', async () => {
    const { client, peer } = await listening();
    peer.answers = true;
    client.send([1, initiation(7)]);
    await until(() => client.datagrams.length === 1, 'the response');
    client.send([1, data(peer.index)]);
    await until(() => client.datagrams.length === 2, 'the echo');
  });

  it('is not idle, however long nobody calls', async () => {
    const { client, call } = await listening({ limits: { idleTimeout: 50 } });
    await settled(2200);
    expect(client.closed).toBeUndefined();
    call(initiation(1));
    await until(() => client.datagrams.length === 1, 'the call');
  });

  it('stays after twenty unanswered initiations, with one a minute from then on', async () => {
    let now = 0;
    const { client, peer } = await listening({ now: () => now });
    for (let i = 0; i < 24; i++) {
      now += 5000;
      client.send([1, initiation(i)]);
      await until(() => peer.received.length === Math.min(i, 20) + 1 || i > 20, `initiation ${i}`);
      await settled(5);
    }
    expect(peer.received).toHaveLength(21);
    expect(client.of(CLOSED)).toEqual([]);
    now += 60_000;
    client.send([1, initiation(99)]);
    await until(() => peer.received.length === 22, 'one a minute later');
  });
});

describe('a rule', () => {
  const policy = new Policy(
    [
      '192.0.2.1:51820',
      { host: '192.0.2.2', listen: true },
      { cidr: '198.51.100.0/24', listen: true },
      'plain.example',
      { host: 'wait.example', ports: [51821], listen: true },
      'wait.example:51822',
      { host: '192.0.2.9', alias: 'hub', listen: true },
    ].map((rule) => parseRule(rule)),
    { resolve: async () => ['203.0.113.5'] },
  );
  it.each([
    ['192.0.2.1', 51820, false],
    ['192.0.2.2', 51820, true],
    ['198.51.100.7', 51820, true],
    ['plain.example', 51820, false],
    ['wait.example', 51821, true],
    ['wait.example', 51822, false],
    ['hub', 0, true],
  ])('for %s port %i allows LISTEN: %s', async (host, port, allowsListen) => {
    const decision = policy.decide(host, port);
    const final = 'pending' in decision ? await decision.pending : decision;
    expect(final).toMatchObject({ destination: { allowsListen } });
  });
});

describe('hostile', () => {
  it('LISTEN where only sending is allowed: 4417; the channel can be opened again without it', async () => {
    const peer = await endpoint();
    peer.answers = true;
    const { client } = await start({ allow: [`127.0.0.1:${peer.port}`] });
    client.send([0, client.open(1, peer.port, '127.0.0.1', OPEN_LISTEN)], [1, initiation(5)]);
    await until(() => client.of(CLOSED).length === 1, 'CLOSED');
    expect(client.of(CLOSED)[0]).toMatchObject({
      channel: 1,
      code: CHANNEL_LISTEN_DENIED,
      reason: 'listen_not_allowed',
    });
    await settled();
    expect(peer.received).toEqual([]);
    expect(client.of(OPENED)).toEqual([]);
    client.send([0, client.open(1, peer.port)], [1, initiation(6)]);
    await until(() => client.datagrams.length === 1, 'the response');
  });

  it('LISTEN where nothing is allowed says the same as OPEN: 4405', async () => {
    const { client } = await start({ allow: [rule(51820)] });
    client.control(client.open(1, 51821, '127.0.0.1', OPEN_LISTEN));
    client.control(client.open(2, 51821, '127.0.0.1'));
    await until(() => client.of(CLOSED).length === 2, 'CLOSED');
    const [listen, plain] = client.of(CLOSED);
    expect({ ...listen, channel: 0 }).toEqual({ ...plain, channel: 0 });
    expect(plain!.code).toBe(CHANNEL_DENIED);
  });

  it('flags that nobody knows do not listen', async () => {
    const { client } = await start({ allow: [rule(51820)] });
    client.control(client.open(1, 51820, '127.0.0.1', 0xfe));
    await settled();
    expect(client.of(OPENED)).toEqual([]);
    expect(client.of(CLOSED)).toEqual([]);
  });

  it('a channel without LISTEN hears no call, even where listening is allowed', async () => {
    const peer = await endpoint();
    const { relay, client } = await start({ allow: [rule(peer.port)] });
    client.send([0, client.open(1, peer.port)], [1, initiation(5)]);
    await until(() => peer.received.length === 1, 'the initiation');
    peer.send(initiation(0xe1));
    await until(() => relay.counters.down.drops.unsolicited_initiation === 1, 'the drop');
    expect(client.datagrams).toEqual([]);
  });

  it('others than the endpoint are not heard', async () => {
    const { relay, client, localPort, call } = await listening();
    const stranger = createSocket('udp4');
    cleanups.push(() => stranger.close());
    stranger.bind(0, '127.0.0.1');
    await once(stranger, 'listening');
    for (let i = 0; i < 20; i++) stranger.send(initiation(i), localPort, '127.0.0.1');
    await settled();
    call(initiation(0xe1));
    await until(() => client.datagrams.length === 1, 'the call');
    expect(client.datagrams[0]!.body).toEqual(initiation(0xe1));
    expect(relay.counters.down.drops).toEqual({});
  });

  it('only a call may come first: no response, cookie, data, nor what is not WireGuard’s', async () => {
    const { relay, client, call } = await listening();
    for (const message of [response(1, 2), cookieReply(1), data(1), data(1, 32), Buffer.from('hello')])
      call(message);
    call(initiation(1, 147));
    await until(() => Object.values(relay.counters.down.drops).reduce((a, b) => a + b, 0) === 6, 'six drops');
    expect(relay.counters.down.drops).toEqual({
      unsolicited_response: 1,
      unsolicited_cookie: 1,
      no_handshake: 2,
      shape: 2,
    });
    expect(client.datagrams).toEqual([]);
  });

  it('a flood of calls: three, then one in four seconds, and the client is told', async () => {
    let now = 0;
    const { relay, client, call } = await listening({ now: () => now });
    for (let i = 0; i < 200; i++) call(initiation(i));
    await until(() => relay.counters.down.drops.rate === 197, 'the drops');
    await until(() => client.datagrams.length >= 3, 'the calls');
    expect(client.datagrams).toHaveLength(3);
    await until(() => client.of(EVENT).length > 0, 'the event');
    expect(client.of(EVENT)[0]).toMatchObject({ channel: 1, kind: EVENT_RATE_LIMITED });
    now += 4001;
    for (let i = 0; i < 5; i++) call(initiation(i));
    await until(() => relay.counters.down.drops.rate === 201, 'the drops');
    await until(() => client.datagrams.length >= 4, 'the call');
    expect(client.datagrams).toHaveLength(4);
  });

  it('an echo server cannot open it: the client’s own initiation, sent back, is no call', async () => {
    const { relay, client, peer } = await listening();
    client.send([1, initiation(0xc1)]);
    await until(() => peer.received.length === 1, 'the initiation');
    peer.send(peer.received[0]!);
    await until(() => relay.counters.down.drops.unsolicited_initiation === 1, 'the drop');
    client.send([1, response(0xc1, 0xc1)], [1, data(0xc1)]);
    await until(() => client.of(EVENT).some(({ kind }) => kind === EVENT_NEED_HANDSHAKE), 'the refusal');
    await settled();
    expect(peer.received).toHaveLength(1);
    expect(relay.counters.up.drops).toEqual({ unsolicited_response: 1, no_handshake: 1 });
  });

  it('a call that the client never answers opens nothing for data', async () => {
    const { relay, client, peer, call } = await listening();
    call(initiation(0xe1));
    await until(() => client.datagrams.length === 1, 'the call');
    client.send([1, data(0xe1)]);
    await until(() => relay.counters.up.drops.no_handshake === 1, 'the drop');
    call(data(0xc1));
    await until(() => relay.counters.down.drops.no_handshake === 1, 'the drop');
    expect(peer.received).toEqual([]);
    expect(client.datagrams).toHaveLength(1);
  });

  it('closing the channel gives the port back', async () => {
    const { client, localPort } = await listening();
    client.control(Uint8Array.of(2, 1));
    await settled();
    const socket = createSocket('udp4');
    cleanups.push(() => socket.close());
    socket.bind(localPort, '0.0.0.0');
    await once(socket, 'listening');
  });
});
