import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { MAX_MESSAGE, SUBPROTOCOL } from '../src/core/wire/relay.ts';
import {
  Admission,
  type Load,
  localAddress,
  NOT_FOUND,
  pathOf,
  refuse,
  respond,
  UPGRADE_REQUIRED,
} from './admission.ts';
import {
  mayServeOpenly,
  OPEN_RELAY_REASON,
  type RelayConfig,
  type RelayOptions,
  readOptions,
} from './config.ts';
import { RelayCounters } from './counters.ts';
import { QueueBudget } from './down-queue.ts';
import { BucketTable, clientKey } from './limits.ts';
import { Log } from './log.ts';
import { Policy } from './policy.ts';
import { createResolver } from './resolver.ts';
import { RelayConfigError } from './rules.ts';
import { Session, type SessionContext } from './session.ts';

const TICK = 1000;
const RETRY_AFTER = 1000;

/** Carries WireGuard datagrams between WebSocket clients and UDP endpoints. Holds no key, sees no plaintext. */
export class Relay implements Load {
  readonly counters = new RelayCounters();
  readonly #config: RelayConfig;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #context: SessionContext;
  readonly #webSockets: WebSocketServer;
  readonly #sessions = new Map<Session, string>();
  readonly #perClient = new Map<string, number>();
  readonly #admission: Admission;
  readonly #ports = new Set<number>();
  #http: Server | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #stopped: Promise<void> | undefined;

  /** Throws RelayConfigError for options that are wrong or unsafe. */
  constructor(options: RelayOptions) {
    this.#config = readOptions(options);
    const { limits } = this.#config;
    this.#now = options.now ?? (() => performance.now());
    this.#log = new Log(options.log, this.#now);
    this.#admission = new Admission(this.#config, this, this.#now);
    this.#context = {
      limits,
      policy: new Policy(this.#config.rules, {
        resolve: options.resolve ?? createResolver(this.#now),
        listenPorts: () => [...this.#ports],
      }),
      counters: this.counters,
      budget: new QueueBudget(limits.totalQueueBytes),
      initiationsOfClient: new BucketTable(
        limits.initiationsPerSecondOfClient,
        4 * limits.initiationsPerSecondOfClient,
      ),
      initiationsToDestination: new BucketTable(
        limits.initiationsPerSecondToDestination,
        4 * limits.initiationsPerSecondToDestination,
      ),
      log: this.#log,
      now: this.#now,
    };
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
      // A client that sends pings, fragments or single bytes and never reads must not make ws grow.
      ...({ maxFragments: 32, maxBufferedChunks: 256, maxPendingAutoPongs: 8, closeTimeout: 5000 } as object),
    });
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  sessionsOf(client: string): number {
    return this.#perClient.get(client) ?? 0;
  }

  get isStopping(): boolean {
    return this.#stopped !== undefined;
  }

  /** Throws RelayConfigError if the relay would be open to everyone; `listen` does so, too. */
  assertSafe(): void {
    if (!mayServeOpenly(this.#config.rules, this.#config.listen.host))
      throw new RelayConfigError(OPEN_RELAY_REASON);
  }

  /** Listens where the options say, with time limits against clients that do not finish their requests. */
  async listen(): Promise<{ host: string; port: number; url: string }> {
    const { listen, limits, path } = this.#config;
    this.assertSafe();
    const server = createServer(
      {
        maxHeaderSize: 8192,
        headersTimeout: 5000,
        requestTimeout: 5000,
        connectionsCheckingInterval: 1000,
        keepAliveTimeout: 5000,
      },
      (request, response) => {
        if (!this.handleRequest(request, response)) respond(response, NOT_FOUND);
      },
    );
    server.maxHeadersCount = 64;
    server.maxConnections = Math.ceil(1.1 * limits.sessions);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(listen.port, listen.host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', () => {});
    this.#http = server;
    this.attach(server);
    const { port } = server.address() as AddressInfo;
    this.#ports.add(port);
    this.#log.info('start', { host: listen.host, port });
    const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
    return { host: listen.host, port, url: `ws://${host}:${port}${path}` };
  }

  /** Serves upgrades to its path on a server that someone else runs; `handleRequest` goes with it. */
  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => {
      // Other paths may be someone else's, if there is anyone else.
      const isOurs = pathOf(request) === this.#config.path;
      if (isOurs || server.listenerCount('upgrade') === 1) this.#upgrade(request, socket, head);
    });
    this.#ticker ??= setInterval(() => this.#tick(), TICK).unref();
  }

  /** Answers plain requests to the relay's paths; false for all others. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    const path = pathOf(request);
    if (path === `${this.#config.path}/check`) {
      this.#admission.check(request, response);
      return true;
    }
    if (path !== this.#config.path) return false;
    respond(response, this.#admission.judge(request) ?? UPGRADE_REQUIRED);
    return true;
  }

  /** Tells every client to come back later, and ends within the stop timeout. May be called again. */
  close(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#log.info('drain', { sessions: this.#sessions.size });
    clearInterval(this.#ticker);
    const { stopTimeout } = this.#config.limits;
    const closed = new Promise<void>((resolve) =>
      this.#http === undefined ? resolve() : this.#http.close(() => resolve()),
    );
    for (const session of this.#sessions.keys()) session.goAway(RETRY_AFTER);
    const deadline = performance.now() + stopTimeout;
    while (this.#sessions.size > 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
    for (const session of this.#sessions.keys()) session.terminate();
    this.#http?.closeAllConnections();
    await closed;
    this.#log.info('stop');
  }

  #tick(): void {
    const now = this.#now();
    for (const session of this.#sessions.keys()) session.tick(now);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {});
    const { port } = localAddress(request);
    this.#ports.add(port);
    const refused = this.#admission.judgeUpgrade(request);
    if (refused !== undefined) {
      this.counters.sessionsRefused++;
      this.#log.refused('reject', refused.code, {
        client: request.socket.remoteAddress,
        origin: request.headers.origin,
      });
      refuse(socket, refused);
      return;
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket, request));
  }

  #accept(webSocket: WebSocket, request: IncomingMessage): void {
    const client = clientKey(request.socket.remoteAddress ?? '');
    const session = new Session(webSocket, randomBytes(8), client, this.#context);
    this.#sessions.set(session, client);
    this.#perClient.set(client, this.sessionsOf(client) + 1);
    this.counters.sessionsAccepted++;
    const sid = Buffer.from(session.id).toString('hex');
    this.#log.info('accept', {
      sid,
      client: request.socket.remoteAddress,
      origin: request.headers.origin,
    });
    webSocket.on('close', (code) => {
      this.#sessions.delete(session);
      const left = this.sessionsOf(client) - 1;
      if (left > 0) this.#perClient.set(client, left);
      else this.#perClient.delete(client);
      this.#log.info('close', { sid, ...session.ended(code) });
    });
  }
}
