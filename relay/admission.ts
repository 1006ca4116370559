import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { bracketed } from '../src/core/host-port.ts';
import { SUBPROTOCOL } from '../src/core/wire/relay.ts';
import { isLoopback, mayServe, OPEN_RELAY_REASON, type RelayConfig } from './config.ts';
import { BucketTable, clientKey } from './limits.ts';
import { LoadWatch } from './load-watch.ts';
import { offersOf } from './newcomer.ts';
import type { SessionTable } from './session-table.ts';

/** Why a request does not become a session, as HTTP says it and as `/v1/check` says it. */
export interface Refused {
  readonly status: number;
  /** One of a closed set of words: path, method, query, origin, protocol, upgrade, rate, token, full, stopping, open_relay. */
  readonly code: string;
  readonly message: string;
}

/** Decides from an HTTP request alone who may become a session, before anything is spent on it. */
export class Admission {
  /** May change while the relay runs. */
  config: RelayConfig;
  /** Nobody new is accepted. */
  isStopping = false;
  /** WebSockets, or what is to become one, whose token is being judged. */
  unauthenticated = 0;
  readonly load = new LoadWatch();
  readonly #sessions: SessionTable;
  readonly #now: () => number;
  readonly #upgrades: BucketTable;

  constructor(config: RelayConfig, sessions: SessionTable, now: () => number) {
    this.config = config;
    this.#sessions = sessions;
    this.#now = now;
    this.#upgrades = new BucketTable(config.limits.upgradesPerSecond, config.limits.upgradeBurst);
  }

  /** Everything that speaks against a session, cheapest first. */
  judgeUpgrade(request: IncomingMessage): Refused | undefined {
    const client = clientKey(this.config.proxies.addressOf(request));
    if (this.isStopping) return STOPPING;
    if (this.load.isOverloaded) return OVERLOADED;
    if (!this.#upgrades.take(client, this.#now())) return TOO_MANY;
    return this.judge(request) ?? judgeHandshake(request) ?? this.#judgeRoom() ?? this.#judgeShare(client);
  }

  /** What can be said of any request to the relay's path. */
  judge(request: IncomingMessage): Refused | undefined {
    if (pathOf(request) !== this.config.path) return NOT_FOUND;
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
    if (!mayServe(this.config, localAddress(request).address))
      return { status: 403, code: 'open_relay', message: OPEN_RELAY_REASON };
    if (this.permits(request)) return undefined;
    return { status: 403, code: 'origin', message: 'pages from this origin are not allowed here' };
  }

  permits(request: IncomingMessage): boolean {
    const { origins, allowsNoOrigin } = this.config;
    const { origin } = request.headers;
    if (origins !== undefined) return origins.permits(origin);
    if (origin === undefined) return allowsNoOrigin;
    return sameOrigins(localAddress(request)).includes(origin.toLowerCase());
  }

  /**
   * `GET <path>/check`: the verdict that a browser does not show for a failed upgrade, as JSON; with
   * `Authorization: Bearer …` also of the token.
   */
  async check(request: IncomingMessage, response: ServerResponse, wallClock: number): Promise<void> {
    const { method = '' } = request;
    const { origin } = request.headers;
    if (origin !== undefined && this.permits(request)) {
      response.setHeader('Access-Control-Allow-Origin', origin);
      response.setHeader('Access-Control-Allow-Headers', 'Authorization');
      response.setHeader('Vary', 'Origin');
    }
    response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('Content-Type', 'application/json');
    response.statusCode = method === 'OPTIONS' ? 204 : method === 'GET' ? 200 : 405;
    const refused = method === 'GET' ? await this.#judgeCheck(request, wallClock) : METHOD;
    const verdict = refused
      ? { ok: false, code: refused.code, message: refused.message }
      : { ok: true, protocols: [SUBPROTOCOL] };
    response.end(method === 'OPTIONS' ? undefined : JSON.stringify(verdict));
  }

  async #judgeCheck(request: IncomingMessage, wallClock: number): Promise<Refused | undefined> {
    const refused = this.#judgeOrigin(request) ?? this.#judgeRoom();
    const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (refused !== undefined || this.config.tokens === undefined || token === undefined) return refused;
    if (!this.#upgrades.take(clientKey(this.config.proxies.addressOf(request)), this.#now())) return TOO_MANY;
    const verdict = await this.config.tokens.check(token, request.headers.origin, wallClock);
    return 'code' in verdict ? { status: 200, code: 'token', message: verdict.reason } : undefined;
  }

  /** Whether anybody may come. */
  #judgeRoom(): Refused | undefined {
    const { sessions, unauthenticated } = this.config.limits;
    if (this.isStopping) return STOPPING;
    if (this.load.isOverloaded) return OVERLOADED;
    return this.#sessions.size >= sessions || this.unauthenticated >= unauthenticated ? FULL : undefined;
  }

