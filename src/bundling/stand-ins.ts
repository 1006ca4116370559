// Which file of ours stands for which module of Node's, in what a bundler makes for a page.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Compiled or not, the files beside this one end as it does. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '../shims');

/** Node's name → the file in src/shims, without its ending. */
export const STAND_INS: Readonly<Record<string, string>> = {
  net: 'net',
  tls: 'tls',
  dns: 'dns',
  'dns/promises': 'dns-promises',
  dgram: 'dgram',
  http: 'http',
  https: 'https',
  http2: 'http2',
  assert: 'assert',
  'assert/strict': 'assert',
  async_hooks: 'async-hooks',
  buffer: 'buffer',
  child_process: 'child-process',
  console: 'console',
  constants: 'constants',
  crypto: 'crypto',
  diagnostics_channel: 'diagnostics-channel',
  events: 'events',
  fs: 'fs',
  'fs/promises': 'fs-promises',
  os: 'os',
  path: 'path',
  'path/posix': 'path',
  perf_hooks: 'perf-hooks',
  process: 'process',
  querystring: 'querystring',
  stream: 'stream',
  'stream/promises': 'stream-promises',
  string_decoder: 'string-decoder',
  timers: 'timers',
  'timers/promises': 'timers-promises',
  tty: 'tty',
  url: 'url',
  util: 'util',
  'util/types': 'util-types',
  worker_threads: 'worker-threads',
  zlib: 'zlib',
};

/**
 * What the stand-ins themselves are made of: packages that have a name of Node's. Everybody else who asks for one of these gets
 * our file, which is made of it, so that a page has one Buffer and one EventEmitter.
 */
const MADE_OF = ['buffer', 'events', 'string_decoder'];

/** The global names of Node's that a page does not have, and where each comes from. */
export const GLOBALS: Readonly<Record<string, [file: string, name: string]>> = {
  Buffer: [standInFile('buffer'), 'Buffer'],
  process: [standInFile('process'), 'process'],
  setImmediate: [standInFile('timers'), 'setImmediate'],
  clearImmediate: [standInFile('timers'), 'clearImmediate'],
  // What they give is taken by the page's own clearTimeout and clearInterval.
  setTimeout: [standInFile('timers'), 'setTimeout'],
  setInterval: [standInFile('timers'), 'setInterval'],
};

/** Names that a page has under another name, or that say where a file is, which is nowhere. */
export const RENAMED: Readonly<Record<string, string>> = {
  global: 'globalThis',
  __dirname: '"/"',
  __filename: '"/index.js"',
};

/** Every specifier that may be one of Node's modules: `net`, `node:net`, `dns/promises`, `buffer/`. */
export const NODE_MODULE = new RegExp(`^(?:node:)?(?:${Object.keys(STAND_INS).join('|')})/?$`);

/** The file that stands for a module of Node's, asked for by `importer`; undefined for every other specifier. */
export function standInOf(specifier: string, importer: string | undefined): string | undefined {
  if (!NODE_MODULE.test(specifier)) return undefined;
  const name = specifier.replace(/^node:/, '').replace(/\/$/, '');
  if (isOurs(importer) && MADE_OF.includes(name)) return packageFile(name);
  return standInFile(STAND_INS[name]!);
}

/** The absolute path of a stand-in. */
export function standInFile(name: string): string {
  return join(FOLDER, name + EXTENSION);
}

/** Bundlers write paths with slashes, wherever they are. */
function isOurs(importer: string | undefined): boolean {
  return importer !== undefined && slashed(importer).startsWith(slashed(FOLDER));
}

function slashed(path: string): string {
  return path.replaceAll('\\', '/');
}

/** The slash says that it is the package, and not Node's module, that is meant. */
function packageFile(name: string): string {
  return createRequire(import.meta.url).resolve(`${name}/`);
}
