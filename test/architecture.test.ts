// Reads every import under src/ and relay/ and fails on a direction that the house does not allow.
// The picture is in src/README.md, "Who may import whom".
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

const core = [
  'src/core/base',
  'src/core/crypto',
  'src/core/wire',
  'src/core/queue',
  'src/core/wireguard',
  'src/core/netstack',
  'src/core/tunnel',
];
/** Of the core, what works on text and bytes alone. */
const config = 'src/core/wireguard/config.ts';
const keys = ['src/core/wireguard/keys.ts', 'src/core/crypto/x25519.ts'];

/** room → rooms (or single files) it may import from; its own room is always allowed. */
const allowed: Record<string, string[]> = {
  // The environment holds a CryptoSuite: base knows the seam, not what is behind it.
  'src/core/base': ['src/core/crypto/suite.ts'],
  'src/core/crypto': ['src/core/base'],
  'src/core/wire': ['src/core/base'],
  'src/core/queue': ['src/core/base', 'src/core/wire'],
  'src/core/wireguard': ['src/core/base', 'src/core/crypto', 'src/core/wire'],
  'src/core/netstack': ['src/core/base', 'src/core/wire'],
  'src/core/tunnel': core,
  'src/bridge': ['src/core/base'],
  'src/service': [...core, 'src/bridge'],
  'src/transport': ['src/core/base', 'src/core/wire'],
  'src/worker': [...core, 'src/bridge', 'src/service', 'src/transport'],
  'src/client': ['src/core/base', config, ...keys, 'src/bridge'],
  'src/node': [...core, 'src/bridge', 'src/service', 'src/transport', 'src/client'],
  // What it says of a tunnel are types: which one it is, it is told.
  'src/shims': ['src/core/base', 'src/bridge', 'src/client'],
  'src/bundling': [],
  'src/vite': ['src/bundling'],
  'src/esbuild': ['src/bundling'],
  'src/index': ['src/core/base', config, 'src/bridge', 'src/client'],
  'src/cli': [
    'src/core/base',
    config,
    ...keys,
    'src/client',
    'src/node',
    'src/relay-host',
    // What an address is, a gateway asks, too.
    'relay/address.ts',
  ],
  // It runs a relay and is none; the relay knows nothing of it.
  'src/relay-host': [
    'relay',
    ...['host-port', 'wire/relay', 'wire/wireguard'].map((file) => `src/core/${file}.ts`),
  ],
  relay: [
    'src/core/queue',
    ...['host-port', 'token-bucket', 'wire/relay', 'wire/relay-window', 'wire/wireguard'].map(
      (file) => `src/core/${file}.ts`,
    ),
  ],
  // SSH's sockets are those of the tunnel, and what asks a web server through SSH is what asks it through a tunnel.
  web: [
    'src/index',
    'src/core/host-port.ts',
    'src/shims/net.ts',
    'src/shims/crypto/der.ts',
    'src/client/http/http-client.ts',
  ],
};

/** npm packages a room may import at run time. */
const packages: Record<string, string[]> = {
  'src/core/crypto': ['@noble/curves'],
  'src/core/wire': ['@leichtgewicht/dns-packet'],
  'src/client': ['comlink'],
  'src/shims': [
    'buffer',
    'events',
    'process',
    'readable-stream',
    'string_decoder',
    'pako',
    '@noble/ciphers',
    '@noble/curves',
    '@noble/hashes',
  ],
  // Types: who asks for a plugin has the bundler.
  'src/vite': ['vite'],
  'src/esbuild': ['esbuild'],
  'src/worker': ['comlink'],
  'src/node': ['ws', 'ssh2', '@leichtgewicht/dns-packet'],
  'src/cli': ['valibot', 'prom-client'],
  'src/relay-host': ['jose', 'valibot', 'prom-client', 'pino'],
  relay: ['ws', 'ipaddr.js', 'jose', 'valibot', '@noble/hashes'],
  // Its examples import the package by its name, as they would elsewhere. `virtual:…`: made by vite.config.ts.
  web: [
    'tabwire',
    '@xterm/addon-fit',
    '@xterm/addon-search',
    '@xterm/addon-unicode11',
    '@xterm/addon-web-links',
    '@xterm/addon-webgl',
    '@xterm/xterm',
    'buffer',
    'ssh2',
    'preact',
    '@preact/signals',
    '@noble/hashes',
    'fflate',
    'idb-keyval',
    'uplot',
    'uqr',
    'virtual:qr-engine',
  ],
};

/** Rooms that are never in a page. */
const nodes = ['src/node', 'src/cli', 'src/bundling', 'src/vite', 'src/esbuild', 'src/relay-host', 'relay'];

function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function roomOf(file: string): string {
  const [top, second, third] = file.split('/');
  if (top !== 'src') return top!;
  if (second === 'core') {
    if (file === 'src/core/tunnel.ts' || file === 'src/core/driver.ts') return 'src/core/tunnel';
    return third!.endsWith('.ts') ? 'src/core/base' : `src/core/${third}`;
  }
  return second!.endsWith('.ts') ? 'src/index' : `src/${second}`;
}

function importsOf(file: string): string[] {
  return ts
    .preProcessFile(readFileSync(join(root, file), 'utf8'))
    .importedFiles.map(({ fileName }) => fileName);
}

/** Every import of it is of types. */
function isTypeOnly(file: string, target: string): boolean {
  const text = readFileSync(join(root, file), 'utf8');
  const imports = text.match(/^(?:im|ex)port [^;]*? from '[^']+'/gm) ?? [];
  const meant = imports.filter((line) => line.endsWith(` from '${target}'`));
  return meant.length > 0 && meant.every((line) => line.startsWith('import type '));
}

const files = [...filesUnder('src'), ...filesUnder('relay'), ...filesUnder('web')];

describe('who may import whom', () => {
  it('finds the rooms', () => {
    expect(files.length).toBeGreaterThan(10);
    for (const file of files) expect(allowed, `${file} is in no known room`).toHaveProperty([roomOf(file)]);
  });

  for (const file of files) {
    it(file, () => {
      const room = roomOf(file);
      for (const target of importsOf(file)) {
        if (target.startsWith('.')) {
          const path = relative(root, join(root, dirname(file), target));
          const to = roomOf(path);
          const fine = to === room || allowed[room]!.includes(to) || allowed[room]!.includes(path);
          expect(fine, `${file} (${room}) must not import ${path} (${to})`).toBe(true);
        } else if (room === 'src/shims' && isTypeOnly(file, target)) {
          // The stand-ins have Node's types, which are gone in what runs.
          expect(['node:events', 'node:stream', 'buffer']).toContain(target);
        } else if (room === 'web' && target === 'node:stream' && isTypeOnly(file, target)) {
          // What ssh2 speaks over has Node's shape.
        } else if (file.startsWith('web/examples/') && target.startsWith('node:')) {
          // Built with our plugin, which leads it to a stand-in.
        } else if (target.startsWith('node:')) {
          expect(nodes, `${file} imports ${target}`).toContain(room);
        } else {
          const name = target.startsWith('@')
            ? target.split('/').slice(0, 2).join('/')
            : target.split('/')[0]!;
          expect(packages[room] ?? [], `${file} imports ${target}`).toContain(name);
        }
      }
    });
  }
});
