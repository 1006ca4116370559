// Serves the bench page, and tells it what to do: the page asks for its next command and brings what came of it. No
// DevTools connection is involved, because that makes an event of each WebSocket frame.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import type { Command, Outcome } from './host.ts';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
};

/** A page that has no command by then asks again, before its browser loses patience. In ms. */
const LONG_POLL = 30_000;
/** A command that takes longer has got lost. */
const PATIENCE = 300_000;

export class CommandServer {
  readonly origin: string;
  /** Files that were asked for. */
  readonly served = new Set<string>();
  readonly #server: Server;
  readonly #folder: string;
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  readonly #commands: Command[] = [];
  /** The page's request for a command, while there is none. */
  #asking: ServerResponse | undefined;
  #calls = 0;

  private constructor(server: Server, folder: string) {
    this.#server = server;
    this.#folder = folder;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => void this.#serve(request, response));
  }

  static async start(folder: string): Promise<CommandServer> {
    // A connection that is closed while the page is busy would be one that it believes in when it answers.
    const server = createServer({ keepAliveTimeout: 0 });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CommandServer(server, folder);
  }

  call(procedure: string, argument: unknown): Promise<Outcome> {
    const id = this.#calls++;
    this.#commands.push({ id, procedure, argument });
    const outcome = new Promise<Outcome>((resolve) => this.#waiting.set(id, resolve));
    const late = setTimeout(
      () => this.#settle({ id, error: `${procedure}: no answer in ${PATIENCE} ms` }),
      PATIENCE,
    );
    this.#hand();
    return outcome.finally(() => clearTimeout(late));
  }

  /** The page is gone: whoever waits for it is told. */
  failAll(error: string): void {
    for (const [id, resolve] of this.#waiting) resolve({ id, error });
    this.#waiting.clear();
  }

  #settle(outcome: Outcome): void {
    this.#waiting.get(outcome.id)?.(outcome);
    this.#waiting.delete(outcome.id);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #ask(response: ServerResponse): void {
    this.#asking = response;
    const enough = setTimeout(() => {
      if (this.#asking !== response) return;
      this.#asking = undefined;
      response.writeHead(204).end();
    }, LONG_POLL);
    response.on('close', () => {
      clearTimeout(enough);
      // Whoever hung up takes no command any more.
      if (this.#asking === response) this.#asking = undefined;
    });
    this.#hand();
  }

  #hand(): void {
    if (!this.#asking || this.#commands.length === 0) return;
    this.#asking.end(JSON.stringify(this.#commands.shift()));
    this.#asking = undefined;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url!, 'http://x');
    // Isolated, so that the page's clock is a fine one.
    response.setHeader('cross-origin-opener-policy', 'same-origin');
    response.setHeader('cross-origin-embedder-policy', 'require-corp');
    response.setHeader('cache-control', 'no-store');
    if (pathname === '/next') {
      this.#ask(response.setHeader('content-type', 'application/json'));
    } else if (pathname === '/outcome') {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const outcome = JSON.parse(Buffer.concat(parts).toString()) as Outcome;
      response.end();
      this.#settle(outcome);
    } else await this.#file(pathname, response);
  }

  async #file(pathname: string, response: ServerResponse): Promise<void> {
    const path = join(this.#folder, normalize(pathname === '/' ? '/index.html' : pathname));
    try {
      const body = await readFile(path);
      this.served.add(path);
      // What has a hash in its name never changes.
      if (pathname.startsWith('/assets/')) response.setHeader('cache-control', 'max-age=3600, immutable');
      response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream').end(body);
    } catch {
      response.writeHead(404).end();
    }
  }
}
