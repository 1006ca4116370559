// A session goes on at another relay, with nothing but a ticket (hostile cases 57 and 59).
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  BEARER_PREFIX,
  CHANNEL_DENIED,
  CLOSED,
  EVENT,
  EVENT_NEED_HANDSHAKE,
  OPENED_KEYS_KNOWN,
  SUBPROTOCOL,
  TICKET,
  WELCOME,
} from '../../src/core/wire/relay.ts';
import { issueToken, jsonLines } from '../../src/relay-host/index.ts';
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

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const AUTH = {
  keys: [{ alg: 'EdDSA' as const, key: publicKey.export({ type: 'spki', format: 'pem' }) as string }],
};
const ORIGIN = 'https://console.example.com';

async function bearer(peer: FakeEndpoint, subject = 'alice', session?: number): Promise<string[]> {
  const request = { subject, destinations: [`127.0.0.1:${peer.port}`], ...(session && { session }) };
  return [SUBPROTOCOL, BEARER_PREFIX + (await issueToken(privateKey, request, Date.now()))];
}

/** A client with a session at one relay, which then is killed: nobody says goodbye. */
async function orphan(peer: FakeEndpoint, options = {}): Promise<RelayClient> {
  return handshake(await connect(await startRelay(peer, options)), peer);
}

/** Shows the ticket at a second relay, opens the channel and sends data at once. */
async function goOn(at: RunningRelay, old: RelayClient, peer: FakeEndpoint, change = {}, options = {}) {
  const client = await connect(at, options);
  client.send([0, resumeOf(old, change)], [0, client.open(1, peer.port)], [1, data(peer.index)]);
  return client;
}

/** Neither imported nor refused: the client has to begin again. */
async function expectFresh(client: RelayClient, peer: FakeEndpoint): Promise<void> {
  await until(() => client.of(EVENT).length > 0, 'NEED_HANDSHAKE');
  expect(client.of(EVENT)).toMatchObject([{ channel: 1, kind: EVENT_NEED_HANDSHAKE }]);
  await settled();
  expect(peer.ofType(4)).toHaveLength(0);
  expect(client.closed).toBeUndefined();
  expect(client.of(WELCOME)).toHaveLength(1);
}

