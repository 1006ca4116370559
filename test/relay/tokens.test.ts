// Tokens: what they must say, who may show them, what they give. Over loopback where a WebSocket takes part.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterEach, describe, expect, it } from 'vitest';
import { Policy } from '../../relay/policy.ts';
import type { TokenVerifier } from '../../relay/tokens.ts';
import {
  AUTH,
  BEARER_PREFIX,
  CHANNEL_DENIED,
  CHANNEL_TOO_MANY,
  CLOSED,
  CONTROL_CHANNEL,
  OPENED,
  SUBPROTOCOL,
  WELCOME,
  writeControl,
} from '../../src/core/wire/relay.ts';
import {
  createRelay,
  issueToken,
  keyIdOf,
  type LogEntry,
  type RelayOptions,
} from '../../src/relay-host/index.ts';
import { parseRule } from '../../src/relay-host/rules.ts';
import { readTokens, type TokenOptions } from '../../src/relay-host/tokens.ts';
import { FakeEndpoint, initiation } from './fake-endpoint.ts';
import { RelayClient, settled, until } from './relay-client.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const PEM = publicKey.export({ type: 'spki', format: 'pem' }) as string;
const NOW = Date.UTC(2026, 10, 26, 12);
const ORIGIN = 'https://console.example.com';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function verifier(options: Partial<TokenOptions> = {}): TokenVerifier {
  return readTokens({ keys: [{ alg: 'EdDSA', key: PEM }], ...options });
}

/** Everything that a good token says; `claims` replaces or, with undefined, removes. */
function token(
  claims: Record<string, unknown> = {},
  { key = privateKey as KeyObject | Uint8Array, header = {} as Record<string, unknown> } = {},
): Promise<string> {
  const now = NOW / 1000;
  const all = {
    sub: 'alice',
    aud: 'wgrelay',
    iat: now,
    exp: now + 60,
    jti: 'token-1',
    dst: ['prod', 'hub.example.com:51820'],
    org: ORIGIN,
    ...claims,
  };
  const present = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  const allHeader = { alg: 'EdDSA', typ: 'JWT', kid: keyIdOf(publicKey), ...header };
  return new SignJWT(present).setProtectedHeader(allHeader as { alg: string }).sign(key);
}

async function reasonFor(text: string, origin: string | undefined = ORIGIN, options?: Partial<TokenOptions>) {
  const verdict = await verifier(options).verify(text, origin, NOW);
  return 'code' in verdict ? `${verdict.code} ${verdict.reason}` : 'granted';
}

