// The configuration file, and what happens when it changes under a running relay.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readConfigFile } from '../../src/cli/relay-file.ts';
import {
  AUTH,
  BEARER_PREFIX,
  CHANNEL_DENIED,
  CLOSED,
  OPENED,
  SUBPROTOCOL,
  WELCOME,
  writeControl,
} from '../../src/core/wire/relay.ts';
import { createRelay, issueToken, type LogEntry, type RelayOptions } from '../../src/relay-host/index.ts';
import { FakeEndpoint, initiation } from './fake-endpoint.ts';
import { RelayClient, until } from './relay-client.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const PEM = publicKey.export({ type: 'spki', format: 'pem' }) as string;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A directory with these files; an object is written as JSON. */
function files(contents: Record<string, string | object>): string {
  const directory = mkdtempSync(join(tmpdir(), 'relay-config-'));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  for (const [name, content] of Object.entries(contents))
    writeFileSync(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content));
  return join(directory, 'relay.json');
}

describe('the configuration file', () => {
  it('says what the options say, and reads the files it names', () => {
    const path = files({
      'relay.json': {
        listen: '127.0.0.1:9000',
        path: '/relay',
        origins: ['https://console.example.com'],
        trustedProxies: ['127.0.0.1'],
        allow: ['203.0.113.7', { host: 'hub.example.com', ports: [51820], alias: 'prod' }],
        auth: {
          keys: [
            { alg: 'EdDSA', file: 'token.pub' },
            { alg: 'HS256', kid: 'k2', file: 'secret' },
          ],
          denyFile: 'denied',
          once: true,
        },
        tickets: { keyFiles: ['ticket-key'], ttl: 90 },
        limits: { sessions: 5 },
      },
      'token.pub': PEM,
      'ticket-key': 't'.repeat(32),
      secret: `${'s'.repeat(32)}\n`,
      denied: '# gone\nalice\n\n  bob  \r\n',
    });
    expect(readConfigFile(path)).toEqual({
      listen: '127.0.0.1:9000',
      path: '/relay',
      origins: ['https://console.example.com'],
      trustedProxies: ['127.0.0.1'],
      allow: ['203.0.113.7', { host: 'hub.example.com', ports: [51820], alias: 'prod' }],
      auth: {
        keys: [
          { alg: 'EdDSA', key: PEM },
          { alg: 'HS256', kid: 'k2', key: 's'.repeat(32) },
        ],
        deny: ['alice', 'bob'],
        once: true,
      },
      tickets: { keys: [Buffer.from('t'.repeat(32))], ttl: 90 },
      limits: { sessions: 5 },
    });
    createRelay(readConfigFile(path) as RelayOptions);
  });

  it.each<[string | object, RegExp]>([
    ['{', /not JSON/],
    ['[]', /expected Object, not Array/],
    [{ allowed: [] }, /allowed: there is no such setting/],
    [{ limits: { chanels: 4 } }, /limits\.chanels: there is no such setting/],
    [{ limits: { channels: -1 } }, /limits\.channels: expected >=1, not -1/],
    [{ allow: '203.0.113.7' }, /allow: expected Array, not "203\.0\.113\.7"/],
    [{ allow: [{ host: 'a', port: 1 }] }, /allow\.0/],
    [
      { tickets: { keyFiles: ['missing'] } },
      /tickets\.keyFiles\.0: cannot read missing: there is no such file \(ENOENT\)/,
    ],
    [{ origins: [1] }, /origins\.0: expected string, not 1/],
    [
      { auth: { keys: [{ alg: 'none', file: 'x' }] } },
      /auth\.keys\.0\.alg: expected \("EdDSA" \| "HS256"\), not "none"/,
    ],
    [
      { auth: { keys: [{ alg: 'EdDSA', file: 'missing' }] } },
      /auth\.keys\.0\.file: cannot read missing: there is no such file \(ENOENT\)/,
    ],
  ])('%j is refused with one sentence that names the place', (content, message) => {
    const path = files({ 'relay.json': content });
    expect(() => readConfigFile(path)).toThrow(message);
    expect(() => readConfigFile(path)).toThrow(/relay\.json: [^\n]+$/);
  });

  it('that is not there is named', () => {
    expect(() => readConfigFile('/nowhere/relay.json')).toThrow(/relay\.json: cannot read .*ENOENT/);
  });
});