describe('a ticket', () => {
  it('lets data flow at once through another relay, from another port, without a handshake', async () => {
    const peer = await startEndpoint();
    const old = await orphan(peer);
    const { port } = peer.client!;
    const lines: string[] = [];
    const log = jsonLines({ write: (line) => void lines.push(line) });
    const second = await startRelay(peer, { log });
    const client = await goOn(second, old, peer);
    await until(() => client.datagrams.length === 1, 'the echo');
    expect(lines.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ level: 'info', event: 'resume', how: 'l2' }),
    );
    expect(openedFlags(client)).toBe(OPENED_KEYS_KNOWN);
    expect(peer.client!.port).not.toBe(port);
    expect(peer.ofType(1)).toHaveLength(1);
    expect(client.of(EVENT)).toEqual([]);
    expect(resumes(second)).toEqual({ 'l2 resumed': 1 });
    // And it has a ticket of its own, which counts with its own secret.
    await until(() => client.of(TICKET).length > 0, 'the next ticket');
    const third = await startRelay(peer);
    const last = await goOn(third, client, peer);
    await until(() => last.datagrams.length === 1, 'the echo');
  });

  it('comes with every new pair, and again each minute', async () => {
    let now = 0;
    const peer = await startEndpoint();
    const client = await orphan(peer, { now: () => performance.now() + now });
    expect(client.of(TICKET)).toHaveLength(1);
    now += 61_000;
    await until(() => client.of(TICKET).length === 2, 'the next');
    expect(client.of(TICKET)[1]!.ticket).not.toEqual(client.of(TICKET)[0]!.ticket);
  });

  it.each<[string, string, Parameters<typeof goOn>[3], object]>([
    ['with another secret', 'none secret', { secret: randomBytes(16) }, {}],
    ['that is made up', 'none unreadable', { ticket: randomBytes(300) }, {}],
    [
      'sealed with a key that this relay does not have',
      'none unreadable',
      {},
      { tickets: { keys: [randomBytes(32)] } },
    ],
    ['of a relay that has no key to share', 'none unreadable', {}, { tickets: {} }],
    ['that is too old', 'none expired', {}, { wallClock: () => Date.now() + 181_000 }],
    ['from the future', 'none expired', {}, { wallClock: () => Date.now() - 120_000 }],
    ['of a session that would be over', 'none session_over', {}, {}],
  ])('%s gives a fresh session: nothing is imported', async (what, result, change, options) => {
    const peer = await startEndpoint();
    const old = await orphan(peer, what.includes('over') ? { limits: { sessionLifetime: 1 } } : {});
    if (what.includes('over')) await settled(20);
    const second = await startRelay(peer, options);
    await expectFresh(await goOn(second, old, peer, change), peer);
    expect(resumes(second)).toEqual({ [result]: 1 });
  });

  it('of another page gives a fresh session', async () => {
    const peer = await startEndpoint();
    const origins = { origins: [ORIGIN, 'https://other.example.com'] };
    const old = await handshake(await connect(await startRelay(peer, origins), { origin: ORIGIN }), peer);
    const second = await startRelay(peer, origins);
    const thief = await goOn(second, old, peer, {}, { origin: 'https://other.example.com' });
    await expectFresh(thief, peer);
    const owner = await goOn(second, old, peer, {}, { origin: ORIGIN });
    await until(() => owner.datagrams.length === 1, 'the echo');
    expect(resumes(second)).toEqual({ 'none other_origin': 1, 'l2 resumed': 1 });
  });

  it('is the first record or an error', async () => {
    const peer = await startEndpoint();
    const old = await orphan(peer);
    const client = await connect(await startRelay(peer));
    client.send([0, client.open(1, peer.port)], [0, resumeOf(old)]);
    await until(() => client.closed !== undefined, 'the close');
    expect(client.closed!.code).toBe(4400);
  });

  it('opens what is asked for and nothing else', async () => {
    const [peer, other] = [await startEndpoint(), await startEndpoint()];
    const allow = [`127.0.0.1:${peer.port}`, `127.0.0.1:${other.port}`];
    const old = await orphan(peer, { allow });
    const client = await connect(await startRelay(peer, { allow }));
    client.send([0, resumeOf(old)], [0, client.open(1, other.port)], [1, data(peer.index)]);
    await expectFresh(client, other);
  });
});

describe('a ticket is judged by today’s configuration', () => {
  it('a destination that is not allowed any more stays closed: 4405', async () => {
    const [peer, other] = [await startEndpoint(), await startEndpoint()];
    const old = await orphan(peer);
    const second = await startRelay(other);
    const client = await goOn(second, old, peer);
    await until(() => client.of(CLOSED).length > 0, 'CLOSED');
    expect(client.of(CLOSED)).toMatchObject([{ channel: 1, code: CHANNEL_DENIED }]);
    await settled();
    expect(peer.ofType(4)).toHaveLength(0);
  });
});

describe('an alias that means another place by now', () => {
  const aliasOf = ({ port }: FakeEndpoint) => ({ alias: 'hub', host: '127.0.0.1', ports: [port] });

  async function start() {
    const [peer, other] = [await startEndpoint(), await startEndpoint()];
    const at = await startRelay(peer, { allow: [aliasOf(peer)] });
    const old = await connect(at);
    old.send([0, old.open(1, 0, 'hub')], [1, initiation(CLIENT_INDEX)]);
    await until(() => old.datagrams.length > 0 && old.of(TICKET).length > 0, 'the response and a ticket');
    old.socket.terminate();
    await until(() => at.relay.parked === 1, 'the end');
    peer.received.length = 0;
    return { peer, other, at, old };
  }

  const goOnAt = async (at: RunningRelay, old: RelayClient, peer: FakeEndpoint) => {
    const client = await connect(at);
    client.send([0, resumeOf(old)], [0, client.open(1, 0, 'hub')], [1, data(peer.index)]);
    await until(() => client.of(EVENT).length > 0, 'that a handshake is needed');
    expect(client.of(EVENT)[0]).toMatchObject({ kind: EVENT_NEED_HANDSHAKE });
    return client;
  };

  it('does not go on where a session that waits had gone', async () => {
    const { peer, other, at, old } = await start();
    at.relay.reload({ ...at.options, allow: [aliasOf(other)] });
    const client = await goOnAt(at, old, peer);
    client.send([1, initiation(5)]);
    await until(() => other.ofType(1).length === 1, 'a handshake there');
    expect(peer.received).toHaveLength(0);
  });

  it('does not get the keys of the old one at another relay', async () => {
    const { peer, other, old } = await start();
    await goOnAt(await startRelay(other, { allow: [aliasOf(other)] }), old, peer);
    expect(other.received).toHaveLength(0);
  });
});