describe('a token', () => {
  it('gives what it says', async () => {
    const text = await token({ ses: 3600, max: { ch: 2, pps: 1000, bps: 1e6 } });
    expect(await verifier().verify(text, ORIGIN, NOW)).toEqual({
      subject: 'alice',
      subjectHash: '2bd806c9',
      destinations: ['=prod', 'prod 51820', 'hub.example.com 51820'],
      lifetime: 3_600_000,
      channels: 2,
      datagramsPerSecond: 1000,
      bytesPerSecond: 1e6,
    });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['of yesterday', { iat: NOW / 1000 - 400, exp: NOW / 1000 - 100 }, '4401 token_expired: 100 s ago'],
    ['of tomorrow', { nbf: NOW / 1000 + 100 }, '4401 token_not_yet_valid'],
    ['issued in the future', { iat: NOW / 1000 + 100, exp: NOW / 1000 + 200 }, '4401 token_not_yet_valid'],
    ['that lives too long', { exp: NOW / 1000 + 301 }, '4401 token_lifetime: more than 300 s'],
    ['for another service', { aud: 'mail' }, '4401 token_claims: aud'],
    ['without an end', { exp: undefined }, '4401 token_claims: exp'],
    ['without a beginning', { iat: undefined }, '4401 token_claims: iat'],
    ['without an id', { jti: undefined }, '4401 token_claims: jti'],
    ['for nobody', { sub: undefined }, '4401 token_claims: sub'],
    ['whose subject would break a log line', { sub: 'a\nb' }, '4401 token_claims: sub'],
    ['for nowhere', { dst: undefined }, '4401 token_claims: dst'],
    ['for an empty list', { dst: [] }, '4401 token_claims: dst'],
    ['whose destination is a number', { dst: [51820] }, '4401 token_claims: dst'],
    ['with a session of two days', { ses: 172_800 }, '4401 token_claims: ses'],
    ['of another page', { org: 'https://evil.example' }, '4403 token_origin'],
    ['of no page, from a page', { org: undefined }, '4403 token_origin'],
  ])('%s is refused', async (_, claims, reason) => {
    expect(await reasonFor(await token(claims))).toBe(reason);
  });

  it('of a page is refused from a program that states no origin', async () => {
    const verdict = await verifier().verify(await token(), undefined, NOW);
    expect(verdict).toEqual({ code: 4403, reason: 'token_origin' });
  });

  it('may be up to 30 s off in time', async () => {
    expect(await reasonFor(await token({ iat: NOW / 1000 - 89, exp: NOW / 1000 - 29 }))).toBe('granted');
    expect(await reasonFor(await token({ iat: NOW / 1000 + 29 }))).toBe('granted');
    expect(await reasonFor(await token({ iat: NOW / 1000 - 91, exp: NOW / 1000 - 31 }))).toMatch(/expired/);
  });

  it('is 2 KiB long at most', async () => {
    // As many destinations as there may be, long and longer.
    const withNames = (length: number) =>
      token({ dst: Array.from({ length: 63 }, (_, n) => `${n}`.padEnd(length, 'a')) });
    const [fits, long] = [await withNames(13), await withNames(20)];
    expect(fits.length).toBeLessThanOrEqual(2048);
    expect(long.length).toBeGreaterThan(2048);
    expect(await reasonFor(fits)).toBe('granted');
    expect(await reasonFor(long)).toBe('4401 token_malformed');
  });

  it('that is no token is refused', async () => {
    for (const text of ['', '.', 'a.b.c', 'x'.repeat(3000), 'eyJhbGciOiJub25lIn0.e30.', '💥.💥.💥'])
      expect(await reasonFor(text)).toBe('4401 token_malformed');
  });

  it('signed by nobody, by another key, or by the public key taken for a secret, is refused', async () => {
    const stranger = generateKeyPairSync('ed25519').privateKey;
    expect(await reasonFor(await token({}, { key: stranger }))).toBe('4401 token_signature');
    const asSecret = await token({}, { key: Buffer.from(PEM), header: { alg: 'HS256' } });
    expect(await reasonFor(asSecret)).toBe('4401 token_malformed');
    const [, payload] = (await token()).split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none', kid: keyIdOf(publicKey) })).toString('base64url');
    expect(await reasonFor(`${none}.${payload}.`)).toBe('4401 token_malformed');
    const [head, body, signature] = (await token()).split('.');
    const changed = Buffer.from(signature!, 'base64url');
    changed[5]! ^= 1;
    expect(await reasonFor(`${head}.${body}.${changed.toString('base64url')}`)).toBe('4401 token_signature');
  });

  it.each([{ kid: 'unknown' }, { kid: undefined }, { jku: 'https://evil.example' }, { typ: 'at+jwt' }])(
    'with the header %j is refused',
    async (header) => {
      // jose itself refuses to make some of these: signed by hand.
      const all = { alg: 'EdDSA', typ: 'JWT', kid: keyIdOf(publicKey), ...header };
      const [, payload] = (await token()).split('.');
      const head = Buffer.from(JSON.stringify(all)).toString('base64url');
      const signature = sign(null, Buffer.from(`${head}.${payload}`), privateKey).toString('base64url');
      expect(await reasonFor(`${head}.${payload}.${signature}`)).toBe('4401 token_malformed');
    },
  );

  it('signed with a shared secret counts where that is configured', async () => {
    const secret = 's'.repeat(32);
    const keys = [{ alg: 'HS256', key: secret, kid: 'k1' }] as const;
    const text = await token({}, { key: Buffer.from(secret), header: { alg: 'HS256', kid: 'k1' } });
    expect(await reasonFor(text, ORIGIN, { keys })).toBe('granted');
    expect(() => verifier({ keys: [{ alg: 'HS256', key: 'short', kid: 'k1' }] })).toThrow(/less than 32/);
    expect(() => verifier({ keys: [{ alg: 'HS256', key: secret }] })).toThrow(/needs a kid/);
    expect(() => verifier({ keys: [{ alg: 'EdDSA', key: 'no key' }] })).toThrow(/not an Ed25519 public key/);
    expect(() => verifier({ keys: [] })).toThrow(/at least one key/);
  });

  it('opens one session only, where that is asked, until nobody could use it any more', async () => {
    const once = verifier({ once: true });
    const text = await token();
    expect(await once.verify(text, ORIGIN, NOW)).toMatchObject({ subject: 'alice' });
    expect(await once.verify(text, ORIGIN, NOW + 89_000)).toEqual({ code: 4401, reason: 'token_used' });
    expect(await once.verify(await token({ jti: 'token-2' }), ORIGIN, NOW)).toMatchObject({
      subject: 'alice',
    });
    const many = verifier();
    await many.verify(text, ORIGIN, NOW);
    expect(await many.verify(text, ORIGIN, NOW)).toMatchObject({ subject: 'alice' });
  });

  it('of a subject on the list, or of another issuer, is refused', async () => {
    expect(await reasonFor(await token(), ORIGIN, { deny: ['alice'] })).toBe('4401 token_revoked');
    expect(await reasonFor(await token(), ORIGIN, { issuer: 'https://login.example' })).toBe(
      '4401 token_claims: iss',
    );
    const text = await token({ iss: 'https://login.example' });
    expect(await reasonFor(text, ORIGIN, { issuer: 'https://login.example' })).toBe('granted');
  });

  it('as the command makes it is good', async () => {
    const request = { subject: 'bob', destinations: ['prod'], origin: ORIGIN, session: 60, channels: 1 };
    const verdict = await verifier().verify(await issueToken(privateKey, request, NOW), ORIGIN, NOW);
    expect(verdict).toMatchObject({ subject: 'bob', lifetime: 60_000, channels: 1 });
  });
});

