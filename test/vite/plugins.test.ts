// What a package for Node finds when it was bundled for a page, by Vite and by esbuild.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build as esbuild } from 'esbuild';
import { build as vite } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { tabwire as esbuildPlugin } from '../../src/esbuild/index.ts';
import { tabwire as vitePlugin } from '../../src/vite/index.ts';
import { stubPageTimers } from '../support/page-timers.ts';

const folder = mkdtempSync(join(tmpdir(), 'tabwire-plugins-'));

/** A package of the old kind, which asks for everything by `require`. */
const PACKAGE = `
const events = require('events');
const stream = require('node:stream');
const assert = require('assert');
const { Buffer: named } = require('buffer/');
let addon;
try { addon = require('./build/Release/addon.node'); } catch (error) { addon = error.code; }
let sqlite;
try { sqlite = require('node:sqlite'); } catch (error) { sqlite = error.code; }
assert(true);
exports.found = {
  addon,
  sqlite,
  events: typeof events,
  isOneEmitter: events === require('node:events') && events === events.EventEmitter,
  isStreamOfIt: new stream.PassThrough() instanceof events,
  isSocketOfIt: new (require('net').Socket)() instanceof stream.Readable,
  isOneBuffer: Buffer === named && require('safer').Buffer === named,
  isBufferOfStreams: require('string_decoder').StringDecoder && Buffer.isBuffer(stream.Readable.from([]).read() ?? Buffer.alloc(0)),
  slice: Buffer.from('grün').latin1Slice(0, 2),
  hash: require('crypto').createHash('md5').update('').digest('hex'),
  inflated: require('zlib').inflateSync(require('zlib').deflateSync('text')).toString(),
  path: require('path').join('a', '..', 'b'),
  isBrowser: process.browser,
  tick: typeof process.nextTick,
  immediate: typeof setImmediate,
  timer: typeof setTimeout(() => {}, 0).unref().refresh,
  interval: typeof require('timers').clearInterval(setInterval(() => {}, 1000).unref()),
  isGlobal: global === globalThis,
  promises: require('dns/promises').lookup === require('dns').promises.lookup,
  file: typeof __dirname,
  exec: require('child_process').exec.length,
  resource: new (require('async_hooks').AsyncResource)('mine').runInAsyncScope((...args) => args, null, 1, 2),
  isMainThread: require('worker_threads').isMainThread,
  console: require('console').log === console.log,
  http2: Object.keys(require('http2').constants).length,
};
`;
const ENTRY = `
import { found } from 'program';
import net, { connect, Socket } from 'node:net';
import { EventEmitter } from 'events';
import { WebSocket } from 'ws';
import browser from 'mqtt/build/lib/is-browser.js';
import { auto } from 'http2-wrapper/source/index.js';
export { found };
export const imported = {
  net: net.connect === connect && new Socket() instanceof EventEmitter,
  ws: new WebSocket(null) instanceof EventEmitter,
  isBrowser: browser.default ?? browser,
  http2: await auto().catch((error) => error.message),
};
`;

beforeAll(() => {
  const files = {
    'entry.js': ENTRY,
    'node_modules/program/index.js': PACKAGE,
    'node_modules/safer/index.js': `module.exports = require('buffer');`,
    'node_modules/mqtt/build/lib/is-browser.js': 'exports.default = true;',
    'node_modules/http2-wrapper/source/index.js': `throw new Error('It looks into Node.');`,
    // Node's entry has an emitter, the browser's has none.
    'node_modules/ws/index.js': `exports.WebSocket = class extends require('events') {};`,
    'node_modules/ws/browser.js': 'exports.WebSocket = class {};',
    'node_modules/ws/package.json': JSON.stringify({ name: 'ws', main: 'index.js', browser: 'browser.js' }),
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
});

afterEach(() => vi.unstubAllGlobals());
afterAll(() => rmSync(folder, { recursive: true }));

const BUNDLERS = {
  vite: (outDir: string) =>
    vite({
      root: folder,
      configFile: false,
      logLevel: 'error',
      plugins: [vitePlugin()],
      build: {
        outDir,
        minify: false,
        lib: { entry: join(folder, 'entry.js'), formats: ['es'], fileName: () => 'entry.js' },
      },
    }),
  esbuild: (outdir: string) =>
    esbuild({
      entryPoints: [join(folder, 'entry.js')],
      bundle: true,
      format: 'esm',
      logLevel: 'error',
      outdir,
      plugins: [esbuildPlugin()],
    }),
};

it("leaves a page's timers as they are, if asked to", async () => {
  writeFileSync(
    join(folder, 'timer.js'),
    'export const timer = setTimeout(() => {}, 0), immediate = setImmediate;',
  );
  const outDir = join(folder, 'out', 'timers');
  await vite({
    root: folder,
    configFile: false,
    logLevel: 'error',
    plugins: [vitePlugin({ timers: 'page' })],
    build: { outDir, lib: { entry: join(folder, 'timer.js'), formats: ['es'], fileName: () => 'timer.js' } },
  });
  stubPageTimers();
  const page = (await import(/* @vite-ignore */ pathToFileURL(join(outDir, 'timer.js')).href)) as {
    timer: unknown;
    immediate: unknown;
  };
  expect([typeof page.timer, typeof page.immediate]).toEqual(['number', 'function']);
});

describe.each(Object.entries(BUNDLERS))('%s', (name, bundle) => {
  it("gives a package Node's modules, each once", async () => {
    const out = join(folder, 'out', name);
    await bundle(out);
    stubPageTimers();
    const page = (await import(/* @vite-ignore */ pathToFileURL(join(out, 'entry.js')).href)) as {
      found: unknown;
      imported: unknown;
    };
    expect(page.found).toEqual({
      addon: 'MODULE_NOT_FOUND',
      sqlite: 'MODULE_NOT_FOUND',
      events: 'function',
      isOneEmitter: true,
      isStreamOfIt: true,
      isSocketOfIt: true,
      isOneBuffer: true,
      isBufferOfStreams: true,
      slice: 'gr',
      hash: 'd41d8cd98f00b204e9800998ecf8427e',
      inflated: 'text',
      path: 'b',
      isBrowser: true,
      tick: 'function',
      immediate: 'function',
      timer: 'function',
      interval: 'undefined',
      isGlobal: true,
      promises: true,
      file: 'string',
      exec: 0,
      resource: [1, 2],
      isMainThread: true,
      console: true,
      http2: 0,
    });
    expect(page.imported).toEqual({
      net: true,
      ws: true,
      isBrowser: false,
      http2: 'There is no HTTP/2 in a page',
    });
  });
});
