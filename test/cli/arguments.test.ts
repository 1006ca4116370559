// Every command of the client: help, and one sentence for what is wrong.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { runConnect } from '../../src/cli/connect.ts';
import { runGateway } from '../../src/cli/gateway.ts';
import { runPing } from '../../src/cli/ping.ts';
import { runStatus } from '../../src/cli/status.ts';
import { derivePublicKey, generatePrivateKey } from '../../src/node/index.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

describe('the command line', () => {
  it.each([
    ['connect', runConnect],
    ['gateway', runGateway],
    ['ping', runPing],
    ['status', runStatus],
  ])('%s --help says what there is', async (command, run) => {
    const said: unknown[] = [];
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(text) > 0);
    await run(['--help']).finally(() => write.mockRestore());
    expect(said.join('')).toMatch(new RegExp(`^Usage: tabwire ${command} FILE.conf`));
  });

  it.each([
    [
      runConnect,
      ['/nowhere.conf', '-L', '8080:web:80'],
      /^cannot read \/nowhere.conf: there is no such file \(ENOENT\)$/,
    ],
    [runConnect, ['a.conf', '--sock5', '127.0.0.1:1'], /^Unknown option '--sock5'/],
    [runGateway, [], /^name the configuration: /],
    [runGateway, ['a.conf', 'b.conf'], /^"b.conf" is one argument too many/],
    [
      runGateway,
      ['/nowhere.conf', '--allow', '10.0.0.0/8'],
      /^cannot read \/nowhere.conf: there is no such file \(ENOENT\)$/,
    ],
    [runGateway, ['a.conf', '--allow', 'db.internal'], /^--allow "db.internal": a rule names addresses/],
    [runPing, ['a.conf'], /^say whom: /],
    [runPing, ['a.conf', 'host', '-c', 'many'], /^-c "many": expected a number/],
    [runStatus, [], /^name one configuration: /],
    [runStatus, ['a.conf', '-W', 'x'], /^-W "x": expected seconds/],
  ])('%O with %j is refused in a sentence', async (run, args, sentence) => {
    await expect(run(args)).rejects.toThrow(sentence);
  });

  it('gateway --check says what the rules mean, and starts nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tabwire-check-'));
    const file = join(folder, 'gateway.conf');
    const key = generatePrivateKey();
    writeFileSync(
      file,
      `[Interface]\nPrivateKey = ${key}\nAddress = 10.8.0.1/24\n[Peer]\nPublicKey = ${derivePublicKey(key)}\n`,
    );
    const said: unknown[] = [];
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(text) > 0);
    const allow = ['--allow', '10.0.0.0/8', '--allow', '10.0.0.5:443/tcp,8000-8999/udp,ping'];
    await runGateway([file, '--check', ...allow]).finally(() => write.mockRestore());
    rmSync(folder, { recursive: true });
    expect(said.join('')).toBe(`${file} is a configuration
--allow 10.0.0.0/8: tcp to every port, udp to every port, ping
--allow 10.0.0.5:443/tcp,8000-8999/udp,ping: tcp to port 443, udp to ports 8000 to 8999, ping
`);
  });

  it('a gateway whose port is another program’s ends, and says so', async () => {
    const taken = createSocket('udp4').bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const folder = mkdtempSync(join(tmpdir(), 'tabwire-taken-'));
    const file = join(folder, 'gateway.conf');
    const [key, peer] = [generatePrivateKey(), derivePublicKey(generatePrivateKey())];
    const listen = `ListenPort = ${taken.address().port}`;
    writeFileSync(
      file,
      `[Interface]\nPrivateKey = ${key}\nAddress = 10.8.0.1/24\n${listen}\n[Peer]\nPublicKey = ${peer}\n`,
    );
    const write = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    await expect(runGateway([file])).rejects.toThrow(/ListenPort is in use/);
    write.mockRestore();
    taken.close();
    rmSync(folder, { recursive: true });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'ping and status end with %s while nobody answers',
    async (signal) => {
      const folder = mkdtempSync(join(tmpdir(), 'tabwire-stop-'));
      const file = join(folder, 'nobody.conf');
      // It hears the first handshake, and answers none.
      const silent = createSocket('udp4').bind(0, '127.0.0.1');
      await once(silent, 'listening');
      const [key, peer] = [generatePrivateKey(), derivePublicKey(generatePrivateKey())];
      writeFileSync(
        file,
        `[Interface]\nPrivateKey = ${key}\nAddress = 10.8.0.1/24\n[Peer]\nPublicKey = ${peer}\nAllowedIPs = 10.8.0.0/24\nEndpoint = 127.0.0.1:${silent.address().port}\n`,
      );
      const command = signal === 'SIGINT' ? ['ping', file, '10.8.0.2'] : ['status', file];
      const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...command, '-W', '60']);
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => (said += String(chunk)));
      silent.once('message', () => child.kill(signal));
      const code = await new Promise((resolve) => child.on('close', resolve));
      silent.close();
      rmSync(folder, { recursive: true });
      expect([code, said]).toEqual([1, `tabwire ${command[0]}: stopped before there was a handshake\n`]);
    },
  );

  it('what is wrong is one line, and an exit code', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', MAIN, 'connect', 'a.conf', '-L', '-R']);
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += String(chunk)));
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(1);
    expect(said).toMatch(/^tabwire connect: [^\n]+\n$/);
  });
});