describe('a grant', () => {
  const rules = [
    parseRule({ host: 'hub.example.com', ports: [51820], alias: 'prod' }),
    parseRule({ host: '203.0.113.7', ports: [51820, 51821] }),
    parseRule({ host: 'db.example.com', ports: [51820], alias: 'db' }),
  ];
  const policy = new Policy(rules, { resolve: () => Promise.resolve(['203.0.113.9']) });

  async function decide(dst: string[], host: string, port: number): Promise<string> {
    const grant = await verifier().verify(await token({ dst }), ORIGIN, NOW);
    if ('code' in grant) throw new Error(grant.reason);
    const decision = policy.decide(host, port, grant);
    const late = 'pending' in decision ? await decision.pending : decision;
    return 'destination' in late ? late.destination.address : late.refusal.detail;
  }

  it.each<[string[], string, number, string]>([
    [['hub.example.com:51820'], 'hub.example.com', 51820, '203.0.113.9'],
    [['HUB.example.com.:51820'], 'hub.example.com', 51820, '203.0.113.9'],
    [['hub.example.com'], 'hub.example.com', 51820, '203.0.113.9'],
    [['prod'], 'prod', 0, '203.0.113.9'],
    [['prod'], 'hub.example.com', 51820, '203.0.113.9'],
    [['hub.example.com:51820'], 'prod', 0, '203.0.113.9'],
    [['203.0.113.7:51821'], '203.0.113.7', 51821, '203.0.113.7'],
    [['203.0.113.7:51821'], '::ffff:203.0.113.7', 51821, '203.0.113.7'],
    [['203.0.113.7:51821'], '203.0.113.7', 51820, 'not granted'],
    [['prod'], 'db', 0, 'not granted'],
    [['prod'], 'db.example.com', 51820, 'not granted'],
    [['prod'], 'nothing', 0, 'not granted'],
    [['prod'], 'prod', 51821, 'not granted'],
    // The configuration has the last word.
    [['evil.example:51820'], 'evil.example', 51820, 'not listed'],
    [['203.0.113.8:51820'], '203.0.113.8', 51820, 'not listed'],
  ])('for %j: %s port %d is %s', async (dst, host, port, expected) => {
    expect(await decide(dst, host, port)).toBe(expected);
  });
});

