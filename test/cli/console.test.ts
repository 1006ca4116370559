// The console beside a relay, over loopback: its files, its settings, and who gets tokens and configurations.
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConsoleFiles } from '../../src/cli/console-files.ts';
import { type ConsoleSettings, readConsoleSettings } from '../../src/cli/console-settings.ts';
import { ConsoleSite } from '../../src/cli/console-site.ts';
import { generatePrivateKey } from '../../src/client/keys.ts';
import { createRelay, type Relay } from '../../src/relay-host/index.ts';
import { RelayClient } from '../relay/relay-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'console-site-'));
const signer = generateKeyPairSync('ed25519');
const PEER = '127.0.0.1:51820';
const ORIGIN = 'https://console.example.com';
const around = { folder, origins: [ORIGIN] };
const LOGIN = { userHeader: 'X-Auth-Request-Email', groupsHeader: 'X-Auth-Request-Groups', key: 'key' };
const GRANTS = [
  { user: 'alice@example.com', to: [PEER], session: 3600 },
  { group: 'ops', to: [PEER, 'hub.example.com:51820'], session: 600, channels: 2 },
];
const CONFIG = '[Interface]\nAddress = 10.0.0.2/32\n\n[Peer]\nPublicKey = ';
const PUBLIC = generatePrivateKey();

const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  mkdirSync(join(folder, 'site/assets'), { recursive: true });
  mkdirSync(join(folder, 'site/examples'));
  writeFileSync(join(folder, 'key'), signer.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(join(folder, 'site/index.html'), '<!doctype html>');
  writeFileSync(join(folder, 'site/assets/a.js'), '1');
  writeFileSync(join(folder, 'site/examples/index.html'), 'examples');
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  rmSync(folder, { recursive: true });
});

function settings(console: object = {}): ConsoleSettings {
  return readConsoleSettings(console, around);
}

async function serve(console: object, trustedProxies = ['127.0.0.1']) {
  const relay: Relay = createRelay({
    listen: '127.0.0.1:0',
    allow: [PEER],
    origins: [ORIGIN],
    trustedProxies,
    auth: { keys: [{ alg: 'EdDSA', key: String(signer.publicKey.export({ type: 'spki', format: 'pem' })) }] },
    limits: { stopTimeout: 100 },
  });
  const site = new ConsoleSite(ConsoleFiles.load(join(folder, 'site')), relay, settings(console));
  const { port, url } = await relay.listen(site.answer);
  cleanups.push(() => relay.close());
  return { port, url, relay };
}

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: string;
  json: Record<string, unknown>;
}

/** As a page of ours asks through the proxy that knows alice, except for what a test says otherwise. */
function ask(
  port: number,
  path: string,
  other: Record<string, string | string[] | undefined> = {},
  body = '',
  method = 'POST',
) {
  const all: Record<string, string | string[] | undefined> = {
    origin: ORIGIN,
    'sec-fetch-site': 'same-origin',
    'x-tabwire': '1',
    'x-auth-request-email': 'alice@example.com',
    ...other,
  };
  const headers = Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== undefined),
  ) as Record<string, string>;
  return new Promise<Answer>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body: text,
          get json() {
            return JSON.parse(text) as Record<string, unknown>;
          },
        }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const get = (port: number, path: string) => ask(port, path, {}, '', 'GET');

