// A session whose WebSocket broke waits in its relay for a while (hostile cases 48, 58, 60 and 61).
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  BEARER_PREFIX,
  EVENT,
  EVENT_NEED_HANDSHAKE,
  OPEN_LISTEN,
  OPENED_KEYS_KNOWN,
  OPENED_SAME_PORT,
  SUBPROTOCOL,
  TICKET,
  WELCOME,
} from '../../src/core/wire/relay.ts';
import { issueToken } from '../../src/relay-host/index.ts';
import { data, type FakeEndpoint, initiation } from './fake-endpoint.ts';
import { type RelayClient, settled, until } from './relay-client.ts';
import {
  CLIENT_INDEX,
  connect,
  handshake,
  openedFlags,
  type RunningRelay,
  resumeOf,
  resumes,
  startEndpoint,
  startRelay,
} from './resume-harness.ts';

const SAME = OPENED_SAME_PORT | OPENED_KEYS_KNOWN;

/** A client whose connection breaks; its session waits. */
async function parked(at: RunningRelay, peer: FakeEndpoint): Promise<RelayClient> {
  const waiting = at.relay.parked;
  const client = await handshake(await connect(at), peer);
  client.socket.terminate();
  await until(() => at.relay.parked === waiting + 1 || at.relay.sessions === 0, 'the end');
  return client;
}

async function goOn(at: RunningRelay, old: RelayClient, peer: FakeEndpoint): Promise<RelayClient> {
  const client = await connect(at);
  client.send([0, resumeOf(old)], [0, client.open(1, peer.port)], [1, data(peer.index)]);
  return client;
}

const echoed = (client: RelayClient) => until(() => client.datagrams.length > 0, 'the echo');

/** A relay where each subject may have one session, and how alice shows that she is alice. */
async function startForOne() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const key = publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const peer = await startEndpoint();
  const at = await startRelay(peer, {
    auth: { keys: [{ alg: 'EdDSA', key }] },
    limits: { sessionsPerSubject: 1 },
  });
  const request = { subject: 'alice', destinations: [`127.0.0.1:${peer.port}`] };
  const bearer = async () => [
    SUBPROTOCOL,
    BEARER_PREFIX + (await issueToken(privateKey, request, Date.now())),
  ];
  return { peer, at, bearer };
}

describe('a ticket shown again and again', () => {
  it('makes no more sessions than its subject may have, even if the first one does not answer its end', async () => {
    const { peer, at, bearer } = await startForOne();
    const alice = await handshake(await connect(at, {}, await bearer()), peer);
    alice.socket.pause();
    const show = async () => {
      const client = await connect(at);
      client.send([0, resumeOf(alice)], [0, client.open(1, peer.port)]);
      await until(() => client.closed !== undefined || client.of(WELCOME).length > 0, 'a verdict');
      return client;
    };
    const first = await show();
    expect(first.of(WELCOME)).toHaveLength(1);
    for (let n = 0; n < 3; n++) expect((await show()).closed).toMatchObject({ code: 4429 });
    expect(first.closed).toBeUndefined();
  });
});

