import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { MAX_MESSAGE, SUBPROTOCOL } from '../src/core/wire/relay.ts';
import {
  isLoopback,
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

/** Why a request does not become a session, as HTTP says it and as `/v1/check` says it. */
interface Refused {
  readonly status: number;
  readonly code:
    | 'path'
    | 'method'
    | 'query'
    | 'origin'
    | 'protocol'
    | 'upgrade'
    | 'rate'
    | 'full'
    | 'stopping'
    | 'open_relay';
  readonly message: string;
}

const TICK = 1000;
const RETRY_AFTER = 1000;

/** Carries WireGuard datagrams between WebSocket clients and UDP endpoints. Holds no key, sees no plaintext. */
export class Relay {
  readonly counters = new RelayCounters();
  readonly #config: RelayConfig;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #context: SessionContext;
  readonly #webSockets: WebSocketServer;
  readonly #sessions = new Map<Session, string>();
  readonly #perClient = new Map<string, number>();
  readonly #upgrades: BucketTable;
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
    this.#upgrades = new BucketTable(limits.upgradesPerSecond, limits.upgradeBurst);
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

  get sessionCount(): number {
    return this.#sessions.size;
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
      this.#check(request, response);
      return true;
    }
    if (path !== this.#config.path) return false;
    respond(response, this.#judge(request) ?? UPGRADE_REQUIRED);
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
    const refused = this.#judgeUpgrade(request);
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
    this.#perClient.set(client, (this.#perClient.get(client) ?? 0) + 1);
    this.counters.sessionsAccepted++;
    const sid = Buffer.from(session.id).toString('hex');
    this.#log.info('accept', {
      sid,
      client: request.socket.remoteAddress,
      origin: request.headers.origin,
    });
    webSocket.on('close', (code) => {
      this.#sessions.delete(session);
      const left = this.#perClient.get(client)! - 1;
      if (left > 0) this.#perClient.set(client, left);
      else this.#perClient.delete(client);
      this.#log.info('close', { sid, ...session.ended(code) });
    });
  }

  /** Everything that speaks against a session, cheapest first. */
  #judgeUpgrade(request: IncomingMessage): Refused | undefined {
    const { limits } = this.#config;
    if (this.#stopped !== undefined) return STOPPING;
    const client = clientKey(request.socket.remoteAddress ?? '');
    if (!this.#upgrades.take(client, this.#now()))
      return { status: 429, code: 'rate', message: 'too many connections from this address' };
    const refused = this.#judge(request);
    if (refused !== undefined) return refused;
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') return UPGRADE_REQUIRED;
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    if (!offered.includes(SUBPROTOCOL))
      return { status: 400, code: 'protocol', message: `offer the subprotocol ${SUBPROTOCOL}` };
    if (this.#sessions.size >= limits.sessions)
      return { status: 503, code: 'full', message: 'this relay is full' };
    if ((this.#perClient.get(client) ?? 0) >= limits.sessionsPerClient)
      return { status: 429, code: 'rate', message: 'too many sessions from this address' };
    return undefined;
  }

  /** What can be said of any request to the relay's path. */
  #judge(request: IncomingMessage): Refused | undefined {
    if (pathOf(request) !== this.#config.path) return NOT_FOUND;
    if (request.httpVersion !== '1.1') return { status: 400, code: 'upgrade', message: 'HTTP/1.1 is needed' };
    if (request.method !== 'GET') return { status: 405, code: 'method', message: 'GET only' };
    return this.#judgeQuery(request) ?? this.#judgeOrigin(request);
  }

  /** Only `r`, which a load balancer may look at. Secrets in a URL end up in logs: refuse them outright. */
  #judgeQuery(request: IncomingMessage): Refused | undefined {
    const query = (request.url ?? '').split('?', 2)[1];
    if (query === undefined || /^r=[0-9a-f]{8}$/.test(query)) return undefined;
    return { status: 400, code: 'query', message: 'the query may hold r=<8 hex digits> and nothing else' };
  }

  #judgeOrigin(request: IncomingMessage): Refused | undefined {
    const { rules, origins, allowsNoOrigin } = this.#config;
    const local = localAddress(request);
    if (!mayServeOpenly(rules, local.address))
      return { status: 403, code: 'open_relay', message: OPEN_RELAY_REASON };
    const { origin } = request.headers;
    const permitted =
      origins?.permits(origin) ??
      (origin === undefined ? allowsNoOrigin : sameOrigins(local).includes(origin.toLowerCase()));
    return permitted
      ? undefined
      : { status: 403, code: 'origin', message: 'pages from this origin are not allowed here' };
  }

  /** `GET <path>/check`: the verdict that a browser does not show for a failed upgrade, as JSON. */
  #check(request: IncomingMessage, response: ServerResponse): void {
    const refused = request.method === 'GET' ? (this.#judgeOrigin(request) ?? this.#judgeCapacity()) : METHOD;
    const { origin } = request.headers;
    if (origin !== undefined && refused?.code !== 'origin') {
      response.setHeader('Access-Control-Allow-Origin', origin);
      response.setHeader('Vary', 'Origin');
    }
    response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('Content-Type', 'application/json');
    response.statusCode = refused === METHOD ? 405 : 200;
    const verdict =
      refused === undefined
        ? { ok: true, protocols: [SUBPROTOCOL] }
        : { ok: false, code: refused.code, message: refused.message };
    response.end(JSON.stringify(verdict));
  }

  #judgeCapacity(): Refused | undefined {
    if (this.#stopped !== undefined) return STOPPING;
    if (this.#sessions.size < this.#config.limits.sessions) return undefined;
    return { status: 503, code: 'full', message: 'this relay is full' };
  }
}

const NOT_FOUND: Refused = { status: 404, code: 'path', message: 'not found' };
const METHOD: Refused = { status: 405, code: 'method', message: 'GET only' };
const STOPPING: Refused = { status: 503, code: 'stopping', message: 'this relay is stopping' };
const UPGRADE_REQUIRED: Refused = { status: 426, code: 'upgrade', message: 'a WebSocket upgrade is needed' };

/** The path exactly as it was sent: nothing is decoded or shortened, so nothing can be smuggled. */
function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0]!;
}

/** Where this connection arrived. */
function localAddress(request: IncomingMessage): { address: string; port: number } {
  const { localAddress = '', localPort = 0 } = request.socket;
  return { address: localAddress.replace(/^::ffff:(?=\d+\.)/, ''), port: localPort };
}

/**
 * The origins of pages served from the very address that was reached. The names come from us and not from the
 * Host header: a hostile page whose name resolves to this address (DNS rebinding) sends its own name there.
 */
function sameOrigins({ address, port }: { address: string; port: number }): string[] {
  const hosts = isLoopback(address) ? ['127.0.0.1', 'localhost', '[::1]'] : [];
  hosts.push(address.includes(':') ? `[${address}]` : address);
  const suffix = port === 80 ? '' : `:${port}`;
  return hosts.map((host) => `http://${host}${suffix}`);
}

function respond(response: ServerResponse, refused: Refused): void {
  response.writeHead(refused.status, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' });
  response.end(`${refused.message}\n`);
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
};

function refuse(socket: Duplex, { status, message }: Refused): void {
  const headers = [
    `HTTP/1.1 ${status} ${STATUS_TEXT[status]}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(message) + 1}`,
    ...(status === 426 ? ['Upgrade: websocket'] : []),
    ...(status === 503 || status === 429 ? ['Retry-After: 5'] : []),
  ];
  socket.end(`${headers.join('\r\n')}\r\n\r\n${message}\n`, () => socket.destroy());
}
