// What the package consists of: entry points, names, error codes, the command.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import * as page from '../../src/index.ts';
import * as node from '../../src/node/index.ts';
import * as relay from '../../src/relay-host/index.ts';
import { createRelay } from '../../src/relay-host/index.ts';
import { CODES } from './codes.ts';
import { contract, type Line } from './contract.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  type: string;
  exports: Record<string, string | { types: string; default: string }>;
  bin: Record<string, string>;
};

const COMMANDS = ['demo', 'relay', 'gateway', 'connect', 'genkey', 'pubkey', 'genpsk', 'ping', 'status'];

/** What the command says, and how it ends; in this process, for another costs a second of a core. */
async function main(...args: string[]): Promise<{ said: string; exitCode: unknown }> {
  const before = { argv: process.argv, exitCode: process.exitCode };
  const said: unknown[] = [];
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation((text: unknown, ...more: unknown[]) => {
      said.push(text);
      const written = more.at(-1);
      if (typeof written === 'function') written();
      return true;
    }),
  );
  process.argv = [...before.argv.slice(0, 2), ...args];
  process.exitCode = undefined;
  try {
    // Another URL each time: it runs as it is imported.
    const url = `../../src/cli/main.ts?${args.join()}`;
    await import(/* @vite-ignore */ url);
    return { said: said.join(''), exitCode: process.exitCode };
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.argv = before.argv;
    process.exitCode = before.exitCode;
  }
}

contract('Package tabwire', [
  [
    'ES modules, types included',
    () => {
      expect(manifest.type).toBe('module');
      for (const path of ['.', './node', './relay', './shims/*', './vite'])
        expect(manifest.exports[path]).toEqual({
          types: expect.stringMatching(/\.d\.ts$/),
          default: expect.stringMatching(/\.js$/),
        });
    },
  ],
  [
    'no default exports',
    () => {
      for (const entry of [page, node, relay]) expect(entry).not.toHaveProperty('default');
    },
  ],
  [
    'tabwire gives Tunnel, config and key helpers',
    () =>
      expect(Object.keys(page).sort()).toEqual(
        [
          ...['ConfigError', 'Tunnel', 'TunnelError', 'checkConfig', 'derivePublicKey', 'formatConfig'],
          ...[
            'generateKeyPair',
            'generatePresharedKey',
            'generatePrivateKey',
            'importPrivateKey',
            'parseConfig',
          ],
        ].sort(),
      ),
  ],
  [
    'tabwire/node gives the same names',
    () => expect(Object.keys(node).sort()).toEqual(Object.keys(page).sort()),
  ],
  [
    'tabwire/relay gives createRelay(options): listen(), close(), attach(httpServer)',
    async () => {
      const relay = createRelay({ allow: ['127.0.0.1:51820'], listen: '127.0.0.1:0' });
      for (const member of ['listen', 'close', 'attach'] as const)
        expect(typeof relay[member]).toBe('function');
      await relay.close();
    },
  ],
  ...['net', 'tls', 'dns', 'dgram'].map(
    (name): Line => [
      `tabwire/shims/${name} is a drop-in stand-in`,
      async () => {
        const shim = (await import(`../../src/shims/${name}.ts`)) as object;
        const own = process.getBuiltinModule(`node:${name}`) as object;
        // A TLS server needs a layer of its own, for which there is no hook.
        const none = name === 'tls' ? ['createServer'] : [];
        const calls = ['connect', 'createConnection', 'createServer', 'createSocket', 'lookup', 'resolve'];
        for (const call of calls.filter((call) => call in own && !none.includes(call)))
          expect(shim).toHaveProperty(call);
      },
    ],
  ),
  [
    'tabwire/vite gives a Vite plugin',
    ['test/vite/plugins.test.ts', "gives a package Node's modules, each once"],
  ],
  ['bin tabwire', () => expect(manifest.bin).toEqual({ tabwire: 'dist/src/cli/main.js' })],
  [
    'the package builds for a stranger, with Vite, with esbuild and without a build',
    ['test/browser/package.spec.ts', 'ten lines reach the demo'],
  ],
]);