describe('a session whose WebSocket broke', () => {
  it('goes on from the same UDP port, and what came meanwhile is there', async () => {
    const peer = await startEndpoint();
    const at = await startRelay(peer);
    const old = await parked(at, peer);
    expect(old.of(WELCOME)[0]!.graceSeconds).toBe(20);
    const { port } = peer.client!;
    for (const fill of [1, 2]) peer.send(data(CLIENT_INDEX, 100, fill));
    await settled();
    const client = await goOn(at, old, peer);
    await until(() => client.datagrams.length === 3, 'both and the echo');
    expect(client.datagrams.map(({ body }) => body[20])).toEqual([1, 2, 0x44]);
    expect(openedFlags(client)).toBe(SAME);
    expect(peer.client!.port).toBe(port);
    expect(peer.ofType(1)).toHaveLength(1);
    expect(resumes(at)).toEqual({ 'l1 resumed': 1 });
    expect([at.relay.parked, at.relay.sessions]).toEqual([0, 1]);
    await until(() => client.of(TICKET).length > 0, 'a new ticket');
  });

  it('keeps 16 KiB of the newest, counted as anything that waits', async () => {
    const peer = await startEndpoint();
    const at = await startRelay(peer);
    const old = await parked(at, peer);
    for (let i = 0; i < 50; i++) peer.send(data(CLIENT_INDEX, 1000, i));
    await until(() => at.relay.counters.down.datagrams >= 51, 'all fifty');
    expect(at.relay.queuedBytes).toBeLessThanOrEqual(16 * 1024);
    expect(at.relay.queuedBytes).toBeGreaterThan(12 * 1024);
    const client = await connect(at);
    client.send([0, resumeOf(old)], [0, client.open(1, peer.port)]);
    await until(() => client.datagrams.length >= 14, 'what was kept');
    expect(client.datagrams.at(-1)!.body[20]).toBe(49);
    expect(client.datagrams).toHaveLength(14);
    expect(at.relay.queuedBytes).toBe(0);
  });

  it('waits 20 s, then its port is free and the ticket makes a new one', async () => {
    let later = 0;
    const peer = await startEndpoint();
    const at = await startRelay(peer, { now: () => performance.now() + later });
    const old = await parked(at, peer);
    const { port } = peer.client!;
    later += 18_000;
    await settled(1100);
    expect(at.relay.parked).toBe(1);
    later += 2000;
    await until(() => at.relay.parked === 0, 'the end');
    const client = await goOn(at, old, peer);
    await echoed(client);
    expect(openedFlags(client)).toBe(OPENED_KEYS_KNOWN);
    expect(peer.client!.port).not.toBe(port);
    expect(resumes(at)).toEqual({ 'l2 resumed': 1 });
  });

  it('does not wait if its client said goodbye, never had a handshake, or the operator does not want it', async () => {
    const peer = await startEndpoint();
    const at = await startRelay(peer);
    const polite = await handshake(await connect(at), peer);
    polite.socket.close(1000);
    const early = await connect(at);
    early.send([0, early.open(1, peer.port)]);
    early.socket.terminate();
    const never = await startRelay(peer, { tickets: { park: 0 } });
    const client = await handshake(await connect(never), peer);
    client.socket.terminate();
    await until(() => at.relay.sessions + never.relay.sessions === 0, 'the ends');
    expect(at.relay.parked + never.relay.parked).toBe(0);
    expect(client.of(WELCOME)[0]!.graceSeconds).toBe(0);
  });

  it('does not go on listening for a client that asks for the channel without that', async () => {
    const peer = await startEndpoint();
    const allow = [{ host: '127.0.0.1', ports: [peer.port], listen: true }];
    const at = await startRelay(peer, { allow });
    const old = await connect(at);
    old.send([0, old.open(1, peer.port, '127.0.0.1', OPEN_LISTEN)], [1, initiation(CLIENT_INDEX)]);
    await until(() => old.of(TICKET).length > 0, 'a ticket');
    old.socket.terminate();
    await until(() => at.relay.parked === 1, 'the wait');
    const client = await goOn(at, old, peer);
    await until(() => client.of(EVENT).length > 0, 'NEED_HANDSHAKE');
    expect(client.of(EVENT)).toMatchObject([{ channel: 1, kind: EVENT_NEED_HANDSHAKE }]);
    expect(openedFlags(client)).toBeUndefined();
  });

  it('what its client does not ask for again is closed', async () => {
    const [peer, other] = [await startEndpoint(), await startEndpoint()];
    const at = await startRelay(peer, { allow: [`127.0.0.1:${peer.port}`, `127.0.0.1:${other.port}`] });
    const old = await parked(at, peer);
    const client = await connect(at);
    client.send([0, resumeOf(old)], [0, client.open(1, other.port)], [1, data(peer.index)]);
    await until(() => client.of(EVENT).length > 0, 'NEED_HANDSHAKE');
    const sent = peer.client!;
    await until(() => at.relay.counters.resumes.size === 1, 'resumed');
    await settled(3200);
    const down = at.relay.counters.down.datagrams;
    peer.socket.send(data(CLIENT_INDEX), sent.port, sent.address);
    await settled();
    expect(at.relay.counters.down.datagrams).toBe(down);
  });
});