describe('a relay whose configuration changes', () => {
  async function start(options: Partial<RelayOptions> = {}) {
    const peer = await FakeEndpoint.open();
    const other = await FakeEndpoint.open();
    cleanups.push(
      () => peer.close(),
      () => other.close(),
    );
    const log: LogEntry[] = [];
    const base: RelayOptions = {
      listen: '127.0.0.1:0',
      allow: [`127.0.0.1:${peer.port}`],
      allowNoOrigin: true,
      log: (entry) => log.push(entry),
      limits: { upgradesPerSecond: 1000, stopTimeout: 200 },
      ...options,
    };
    const relay = createRelay(base);
    const { url } = await relay.listen();
    cleanups.push(() => relay.close());
    const connect = async (...protocols: string[]) => {
      const client = await RelayClient.connect(url, {}, [SUBPROTOCOL, ...protocols]);
      cleanups.push(() => client.close());
      return client;
    };
    return { relay, base, peer, other, connect, log };
  }

  it('serves by the new rules, and ends what they do not allow', async () => {
    const { relay, base, peer, other, connect, log } = await start();
    const client = await connect();
    client.send([0, client.open(1, peer.port)], [1, initiation(7)]);
    await until(() => client.of(OPENED).length === 1, 'the first channel');
    relay.reload({ ...base, allow: [`127.0.0.1:${other.port}`] });
    await until(() => client.of(CLOSED).length === 1, 'its end');
    expect(client.of(CLOSED)[0]).toMatchObject({ channel: 1, code: CHANNEL_DENIED });
    client.send([0, client.open(2, other.port)], [2, initiation(8)]);
    await until(() => client.of(OPENED).length === 2, 'the second channel');
    expect(log.map(({ event }) => event)).toContain('config');
  });

  it('leaves alone what is still allowed', async () => {
    const { relay, base, peer, other, connect } = await start();
    const client = await connect();
    client.send([0, client.open(1, peer.port)], [1, initiation(7)]);
    await until(() => client.datagrams.length === 1, 'the response');
    relay.reload({
      ...base,
      allow: [`127.0.0.1:${peer.port}`, `127.0.0.1:${other.port}`],
      limits: { channels: 9 },
    });
    client.send([1, initiation(8)]);
    await until(() => client.datagrams.length === 2, 'another response');
    expect(client.of(CLOSED)).toEqual([]);
  });

  it('keeps the old one if the new one is wrong', async () => {
    const { relay, base, peer, connect, log } = await start();
    expect(() => relay.reload({ ...base, allow: [] })).toThrow(/nothing is allowed/);
    relay.reloadFailed(new Error('relay.json: not JSON'));
    expect(relay.counters.reloadsFailed).toBe(1);
    expect(log.at(-1)).toMatchObject({ level: 'warn', event: 'config', error: 'relay.json: not JSON' });
    const client = await connect();
    client.send([0, client.open(1, peer.port)], [1, initiation(7)]);
    await until(() => client.datagrams.length === 1, 'the response');
  });

  it('ends the sessions of a subject that is denied now, and no others', async () => {
    const auth = { keys: [{ alg: 'EdDSA', key: PEM }] } as const;
    const { relay, base, connect } = await start({ auth });
    const show = async (subject: string) =>
      connect(
        BEARER_PREFIX + (await issueToken(privateKey, { subject, destinations: ['prod'] }, Date.now())),
      );
    const [alice, bob] = [await show('alice'), await show('bob')];
    await until(() => relay.sessions === 2, 'both');
    relay.reload({ ...base, auth: { ...auth, deny: ['alice'] } });
    await until(() => alice.closed !== undefined, 'the end');
    expect(alice.closed).toEqual({ code: 4410, reason: 'session: revoked' });
    expect(bob.closed).toBeUndefined();
  });

  it('judges who shows a token late by what holds then', async () => {
    const auth = { keys: [{ alg: 'EdDSA', key: PEM }] } as const;
    const { relay, base, connect } = await start({ auth });
    const show = async (client: RelayClient, subject: string) =>
      client.control(
        writeControl({
          type: AUTH,
          token: await issueToken(privateKey, { subject, destinations: ['prod'] }, Date.now()),
        }),
      );
    const [alice, bob, carol] = [await connect(), await connect(), await connect()];
    await until(() => relay.unauthenticated === 3, 'all of them');
    relay.reload({ ...base, auth: { ...auth, deny: ['alice'] } });
    await show(alice, 'alice');
    await show(bob, 'bob');
    await until(() => alice.closed !== undefined && bob.of(WELCOME).length === 1, 'both verdicts');
    expect(alice.closed).toEqual({ code: 4401, reason: 'token_revoked' });
    const other = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }) as string;
    relay.reload({ ...base, auth: { keys: [{ alg: 'EdDSA', key: other }] } });
    await show(carol, 'carol');
    await until(() => carol.closed !== undefined, 'the verdict');
    expect(carol.closed).toEqual({ code: 4401, reason: 'token_malformed' });
    expect(bob.closed).toBeUndefined();
  });

  it('judges a name by the rules that hold when its addresses are known', async () => {
    let answer: (addresses: string[]) => void = () => {};
    const resolve = () => new Promise<string[]>((done) => (answer = done));
    const { relay, base, connect, log } = await start({ allow: ['hub.example.com'], resolve });
    const client = await connect();
    client.send([0, client.open(1, 51820, 'hub.example.com')], [1, initiation(7)]);
    await until(() => relay.channels === 1, 'the question');
    relay.reload({ ...base, allow: ['other.example.com'] });
    answer(['203.0.113.7']);
    await until(() => client.controls.some(({ type }) => type === CLOSED || type === OPENED), 'the verdict');
    expect(client.of(CLOSED)).toMatchObject([{ channel: 1, code: CHANNEL_DENIED, reason: 'not_allowed' }]);
    // No alarm: nobody's name server did anything wrong.
    expect(log.map(({ event }) => event)).not.toContain('dns_policy');
  });
});
