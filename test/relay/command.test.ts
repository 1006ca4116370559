// `tabwire relay` as a process and as a function.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runRelay } from '../../src/cli/relay.ts';
import { RelayClient, until } from './relay-client.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
});

function run(...args: string[]) {
  return runInto('pipe', ...args);
}

/** `out`: where its log goes. */
function runInto(out: 'pipe' | number, ...args: string[]) {
  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', main, 'relay', ...args], {
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
    const { child, output } = runInto(full, '--listen', '127.0.0.1:0', '--allow', '127.0.0.1:51820');
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

  it('ends with a code other than 0 and one line for a wrong argument', async () => {
    const { child, output } = run('--allow', '127.1');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(2);
    expect(output.err.trimEnd().split('\n')).toHaveLength(1);
    expect(output.err).toContain('neither an address nor a host name');
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
