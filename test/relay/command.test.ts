// `tabwire relay` as a process and as a function.
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runRelay } from '../../src/cli/relay.ts';
import { BEARER_PREFIX, SUBPROTOCOL, WELCOME } from '../../src/core/wire/relay.ts';
import { DEFAULT_LIMITS, issueToken } from '../../src/relay-host/index.ts';
import { FakeEndpoint } from './fake-endpoint.ts';
import { RelayClient, until } from './relay-client.ts';
import { handshake, resumeOf } from './resume-harness.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
});

function run(...args: string[]) {
  return runInto('pipe', [], ...args);
}

/** `out`: where its log goes; `node`: what Node itself is told. */
function runInto(out: 'pipe' | number, node: string[], ...args: string[]) {
  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', ...node, main, 'relay', ...args], {
    stdio: ['ignore', out, 'pipe'],
  });
  children.push(child);
  const output = { out: '', err: '' };
  child.stdout?.on('data', (chunk) => (output.out += chunk));
  child.stderr!.on('data', (chunk) => (output.err += chunk));
  return { child, output };
}

describe('tabwire relay', () => {
  it.each<[string[], RegExp]>([
    [[], /nothing is allowed/],
    [['--allow', 'localhost'], /never leads to loopback/],
    [['--allow-listen', 'localhost'], /never leads to loopback/],
    [['--allow-listen', '203.0.113.7:53'], /--unusual-ports/],
    [
      ['--allow-listen', '203.0.113.7', '--allow', '203.0.113.8', '--listen', '0.0.0.0:8080'],
      /loopback only/,
    ],
    [['--allow', '10.0.0.0/8'], /private network/],
    [['--allow', '203.0.113.7', '--listen', 'x'], /expected HOST:PORT/],
    [['--allow', '203.0.113.7', '--origin', '*'], /expected scheme/],
    [['--allow', 'hub.example.com', '--listen', '0.0.0.0:8080'], /loopback only/],
    [
      ['--allow', '203.0.113.7:51820', '--listen', '0.0.0.0:8080', '--allow-no-origin'],
      /--allow-no-origin\) needs tokens/,
    ],
    [['--allow', '203.0.113.7', '--channels', 'many'], /limits\.channels/],
    [['--allow', '203.0.113.7', '--channels', '64'], /expected <=63, not 64/],
    [['--config', 'nowhere.json', '--console'], /nowhere\.json: cannot read/],
    [['--bogus'], /Unknown option/],
    [['--allow', '203.0.113.7', 'extra'], /Unexpected argument/],
  ])('%j is refused with one line', async (args, message) => {
    const error = await runRelay(args).then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error?.message).toMatch(message);
    expect(error?.message).not.toContain('\n');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('serves, and stops cleanly on %s', async (signal) => {
    const directory = mkdtempSync(join(tmpdir(), 'relay-command-'));
    const file = join(directory, 'relay.json');
    const drain = { delay: 0.05, spread: 0.05, notice: 0.05 };
    writeFileSync(file, JSON.stringify({ allow: ['127.0.0.1:51820'], allowNoOrigin: true, drain }));
    const { child, output } = run('--config', file, '--listen', '127.0.0.1:0');
    await until(() => output.err.includes('ws://'), 'the start', 20_000);
    rmSync(directory, { recursive: true });
    const url = /ws:\/\/\S+/.exec(output.err)![0];
    const client = await RelayClient.connect(url);
    child.kill(signal);
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
    await until(() => client.closed !== undefined, 'the close');
    expect(client.closed!.code).toBe(1012);
    const events = output.out
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events).toEqual(['start', 'accept', 'drain', 'close', 'stop']);
  });

  it('serves although the disk that its log goes to is full', async () => {
    const full = openSync('/dev/full', 'w');
    const { child, output } = runInto(full, [], '--listen', '127.0.0.1:0', '--allow', '127.0.0.1:51820');
    closeSync(full);
    await until(() => output.err.includes('ws://'), 'the start', 20_000);
    const url = /ws:(\/\/\S+?)\/v1/.exec(output.err)![1]!;
    for (let n = 0; n < 3; n++) expect((await fetch(`http:${url}/nothing`)).status).toBe(404);
    const client = await RelayClient.connect(`ws:${url}/v1`, { origin: `http:${url}` });
    child.kill('SIGINT');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
    await until(() => client.closed !== undefined, 'the close');
    expect(client.closed!.code).toBe(1012);
  });

  it('a second signal ends it at once', async () => {
    const { child, output } = run(
      '--listen',
      '127.0.0.1:0',
      '--allow',
      '127.0.0.1:51820',
      '--allow-no-origin',
    );
    await until(() => output.err.includes('ws://'), 'the start', 20_000);
    const before = performance.now();
    child.kill('SIGTERM');
    await until(() => output.out.includes('"event":"drain"'), 'the drain');
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(1);
    // The drain would have taken five seconds at least.
    expect(performance.now() - before).toBeLessThan(4000);
  });

  it('reads its file again on SIGHUP, and says so', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'relay-command-'));
    const file = join(directory, 'relay.json');
    writeFileSync(file, JSON.stringify({ allow: ['127.0.0.1:51820'], allowNoOrigin: true }));
    const { child, output } = run('--config', file, '--listen', '127.0.0.1:0');
    await until(() => output.err.includes('ws://'), 'the start', 20_000);
    child.kill('SIGHUP');
    await until(() => /"rules":1,"event":"config"/.test(output.out), 'the reload');
    writeFileSync(file, '{');
    child.kill('SIGHUP');
    await until(() => output.out.includes('relay.json: not JSON'), 'the refusal');
    expect(child.exitCode).toBeNull();
    rmSync(directory, { recursive: true });
  });

  it('goes by other origins, keys, proxies and limits after SIGHUP, and takes tickets of the new keys only', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'relay-command-'));
    const peer = await FakeEndpoint.open();
    const file = join(directory, 'relay.json');
    const [old, next] = ['https://old.example', 'https://next.example'];
    const STAYS = 'https://stays.example';
    const signers = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
    for (const [i, { publicKey }] of signers.entries()) {
      writeFileSync(join(directory, `key${i}.pub`), publicKey.export({ type: 'spki', format: 'pem' }));
      writeFileSync(join(directory, `ticket${i}`), String(i).repeat(32));
    }
    const configure = (key: number, tickets: number[], more: object): void =>
      writeFileSync(
        file,
        JSON.stringify({
          allow: [`127.0.0.1:${peer.port}`],
          auth: { keys: [{ alg: 'EdDSA', file: `key${key}.pub` }] },
          tickets: { keyFiles: tickets.map((n) => `ticket${n}`) },
          ...more,
        }),
      );
    configure(0, [0], { origins: [old, STAYS], limits: { channels: 1 } });
    const { child, output } = run('--config', file, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0');
    await until(() => output.err.includes('ws://'), 'the start', 20_000);
    const url = /ws:\/\/\S+/.exec(output.err)![0];
    const lines = () =>
      output.out
        .split('\n')
        // The last one may not be whole yet.
        .slice(0, -1)
        .map((line) => JSON.parse(line) as { event: string; client?: string; admin?: string; port?: number });
    const of = (event: string) => lines().filter((line) => line.event === event);
    const reload = async (): Promise<void> => {
      const before = of('config').length;
      child.kill('SIGHUP');
      await until(() => of('config').length > before, 'the reload');
    };
    const show = async (key: number, origin: string, headers = {}): Promise<RelayClient> => {
      const token = await issueToken(
        signers[key]!.privateKey,
        { subject: 'alice', destinations: [`127.0.0.1:${peer.port}`], origin },
        Date.now(),
      );
      return RelayClient.connect(url, { origin, headers }, [SUBPROTOCOL, BEARER_PREFIX + token]);
    };
    const verdictOf = async (client: RelayClient): Promise<number | string> => {
      await until(() => client.closed !== undefined || client.of(WELCOME).length > 0, 'the verdict');
      return client.closed?.reason ?? client.of(WELCOME)[0]!.maxChannels;
    };
    const first = await show(0, STAYS);
    expect(await verdictOf(first)).toBe(1);
    await handshake(first, peer);
    await expect(show(0, next)).rejects.toThrow('HTTP 403');

    configure(1, [1, 0], { origins: [next, STAYS], trustedProxies: ['127.0.0.1'], limits: { channels: 3 } });
    await reload();
    await expect(show(0, old)).rejects.toThrow('HTTP 403');
    expect(await verdictOf(await show(0, next))).toBe('token_malformed');
    expect(await verdictOf(await show(1, next, { 'X-Forwarded-For': '203.0.113.9' }))).toBe(3);
    // The log comes by another way than the welcome.
    await expect.poll(() => of('accept').map(({ client }) => client)).toEqual(['127.0.0.1', '203.0.113.9']);
    const second = await show(1, STAYS);
    second.control(resumeOf(first));
    await until(() => of('resume').length === 1, 'the ticket of the old key, which still opens');
    await until(() => first.closed !== undefined, 'the end of the first');

    configure(1, [1], { origins: [STAYS], limits: { channels: 3 } });
    await reload();
    const third = await show(1, STAYS);
    third.control(resumeOf(first));
    await verdictOf(third);
    const [admin] = of('start').filter((line) => line.admin !== undefined);
    const metrics = async () => (await fetch(`http://127.0.0.1:${admin!.port}/metrics`)).text();
    await expect.poll(metrics).toContain('wgrelay_resume_total{level="none",result="unreadable"} 1');
    child.kill('SIGINT');
    await once(child, 'exit');
    await peer.close();
    rmSync(directory, { recursive: true });
  });

  it('ends with a code other than 0 and one line for a wrong argument', async () => {
    const { child, output } = run('--allow', '127.1');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(2);
    expect(output.err.trimEnd().split('\n')).toHaveLength(1);
    expect(output.err).toContain('neither an address nor a host name');
  });

  it('--check prints all that holds, limits and what nobody set included, and no key', async () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const directory = mkdtempSync(join(tmpdir(), 'relay-command-'));
    const file = join(directory, 'relay.json');
    writeFileSync(join(directory, 'secret'), 'SECRET-'.repeat(6));
    writeFileSync(join(directory, 'key.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
    writeFileSync(
      file,
      JSON.stringify({
        allow: ['203.0.113.7', { host: 'hub.example.com', alias: 'prod', listen: true }],
        auth: {
          keys: [
            { alg: 'EdDSA', file: 'key.pub' },
            { alg: 'HS256', kid: 'k2', file: 'secret' },
          ],
        },
        tickets: { keyFiles: ['secret'] },
        limits: { channels: 7 },
        drain: { spread: 1 },
      }),
    );
    const { child, output } = run('--check', '--config', file, '--trust-proxy', '10.0.0.0/8');
    await once(child, 'exit');
    rmSync(directory, { recursive: true });
    expect(output.out).not.toMatch(/SECRET|BEGIN/);
    expect(JSON.parse(output.out)).toMatchObject({
      listen: '127.0.0.1:8080',
      path: '/v1',
      allowNoOrigin: false,
      trustedProxies: ['10.0.0.0/8'],
      allow: [
        { host: '203.0.113.7', ports: [51820], shape: 'wireguard', listen: false },
        { host: 'hub.example.com', ports: [51820], alias: 'prod', listen: true },
      ],
      auth: {
        keys: [
          { alg: 'EdDSA', key: '…' },
          { alg: 'HS256', kid: 'k2', key: '…' },
        ],
      },
      tickets: { keys: ['…'], ttl: 180, park: 20 },
      drain: { delay: 5, spread: 1, notice: 5, max: 120 },
      limits: { ...DEFAULT_LIMITS, channels: 7 },
    });
  });

  it('what nobody expected ends it with one line in the log, and code 1', async () => {
    const { child, output } = runInto(
      'pipe',
      ['--import', 'data:text/javascript,process.on("SIGUSR2", () => { throw new Error("boom") })'],
      ...['--listen', '127.0.0.1:0', '--allow', '127.0.0.1:51820'],
    );
    await until(() => output.err.includes('ws://'), 'the start', 20_000);
    child.kill('SIGUSR2');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(1);
    const last = output.out.trimEnd().split('\n').at(-1)!;
    expect(JSON.parse(last)).toMatchObject({ level: 'warn', event: 'crash', error: 'boom' });
    expect(output.err.trimEnd().split('\n')).toHaveLength(1);
  });

  it('--help and --check say what there is and end', async () => {
    for (const args of [
      ['--help'],
      ['token', '--help'],
      ['--check', '--console', '--allow', '203.0.113.7'],
      ['--check', '--allow-listen', '203.0.113.7:53', '--unusual-ports'],
    ]) {
      const { child, output } = run(...args);
      const [code] = (await once(child, 'exit')) as [number | null];
      expect(code).toBe(0);
      expect(output.out).toMatch(args.includes('--help') ? /Usage: tabwire relay/ : /203\.0\.113\.7/);
    }
  });
});