describe('a relay that wants tokens', () => {
  async function start(options: Partial<RelayOptions> = {}) {
    const peer = await FakeEndpoint.open();
    cleanups.push(() => peer.close());
    const log: LogEntry[] = [];
    const relay = createRelay({
      listen: '127.0.0.1:0',
      allow: [`127.0.0.1:${peer.port}`],
      origins: [ORIGIN],
      auth: { keys: [{ alg: 'EdDSA', key: PEM }] },
      wallClock: () => NOW,
      log: (entry) => log.push(entry),
      ...options,
      limits: { upgradesPerSecond: 1000, upgradeBurst: 1000, stopTimeout: 200, ...options.limits },
    });
    const { url } = await relay.listen();
    cleanups.push(() => relay.close());
    const connect = async (...protocols: string[]): Promise<RelayClient> => {
      const client = await RelayClient.connect(url, { origin: ORIGIN }, [SUBPROTOCOL, ...protocols]);
      cleanups.push(() => client.close());
      return client;
    };
    return { relay, url, peer, log, connect };
  }

  const bearer = async (claims: Record<string, unknown>) => BEARER_PREFIX + (await token(claims));

  it('serves who shows one among the subprotocols, and answers with the protocol alone', async () => {
    const { connect, peer } = await start();
    const client = await connect(await bearer({ dst: [`127.0.0.1:${peer.port}`] }));
    expect(client.socket.protocol).toBe(SUBPROTOCOL);
    client.send([0, client.open(1, peer.port)], [1, initiation(7)]);
    await until(() => client.datagrams.length === 1, 'the response');
  });

  it('serves who shows one in the first record, and what came behind it', async () => {
    const { connect, peer } = await start();
    const client = await connect();
    await settled();
    expect(client.of(WELCOME)).toHaveLength(0);
    const text = await token({ dst: [`127.0.0.1:${peer.port}`] });
    client.send(
      [CONTROL_CHANNEL, writeControl({ type: AUTH, token: text })],
      [CONTROL_CHANNEL, client.open(1, peer.port)],
    );
    client.send([1, initiation(7)]);
    await until(() => client.datagrams.length === 1, 'the response');
    expect(client.of(WELCOME)).toHaveLength(1);
  });

  it.each<[string, (client: RelayClient) => void]>([
    ['opens a channel first', (client) => client.control(client.open(1, 51820))],
    ['sends text first', (client) => client.socket.send('hello')],
    ['shows a bad one', (client) => client.control(writeControl({ type: AUTH, token: 'x' }))],
    ['sends nothing', () => {}],
  ])('refuses who %s', async (_, act) => {
    const { connect, relay } = await start({ limits: { authTimeout: 100 } });
    const client = await connect();
    act(client);
    await until(() => client.closed !== undefined, 'the close');
    expect(client.closed!.code).toBe(4401);
    expect([...relay.counters.tokensRefused.values()]).toEqual([1]);
    expect(relay.counters.upgrades.get('accepted')).toBeUndefined();
    expect(relay.sessions + relay.unauthenticated).toBe(0);
  });

  it('says why in the close code, and the token nowhere', async () => {
    const { connect, log } = await start();
    const text = await token({ exp: NOW / 1000 - 100, iat: NOW / 1000 - 200 });
    const client = await connect(BEARER_PREFIX + text);
    await until(() => client.closed !== undefined, 'the close');
    expect(client.closed).toEqual({ code: 4401, reason: 'token_expired: 100 s ago' });
    expect(log).toContainEqual(expect.objectContaining({ event: 'reject', reason: 'token_expired' }));
    expect(JSON.stringify(log)).not.toContain(text.slice(-20));
  });

  it('lets a token reach only its destinations, through as many channels as it gives', async () => {
    const { connect, peer } = await start();
    const client = await connect(await bearer({ dst: ['203.0.113.9:51820'] }));
    client.control(client.open(1, peer.port));
    await until(() => client.of(CLOSED).length === 1, 'the refusal');
    expect(client.of(CLOSED)[0]).toMatchObject({ code: CHANNEL_DENIED, reason: 'not_allowed' });
    const one = await connect(await bearer({ dst: [`127.0.0.1:${peer.port}`], max: { ch: 1 } }));
    one.send([0, one.open(1, peer.port)], [1, initiation(7)], [0, one.open(2, peer.port)]);
    await until(() => one.of(CLOSED).length === 1 && one.of(OPENED).length === 1, 'both answers');
    expect(one.of(CLOSED)[0]).toMatchObject({ channel: 2, code: CHANNEL_TOO_MANY });
    expect(one.of(WELCOME)[0]).toMatchObject({ maxChannels: 1 });
  });

  it('ends a session with its time, and counts sessions by subject', async () => {
    let now = 0;
    const { connect, log } = await start({
      now: () => now,
      limits: { sessionsPerSubject: 2, openTimeout: 1e9 },
    });
    const first = await connect(await bearer({ ses: 10 }));
    await connect(await bearer({}));
    const third = await connect(await bearer({}));
    await until(() => third.closed !== undefined, 'the third');
    expect(third.closed).toEqual({ code: 4429, reason: 'sub: too many sessions' });
    const other = await connect(await bearer({ sub: 'bob' }));
    now = 11_000;
    await until(() => first.closed !== undefined, 'the end of the first');
    expect(first.closed!.code).toBe(4410);
    expect(other.closed).toBeUndefined();
    const again = await connect(await bearer({}));
    await settled();
    expect(again.closed).toBeUndefined();
    const accepted = log.filter(({ event }) => event === 'accept');
    expect(accepted[0]).toMatchObject({ subject: '2bd806c9' });
    expect(JSON.stringify(log)).not.toContain('alice');
  });

  it('counts sessions by address also for those who show theirs late, all at once', async () => {
    const { connect, relay } = await start({ limits: { sessionsPerClient: 2 } });
    const clients = await Promise.all([connect(), connect(), connect(), connect()]);
    for (const [n, client] of clients.entries())
      client.control(writeControl({ type: AUTH, token: await token({ sub: `user${n}`, jti: `${n}` }) }));
    const served = () => clients.filter((client) => client.of(WELCOME).length > 0).length;
    const refused = () => clients.filter(({ closed }) => closed !== undefined);
    await until(() => served() + refused().length === 4, 'all verdicts');
    expect([served(), relay.sessions]).toEqual([2, 2]);
    for (const { closed } of refused())
      expect(closed).toEqual({ code: 4429, reason: 'ip: too many sessions' });
  });

  it('keeps at most so many who have not shown one', async () => {
    const { connect, relay } = await start({ limits: { unauthenticated: 2 } });
    const [first, second] = [await connect(), await connect()];
    const third = await connect();
    await until(() => first.closed !== undefined, 'the first');
    expect([second.closed, third.closed]).toEqual([undefined, undefined]);
    expect(relay.unauthenticated).toBe(2);
  });

  it('may listen anywhere, and tells a page at /check what its token is worth', async () => {
    const { url } = await start({ allow: ['203.0.113.7', '203.0.113.8'], listen: '0.0.0.0:0' });
    const check = (headers: Record<string, string>, method = 'GET') =>
      fetch(`${url.replace('ws:', 'http:')}/check`, { method, headers: { Origin: ORIGIN, ...headers } });
    const good = await check({ Authorization: `Bearer ${await token()}` });
    expect(await good.json()).toEqual({ ok: true, protocols: [SUBPROTOCOL] });
    const bad = await check({ Authorization: 'Bearer nonsense' });
    expect(await bad.json()).toEqual({ ok: false, code: 'token', message: 'token_malformed' });
    expect(bad.headers.get('cache-control')).toBe('no-store');
    const preflight = await check({ 'Access-Control-Request-Headers': 'authorization' }, 'OPTIONS');
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toBe('Authorization');
  });
});