describe('the console', () => {
  it('comes with headers that let it run its own code and reach its relays, and nothing else', async () => {
    const { port } = await serve({
      relays: ['/v1', 'wss://b.example.com/v1'],
      connect: ['https://login.example.com'],
    });
    const { status, headers } = await get(port, '/');
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toContain(
      "connect-src 'self' wss://console.example.com wss://b.example.com https://b.example.com wss://login.example.com https://login.example.com;",
    );
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/,
    );
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cache-control': 'no-cache',
    });
    expect((await get(port, '/assets/a.js')).headers['content-security-policy']).toBe(
      headers['content-security-policy'],
    );
    expect((await get(port, '/../key')).status).toBe(404);
    expect((await get(port, '/v1')).status).toBe(426);
  });

  it('shows a folder by its index, and leads there who left out the slash', async () => {
    const { port } = await serve({});
    const { status, headers, body } = await get(port, '/examples/');
    expect([status, body, headers['content-type']]).toEqual([200, 'examples', 'text/html; charset=utf-8']);
    const led = await get(port, '/examples');
    expect([led.status, led.headers.location]).toEqual([308, '/examples/']);
    for (const path of ['/assets', '/assets/', '//', '/examples//', '/index.html/'])
      expect((await get(port, path)).status, path).toBe(404);
  });

  it('tells the page what there is, and keeps to itself what is not the page’s business', async () => {
    const { port } = await serve({
      login: '/oauth2/start',
      token: { ...LOGIN, grants: GRANTS },
      enrol: { command: ['true'] },
      policy: { saveKeys: false },
    });
    const { json, headers } = await get(port, '/tabwire.json');
    expect(headers['cache-control']).toBe('no-store');
    expect(json).toEqual({
      relay: ['/v1'],
      login: '/oauth2/start',
      token: '/tabwire/token',
      enrol: '/tabwire/enrol',
      policy: { saveKeys: false, otherRelays: false },
    });
  });

  it('without settings has the relay beside it, and no hooks', async () => {
    const { port } = await serve({});
    expect((await get(port, '/tabwire.json')).json).toEqual({
      relay: ['/v1'],
      policy: { saveKeys: true, otherRelays: false },
    });
    expect((await ask(port, '/tabwire/token')).status).toBe(405);
    expect((await get(port, '/tabwire/token')).status).toBe(404);
  });

  it.each<[object, RegExp]>([
    [{ bogus: 1 }, /console\.bogus: there is no such setting/],
    [{ relays: ['javascript:1'] }, /is no address such as/],
    [{ connect: ["https://a.example; script-src 'unsafe-inline'"] }, /is no address such as/],
    [{ token: { ...LOGIN, key: 'nothing', grants: GRANTS } }, /nothing is no readable Ed25519 private key/],
    [{ token: { ...LOGIN, grants: [{ to: [PEER] }] } }, /grants\.0: name a user, or a group/],
    [{ enrol: { command: ['true'] } }, /needs console\.token/],
  ])('%j is refused', (console, message) => {
    expect(() => settings(console)).toThrow(message);
  });
});

describe('a token', () => {
  const hook = { token: { ...LOGIN, grants: GRANTS } };

  it('is for who has logged in, and opens a session on this relay for this page', async () => {
    const { port, url } = await serve(hook);
    const { status, json, headers } = await ask(port, '/tabwire/token');
    expect([status, headers['cache-control'], json.lifetime]).toEqual([200, 'no-store', 300]);
    const client = await RelayClient.connect(url, { origin: ORIGIN }, [
      'wgrelay.v1',
      `wgrelay.bearer.${json.token as string}`,
    ]);
    cleanups.push(() => client.close());
    expect(client.closed).toBeUndefined();
    const claims = JSON.parse(
      Buffer.from((json.token as string).split('.')[1]!, 'base64url').toString(),
    ) as object;
    expect(claims).toMatchObject({
      sub: 'alice@example.com',
      dst: [PEER],
      org: ORIGIN,
      ses: 3600,
      aud: 'wgrelay',
    });
  });

  it('has what all grants give together, for the shortest of their times', async () => {
    const { port } = await serve(hook);
    const { json } = await ask(port, '/tabwire/token', { 'x-auth-request-groups': 'staff, ops' });
    const claims = JSON.parse(
      Buffer.from((json.token as string).split('.')[1]!, 'base64url').toString(),
    ) as object;
    expect(claims).toMatchObject({ dst: [PEER, 'hub.example.com:51820'], ses: 600, max: { ch: 2 } });
  });

  it.each<[string, number, Record<string, string | string[] | undefined>]>([
    ['a form of another site', 403, { 'x-tabwire': undefined }],
    ['a page of another site', 403, { 'sec-fetch-site': 'cross-site' }],
    ['a neighbour of this site', 403, { 'sec-fetch-site': 'same-site' }],
    ['a browser that does not say where it asks from', 403, { 'sec-fetch-site': undefined }],
    ['no page at all', 403, { origin: undefined }],
    ['a page that the relay does not serve', 403, { origin: 'https://evil.example' }],
    ['nobody who has logged in', 401, { 'x-auth-request-email': undefined }],
    ['two users at once', 401, { 'x-auth-request-email': ['alice@example.com', 'bob@example.com'] }],
    ['a name that is none', 401, { 'x-auth-request-email': 'a b' }],
    ['someone to whom nothing is granted', 403, { 'x-auth-request-email': 'bob@example.com' }],
  ])('is not for %s', async (_who, expected, headers) => {
    const { port } = await serve(hook);
    const { status, json } = await ask(port, '/tabwire/token', headers);
    expect(status).toBe(expected);
    expect(Object.keys(json)).toEqual(['error']);
  });

  it('is not for who came past the login, nor for a GET', async () => {
    const { port } = await serve(hook, ['192.0.2.1']);
    expect((await ask(port, '/tabwire/token')).status).toBe(403);
    expect((await ask(port, '/tabwire/token', {}, '', 'GET')).status).toBe(405);
  });
});