  /** Whether this client has too much already; sessions that only wait for it make room. */
  #judgeShare(client: string): Refused | undefined {
    if (this.#sessions.ofClient(client) < this.config.limits.sessionsPerClient) return undefined;
    const hasMadeRoom = this.#sessions.endParked(({ owner }) => owner.client === client);
    return hasMadeRoom ? undefined : { ...TOO_MANY, message: 'too many sessions from this address' };
  }
}

function judgeHandshake(request: IncomingMessage): Refused | undefined {
  if (request.headers.upgrade?.toLowerCase() !== 'websocket') return UPGRADE_REQUIRED;
  if (offersOf(request).includes(SUBPROTOCOL)) return undefined;
  return { status: 400, code: 'protocol', message: `offer the subprotocol ${SUBPROTOCOL}` };
}

export const NOT_FOUND: Refused = { status: 404, code: 'path', message: 'not found' };
const TOO_MANY: Refused = { status: 429, code: 'rate', message: 'too many connections from this address' };
const METHOD: Refused = { status: 405, code: 'method', message: 'GET only' };
const STOPPING: Refused = { status: 503, code: 'stopping', message: 'this relay is stopping' };
const FULL: Refused = { status: 503, code: 'full', message: 'this relay is full' };
const OVERLOADED: Refused = { status: 503, code: 'full', message: 'this relay is overloaded' };
export const UPGRADE_REQUIRED: Refused = { status: 426, code: 'upgrade', message: 'upgrade to a WebSocket' };

/** The path exactly as it was sent: nothing is decoded or shortened, so nothing can be smuggled. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0]!;
}

/** Where this connection arrived. */
export function localAddress(request: IncomingMessage): { address: string; port: number } {
  const { localAddress = '', localPort = 0 } = request.socket;
  return { address: localAddress.replace(/^::ffff:(?=\d+\.)/, ''), port: localPort };
}

/**
 * The origins of pages served from the very address that was reached. The names come from us and not from the
 * Host header: a hostile page whose name resolves to this address (DNS rebinding) sends its own name there.
 */
function sameOrigins({ address, port }: { address: string; port: number }): string[] {
  const hosts = isLoopback(address) ? ['127.0.0.1', 'localhost', '[::1]'] : [];
  hosts.push(bracketed(address));
  const suffix = port === 80 ? '' : `:${port}`;
  return hosts.map((host) => `http://${host}${suffix}`);
}

export function respond(response: ServerResponse, { status, message }: Refused): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8').setHeader('Connection', 'close');
  if (status === 426) response.setHeader('Upgrade', 'websocket');
  if (status === 503 || status === 429) response.setHeader('Retry-After', '5');
  response.end(`${message}\n`);
}

/** The same for a request to upgrade, for which Node makes no response. */
export function refuse(request: IncomingMessage, socket: Duplex, refused: Refused): void {
  const response = new ServerResponse(request);
  response.assignSocket(socket as Socket);
  response.on('finish', () => socket.end(() => socket.destroy()));
  respond(response, refused);
}
