import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { guardedServer, listenOn } from './http-server.ts';
import type { ListenAddress } from './options.ts';

/** What an Admin tells of: a relay. */
export interface AdminSource {
  /** As prom-client's Registry is. */
  readonly metrics: {
    /** For the header of the answer. */
    readonly contentType: string;
    /** The text that Prometheus reads. */
    metrics(): Promise<string>;
  };
  /** Whether new sessions are welcome. */
  isReady(): boolean;
  /** How long ago the event loop last turned, in ms. */
  sinceTurn(): number;
}

/** Longer without a turn is no life. */
const STUCK = 5000;
const CONNECTIONS = 64;

/** What operators and their machines ask: on a listener of its own, never on the public port. */
export class Admin {
  readonly #server: Server;
  readonly #source: AdminSource;

  /** It answers from `source`, and listens when it is told to. */
  constructor(source: AdminSource) {
    this.#source = source;
    this.#server = guardedServer((request, response) => void this.#answer(request, response), CONNECTIONS);
  }

  /** Listens; resolves with the port. Rejects with Node's Error, such as EADDRINUSE. */
  listen(address: ListenAddress): Promise<number> {
    return listenOn(this.#server, address);
  }

  /** Listens no more, and breaks off who is connected. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer({ method, url }: IncomingMessage, response: ServerResponse): Promise<void> {
    const say = (status: number, text: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(text);
    };
    const { metrics } = this.#source;
    if (method !== 'GET' && method !== 'HEAD') say(405, 'GET only\n');
    else if (url === '/healthz')
      this.#source.sinceTurn() < STUCK ? say(200, 'ok\n') : say(503, 'the event loop does not turn\n');
    else if (url === '/readyz') this.#source.isReady() ? say(200, 'ready\n') : say(503, 'not ready\n');
    else if (url === '/metrics') say(200, await metrics.metrics(), metrics.contentType);
    else say(404, 'not found\n');
  }
}