describe('enrolment', () => {
  const withCommand = (script: string) => ({
    token: { ...LOGIN, grants: GRANTS },
    enrol: { command: [process.execPath, '-e', script] },
  });
  const asked = JSON.stringify({ publicKey: PUBLIC });
  const print = (text: string) => `process.stdout.write(${text})`;

  it('gives the page the configuration that the operator’s program made of its public key', async () => {
    const { port } = await serve(
      withCommand(
        print(
          `${JSON.stringify(CONFIG)} + process.env.TABWIRE_PUBLIC_KEY + '\\n# ' + process.env.TABWIRE_USER`,
        ),
      ),
    );
    const { status, json, headers } = await ask(port, '/tabwire/enrol', {}, asked);
    expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
    expect(json).toEqual({ config: `${CONFIG}${PUBLIC}\n# alice@example.com` });
  });

  it.each<[string, string]>([
    ['fails', 'process.exit(1)'],
    ['prints nothing', ''],
    ['prints what is no configuration', print("'hello'")],
    [
      'prints a private key',
      print(JSON.stringify(`${CONFIG}${PUBLIC}`.replace('Address', `PrivateKey = ${PUBLIC}\nAddress`))),
    ],
    ['never stops printing', "setInterval(() => process.stdout.write('x'.repeat(1e5)))"],
  ])('gives nothing if that program %s', async (_what, script) => {
    const { port } = await serve(withCommand(script));
    const { status, json } = await ask(port, '/tabwire/enrol', {}, asked);
    expect([status, Object.keys(json)]).toEqual([502, ['error']]);
  });

  it('works with the program in relay/deploy, which gives a key the same address each time', async () => {
    const wg = join(folder, 'wg');
    writeFileSync(wg, `#!/bin/sh\necho "$@" >>${folder}/calls\n[ "$1" = set ] || echo ${PUBLIC}\n`, {
      mode: 0o755,
    });
    const script = join(import.meta.dirname, '../../relay/deploy/enrol.sh');
    const { port } = await serve({
      token: { ...LOGIN, grants: GRANTS },
      enrol: { command: ['env', `WG=${wg}`, `STATE=${folder}`, script] },
    });
    const other = JSON.stringify({ publicKey: generatePrivateKey() });
    const addresses: unknown[] = [];
    for (const body of [asked, other, asked]) {
      const { json } = await ask(port, '/tabwire/enrol', {}, body);
      addresses.push(/Address = (\S+)/.exec(json.config as string)?.[1]);
    }
    expect(addresses).toEqual(['10.90.0.2/32', '10.90.0.3/32', '10.90.0.2/32']);
    expect(readFileSync(join(folder, 'calls'), 'utf8')).toContain(
      `set wg0 peer ${PUBLIC} allowed-ips 10.90.0.2/32`,
    );
  });

  it('takes public keys of known users, and runs nothing for others', async () => {
    const { port } = await serve(withCommand(print(JSON.stringify(`${CONFIG}${PUBLIC}`))));
    for (const body of ['', '{}', '{"publicKey":"x"}', '{"publicKey":5}', 'x'.repeat(5000)])
      expect((await ask(port, '/tabwire/enrol', {}, body)).status).toBe(400);
    expect((await ask(port, '/tabwire/enrol', { 'x-auth-request-email': undefined }, asked)).status).toBe(
      401,
    );
    expect((await ask(port, '/tabwire/enrol', { 'sec-fetch-site': 'cross-site' }, asked)).status).toBe(403);
  });

  it('runs four of them at once and no more', async () => {
    const { port } = await serve(
      withCommand(`setTimeout(() => ${print(JSON.stringify(`${CONFIG}${PUBLIC}`))}, 300)`),
    );
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => ask(port, '/tabwire/enrol', {}, asked)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 503, 503]);
  });
});