describe('where tokens are needed, a ticket', () => {
  it('does not make the session live longer than it would have', async () => {
    const peer = await startEndpoint();
    const old = await orphan(peer, { limits: { sessionLifetime: 1500 } });
    const client = await goOn(await startRelay(peer), old, peer);
    await until(() => client.datagrams.length > 0, 'the echo');
    await until(() => client.closed !== undefined, 'the end');
    expect(client.closed).toEqual({ code: 4410, reason: 'session: lifetime over' });
  });

  it('stands for the token, until its session would be over', async () => {
    const peer = await startEndpoint();
    const first = await startRelay(peer, { auth: AUTH });
    const old = await handshake(await connect(first, {}, await bearer(peer, 'alice', 3600)), peer);
    const second = await startRelay(peer, { auth: AUTH });
    const client = await goOn(second, old, peer);
    await until(() => client.datagrams.length === 1, 'the echo');
    client.send([0, client.open(2, 9)]);
    await until(() => client.of(CLOSED).length > 0, 'CLOSED');
    expect(client.of(CLOSED)).toMatchObject([{ channel: 2, code: CHANNEL_DENIED }]);
    const later = await startRelay(peer, { auth: AUTH, wallClock: () => Date.now() + 3_601_000 });
    const late = await goOn(later, old, peer);
    await until(() => late.closed !== undefined, 'the close');
    expect(late.closed).toMatchObject({ code: 4401 });
  });

  it('counts without the secret for a token of the same subject, and for no other', async () => {
    const peer = await startEndpoint();
    const first = await startRelay(peer, { auth: AUTH });
    const old = await handshake(await connect(first, {}, await bearer(peer)), peer);
    const second = await startRelay(peer, { auth: AUTH });
    const show = async (subject: string) => {
      const client = await connect(second, {}, await bearer(peer, subject));
      client.send(
        [0, resumeOf(old, { secret: randomBytes(16) })],
        [0, client.open(1, peer.port)],
        [1, data(peer.index)],
      );
      return client;
    };
    await expectFresh(await show('mallory'), peer);
    const alice = await show('alice');
    await until(() => alice.datagrams.length === 1, 'the echo');
    expect(resumes(second)).toEqual({ 'none other_subject': 1, 'l2 resumed': 1 });
  });

  it.each<[string, object, object, number, string]>([
    ['that is made up', { ticket: randomBytes(99) }, {}, 4401, 'ticket_unreadable'],
    ['with another secret', { secret: randomBytes(16) }, {}, 4401, 'ticket_secret'],
    ['of a subject that is denied now', {}, { auth: { ...AUTH, deny: ['alice'] } }, 4410, 'session: revoked'],
  ])('%s opens nothing', async (_, change, options, code, reason) => {
    const peer = await startEndpoint();
    const first = await startRelay(peer, { auth: AUTH });
    const old = await handshake(await connect(first, {}, await bearer(peer)), peer);
    const second = await startRelay(peer, { auth: AUTH, ...options });
    const client = await goOn(second, old, peer, change);
    await until(() => client.closed !== undefined, 'the close');
    expect(client.closed).toEqual({ code, reason });
    expect(client.of(WELCOME)).toEqual([]);
    expect(peer.ofType(4)).toHaveLength(0);
  });

  it('of a relay that wants no tokens does not stand for one', async () => {
    const peer = await startEndpoint();
    const old = await orphan(peer);
    const client = await goOn(await startRelay(peer, { auth: AUTH }), old, peer);
    await until(() => client.closed !== undefined, 'the close');
    expect(client.closed).toMatchObject({ code: 4401 });
  });
});