contract('Errors: the codes', [
  ...Object.entries(CODES).map(([code, [file, title]]): Line => [code, [file, title, `'${code}'`]]),
  [
    'every code that there is has its line in the table of src/README.md',
    () => {
      const codes = read('src/core/errors.ts').match(/(?<=^ {2}\| ')ERR_\w+/gm)!;
      expect(codes).toEqual(expect.arrayContaining(Object.keys(CODES)));
      for (const code of codes) expect(read('src/README.md')).toContain(`| \`${code}\` |`);
    },
  ],
]);

contract('Command line', [
  [
    'demo, relay, gateway, connect, genkey, pubkey, genpsk, ping and status are commands, and each has --help',
    async () => {
      const listed = await main('--help');
      expect(listed.exitCode).toBeUndefined();
      for (const command of COMMANDS) expect(listed.said).toMatch(new RegExp(`^  ${command} +\\w`, 'm'));
      for (const command of COMMANDS) {
        const help = await main(command, '--help');
        expect(help.said).toMatch(new RegExp(`^Usage: tabwire ${command}\\b`));
        expect(help.exitCode, command).toBeUndefined();
      }
    },
  ],
  [
    'nothing else is one',
    async () =>
      expect(await main('dance')).toEqual({
        said: 'tabwire: there is no command "dance". Try tabwire --help.\n',
        exitCode: 2,
      }),
  ],
  ['… connect, ping and status', ['test/cli/arguments.test.ts', '--help says what there is']],
  ['… genkey, pubkey and genpsk', ['test/cli/keys.test.ts', '--help says what it is for']],
  [
    'exits non-zero with a one-line reason on a bad argument',
    ['test/cli/arguments.test.ts', 'what is wrong is one line, and an exit code'],
  ],
  [
    'stops cleanly on SIGINT and SIGTERM',
    ['test/interop/connect.spec.ts', 'the command stops when it is asked to'],
  ],
  [
    '… ping and status, also while nobody answers',
    ['test/cli/arguments.test.ts', 'ping and status end with %s'],
  ],
  ['… demo', ['test/cli/demo-config.test.ts', 'a demo that has ended keeps no process']],
  ['… whatever was about to happen', ['test/core/clock.test.ts', 'asked for nothing, has no timer']],
  [
    'genkey, pubkey, genpsk: as wg(8), same input, same output',
    ['test/cli/keys.test.ts', 'three hundred keys that are mutilated, or not'],
  ],
  ['relay --config, --listen', ['test/relay/command.test.ts', 'serves, and stops cleanly on']],
  ['relay --allow, --check', ['test/relay/command.test.ts', '--check prints all that holds', "'--check'"]],
  ['relay --admin', ['test/relay/command.test.ts', 'goes by other origins, keys', "'--admin'"]],
  ['relay --workers', ['test/cli/workers.test.ts', 'share a port, count together']],
  [
    'relay --console',
    [
      'test/cli/console.test.ts',
      'comes with headers that let it run its own code and reach its relays, and nothing else',
    ],
  ],
  [
    'demo: relay, console and an embedded peer, on loopback',
    ['test/browser/console.spec.ts', 'one click on the demo shows a handshake'],
  ],
  [
    'connect -L, -R, --socks5, --http-proxy',
    ['test/interop/connect.spec.ts', 'iperf3, psql and ssh go in, and -R leads out'],
  ],
  ['connect, with and without --relay', ['test/interop/connect.spec.ts', 'curl goes through both proxies']],
  [
    'gateway --allow forwards TCP, UDP and ping, and denies all else',
    [
      'test/interop/gateway.spec.ts',
      'Linux behind wireguard-go gets where rules let it, by TCP, UDP and ping',
    ],
  ],
  ['gateway --check', ['test/cli/arguments.test.ts', 'gateway --check says what the rules mean']],
  ['ping FILE HOST, status FILE', ['test/interop/connect.spec.ts', 'ping and status say what there is']],
]);
