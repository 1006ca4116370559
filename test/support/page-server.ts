import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
};

/** A static server on loopback that sends the Content-Security-Policy the product promises to live under. */
export class PageServer {
  readonly origin: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /**
   * `connect`: the relays (ws://host:port) that the page may reach; asked at each response. With a `cacheControl` that
   * lets them, pages go into the back/forward cache.
   */
  static async start(
    folder: string,
    connect: () => readonly string[],
    cacheControl = 'no-store',
  ): Promise<PageServer> {
    const server = createServer((request, response) => {
      const { pathname: path, searchParams } = new URL(request.url ?? '/', 'http://x');
      void serve(
        join(folder, normalize(path.endsWith('/') ? `${path}index.html` : path)),
        connect(),
        response,
        searchParams.get('prelude') ?? '',
        cacheControl,
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new PageServer(server);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** `prelude`: code that is put before a script. */
async function serve(
  file: string,
  connect: readonly string[],
  response: ServerResponse,
  prelude: string,
  cacheControl: string,
): Promise<void> {
  let body: Buffer;
  try {
    body = await readFile(file);
  } catch {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('not found');
    return;
  }
  response.writeHead(200, {
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    'content-security-policy': policy(connect),
    'x-content-type-options': 'nosniff',
    'cache-control': cacheControl,
  });
  response.end(prelude === '' ? body : `{ ${prelude} }\n${body.toString()}`);
}

function policy(connect: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    `connect-src 'self' ${connect.join(' ')}`,
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "manifest-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}