describe('one owner', () => {
  it('a WebSocket that is still there is closed with 4409; what waits for it goes over', async () => {
    const peer = await startEndpoint();
    const at = await startRelay(peer);
    const old = await handshake(await connect(at), peer);
    const client = await goOn(at, old, peer);
    await echoed(client);
    await until(() => old.closed !== undefined, 'the close');
    expect(old.closed!.code).toBe(4409);
    expect(openedFlags(client)).toBe(SAME);
    expect(old.datagrams).toEqual([]);
    expect([at.relay.parked, at.relay.sessions]).toEqual([0, 1]);
  });

  it('two that race for a session with its old WebSocket still there: one gets it, the other a new port', async () => {
    const peer = await startEndpoint();
    const at = await startRelay(peer);
    const old = await handshake(await connect(at), peer);
    const { port } = peer.client!;
    const racers = [await connect(at), await connect(at)];
    for (const racer of racers) racer.send([0, resumeOf(old)], [0, racer.open(1, peer.port)]);
    await until(() => racers.every((racer) => openedFlags(racer) !== undefined), 'both');
    expect(racers.map(openedFlags).sort()).toEqual([OPENED_KEYS_KNOWN, SAME]);
    await until(() => old.closed !== undefined, 'the close');
    expect(old.closed!.code).toBe(4409);
    const owner = racers.find((racer) => openedFlags(racer) === SAME)!;
    peer.socket.send(data(CLIENT_INDEX, 100, 9), port, '127.0.0.1');
    await echoed(owner);
    expect(resumes(at)).toEqual({ 'l1 resumed': 1, 'l2 resumed': 1 });
  });

  it('a ticket shown a hundred times at once: one has the session, the others are within their limits', async () => {
    const peer = await startEndpoint();
    const limits = { upgradeBurst: 200, sessionsPerClient: 40 };
    const at = await startRelay(peer, { limits });
    const old = await parked(at, peer);
    const shown = await Promise.allSettled(Array.from({ length: 100 }, () => goOn(at, old, peer)));
    const clients = shown.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(clients).toHaveLength(40);
    await until(() => clients.every((client) => openedFlags(client) !== undefined), 'all');
    expect(clients.filter((client) => openedFlags(client) === SAME).length).toBeLessThanOrEqual(1);
    expect(at.relay.sessions).toBe(40);
    expect(at.relay.parked).toBe(0);
  });
});

describe('the limits of parking', () => {
  it('of 60 that break, a twentieth of what the relay may have waits, who came last; ports are freed', async () => {
    const peer = await startEndpoint();
    const at = await startRelay(peer, {
      limits: {
        sessions: 60,
        upgradeBurst: 100,
        initiationsPerSecondToDestination: 1000,
        initiationsPerSecondOfClient: 1000,
      },
    });
    const clients: RelayClient[] = [];
    for (let i = 0; i < 60; i++) {
      clients.push(await parked(at, peer));
      expect(at.relay.parked).toBeLessThanOrEqual(3);
    }
    await until(() => at.relay.sessions === 0, 'the ends');
    expect(at.relay.parked).toBe(3);
    expect(at.relay.counters.evicted.get('parked')).toBe(57);
    const first = await goOn(at, clients[0]!, peer);
    const last = await goOn(at, clients[59]!, peer);
    await until(() => [first, last].every((client) => openedFlags(client) !== undefined), 'both');
    expect([openedFlags(first), openedFlags(last)]).toEqual([OPENED_KEYS_KNOWN, SAME]);
  });

  it('who waits counts for the address, but makes room for who comes', async () => {
    const peer = await startEndpoint();
    const at = await startRelay(peer, { limits: { sessionsPerClient: 2 } });
    const live = await handshake(await connect(at), peer);
    await parked(at, peer);
    await connect(at);
    expect([at.relay.parked, at.relay.sessions]).toEqual([0, 2]);
    await expect(connect(at)).rejects.toThrow('HTTP 429');
    expect(live.closed).toBeUndefined();
  });

  it('a subject at its limit may take its own session over, and nothing else', async () => {
    const { peer, at, bearer } = await startForOne();
    const old = await handshake(await connect(at, {}, await bearer()), peer);
    const second = await connect(at, {}, await bearer());
    await until(() => second.closed !== undefined, 'the refusal');
    expect(second.closed).toEqual({ code: 4429, reason: 'sub: too many sessions' });
    const next = await goOn(at, old, peer);
    await echoed(next);
    await until(() => old.closed !== undefined, 'the close');
    expect(old.closed!.code).toBe(4409);
    // The same ticket once more: its session is gone, and there is one already.
    const again = await goOn(at, old, peer);
    await until(() => again.closed !== undefined, 'the refusal');
    expect(again.closed).toEqual({ code: 4429, reason: 'sub: too many sessions' });
    expect(next.closed).toBeUndefined();
  });

  it('a subject whose session waits may come with a new one instead', async () => {
    const { peer, at, bearer } = await startForOne();
    const old = await handshake(await connect(at, {}, await bearer()), peer);
    old.socket.terminate();
    await until(() => at.relay.parked === 1, 'the wait');
    const next = await connect(at, {}, await bearer());
    await until(() => next.of(WELCOME).length === 1, 'the welcome');
    expect([at.relay.parked, at.relay.sessions]).toEqual([0, 1]);
  });
});
