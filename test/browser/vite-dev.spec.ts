// An application as `vite` serves it, unbundled: the package as it is installed, our plugin, and packages for Node.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type ViteDevServer } from 'vite';
import { expect, test } from '../support/browser-test.ts';

const root = join(import.meta.dirname, '../..');

/** Says OK to whatever Redis is asked: what is looked at is how a package gets there. */
const PAGE = `
import net, { isIP } from 'node:net';
import { Buffer } from 'buffer';
import { EventEmitter } from 'events';
import { Redis } from 'ioredis';
import pg from 'pg';
import { WebSocket } from 'ws';
import { setDefaultTunnel } from 'tabwire/shims/net';

class TCPSocket {
  closed = new Promise(() => {});
  constructor(host, port) {
    const answers = new TransformStream({
      transform(chunk, controller) {
        const commands = new TextDecoder().decode(chunk).match(/^\\*\\d+\\r$/gm) ?? [];
        for (const _ of commands) controller.enqueue(new TextEncoder().encode('+OK\\r\\n'));
      },
    });
    const ends = { localAddress: '10.0.0.2', localPort: 1, remoteAddress: host, remotePort: port };
    this.opened = Promise.resolve({ ...answers, readable: answers.readable, writable: answers.writable, ...ends });
  }
  reset() {}
  async tune() {}
}

const early = new Redis({ host: '10.0.0.1', lazyConnect: true, retryStrategy: () => null });
const told = new Promise((resolve) => early.on('error', resolve));
early.connect().catch(() => {});
const without = (await told).code;
setDefaultTunnel({ TCPSocket });
const redis = new Redis({ host: '10.0.0.1', lazyConnect: true, enableReadyCheck: false });
await redis.connect();
window.found = {
  without,
  answer: await redis.set('key', Buffer.from('value')),
  isOneNet: redis.stream instanceof net.Socket,
  isEmitter: redis.stream instanceof EventEmitter && new pg.Client() instanceof EventEmitter,
  isNodesWs: WebSocket.prototype instanceof EventEmitter,
  isIP: isIP('fd00::1'),
};
document.title = 'ready';
`;

let folder: string;
let server: ViteDevServer;

test.beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tabwire-vite-'));
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, 'tabwire'), { recursive: true });
  for (const part of ['package.json', 'dist/src', 'dist/assembly'])
    cpSync(join(root, part), join(modules, 'tabwire', part), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules')))
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'page.js'), PAGE);
  writeFileSync(join(folder, 'index.html'), '<script type="module" src="/page.js"></script>');
  const { tabwire } = (await import(
    join(modules, 'tabwire/dist/src/vite/index.js')
  )) as typeof import('../../src/vite/index.ts');
  server = await createServer({
    root: folder,
    configFile: false,
    logLevel: 'error',
    plugins: [tabwire()],
    server: { host: '127.0.0.1', port: 0, fs: { strict: false } },
  });
  await server.listen();
});

test.afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

test('vite, not only vite build: packages for Node share the modules that source of the page imports', async ({
  page,
  browserExists: _,
}) => {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(server.resolvedUrls!.local[0]!);
  await expect(page, errors.join('\n')).toHaveTitle('ready', { timeout: 20_000 });
  const found = await page.evaluate(() => (window as unknown as { found: unknown }).found);
  expect(errors).toEqual([]);
  expect(found).toMatchObject({
    without: 'ERR_NO_TUNNEL',
    answer: 'OK',
    isOneNet: true,
    isEmitter: true,
    isNodesWs: true,
    isIP: 6,
  });
});
