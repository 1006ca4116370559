import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { BEARER_PREFIX, SUBPROTOCOL } from '../src/core/wire/relay.ts';
import { mayServe, OPEN_RELAY_REASON } from './config.ts';
import type { RelayContext } from './context.ts';
import { BucketTable, clientKey } from './limits.ts';
import type { LocalAddress } from './origin.ts';

/** Why a request does not become a session, as HTTP says it and as `/v1/check` says it. */
export interface Refused {
  readonly status: number;
  /** One of a closed set of words: path, method, query, origin, protocol, upgrade, rate, sessions, token, full, stopping, open_relay. */
  readonly code: string;
  readonly message: string;
}

/** Decides from an HTTP request alone who may become a session, before anything is spent on it. */
export class Admission {
  /** Nobody new is accepted. */
  isStopping = false;
  readonly #context: RelayContext;
  readonly #isOverloaded: () => boolean;
  readonly #upgrades: BucketTable;

  /** `isOverloaded`: more would be too much for this process. */
  constructor(context: RelayContext, isOverloaded: () => boolean) {
    const { upgradesPerSecond, upgradeBurst } = context.config.limits;
    this.#context = context;
    this.#isOverloaded = isOverloaded;
    this.#upgrades = new BucketTable(upgradesPerSecond, upgradeBurst);
  }

  /** Everything that speaks against a session, cheapest first. */
  judgeUpgrade(request: IncomingMessage): Refused | undefined {
    const why = this.#judgeRoom();
    if (why !== undefined) return why;
    const client = this.#clientOf(request);
    if (!this.#upgrades.take(client, this.#context.now())) return TOO_MANY;
    return this.judge(request) ?? judgeHandshake(request) ?? this.#judgeShare(client);
  }

  /** What can be said of any request to the relay's path. */
  judge(request: IncomingMessage): Refused | undefined {
    if (pathOf(request) !== this.#context.config.path) return NOT_FOUND;
    if (request.httpVersion !== '1.1') return HTTP_1_1;
    if (request.method !== 'GET') return METHOD;
    // Only `r`, which a load balancer may look at. Secrets in a URL end up in logs: refuse them outright.
    const query = request.url!.split('?', 2)[1];
    if (query !== undefined && !/^r=[0-9a-f]{8}$/.test(query)) return QUERY;
    return this.#judgeOrigin(request);
  }

  #judgeOrigin(request: IncomingMessage): Refused | undefined {
    const { config } = this.#context;
    // Who was passed on by somebody that we do not know can be anybody, also on loopback.
    const isPassedOn = FORWARDED.some((name) => name in request.headers) && !config.proxies.includes(request);
    if (!mayServe(config, isPassedOn ? '' : localAddress(request).address)) return OPEN_RELAY;
    return this.permits(request) ? undefined : ORIGIN;
  }

  permits(request: IncomingMessage): boolean {
    return this.#context.config.origins.permits(request.headers.origin, localAddress(request));
  }

  /** What speaks against a session for this page, and against a token that it shows (`Authorization: Bearer …`). */
  async judgeCheck(request: IncomingMessage): Promise<Refused | undefined> {
    const { config, now, wallClock } = this.#context;
    const client = this.#clientOf(request);
    const why = this.#judgeOrigin(request) ?? this.#judgeRoom() ?? this.#judgeShare(client);
    const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (why !== undefined) return why;
    // To judge a token costs what an upgrade does.
    const isCostly = config.tokens !== undefined && token !== undefined;
    if (!this.#upgrades[isCostly ? 'take' : 'has'](client, now())) return TOO_MANY;
    if (!isCostly) return undefined;
    const verdict = await config.tokens.verify(token, request.headers.origin, wallClock(), false);
    return 'code' in verdict ? refused(200, 'token', verdict.reason) : undefined;
  }

  /** Whether anybody may come. */
  #judgeRoom(): Refused | undefined {
    const { config, sessions, hasFiles } = this.#context;
    if (this.isStopping) return STOPPING;
    if (this.#isOverloaded()) return OVERLOADED;
    return sessions.size >= config.limits.sessions || !hasFiles() ? FULL : undefined;
  }

  /** Whether one more of this client may. */
  #judgeShare(client: string): Refused | undefined {
    const { config, sessions } = this.#context;
    return sessions.hasRoomFor(client, config.limits.sessionsPerClient) ? undefined : TOO_MANY_SESSIONS;
  }

  #clientOf(request: IncomingMessage): string {
    return clientKey(this.#context.config.proxies.addressOf(request));
  }
}

/** What proxies say of whom they speak for. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'];

function judgeHandshake(request: IncomingMessage): Refused | undefined {
  const { rawHeaders, headers } = request;
  // Names and values.
  if (rawHeaders.length > 2 * 64) return HEADERS;
  if ('content-length' in headers || 'transfer-encoding' in headers) return BODY;
  if (headers.upgrade?.toLowerCase() !== 'websocket') return UPGRADE_REQUIRED;
  return offersOf(request).includes(SUBPROTOCOL) ? undefined : PROTOCOL;
}

const refused = (status: number, code: string, message: string): Refused => ({ status, code, message });

export const NOT_FOUND = refused(404, 'path', 'not found');
export const UPGRADE_REQUIRED = refused(426, 'upgrade', 'upgrade to a WebSocket');
const HEADERS = refused(431, 'upgrade', 'at most 64 headers');
// Of a body, whoever passed the request on may believe that it ends elsewhere.
const BODY = refused(400, 'upgrade', 'no body is needed');
const HTTP_1_1 = refused(400, 'upgrade', 'HTTP/1.1 is needed');
export const METHOD = refused(405, 'method', 'GET only');
const QUERY = refused(400, 'query', 'the query may hold r=<8 hex digits> and nothing else');
const PROTOCOL = refused(400, 'protocol', `offer the subprotocol ${SUBPROTOCOL}`);
const OPEN_RELAY = refused(403, 'open_relay', OPEN_RELAY_REASON);
const ORIGIN = refused(403, 'origin', 'pages from this origin are not allowed here');
const TOO_MANY = refused(429, 'rate', 'too many connections from this address');
const TOO_MANY_SESSIONS = refused(429, 'sessions', 'too many sessions from this address');
const STOPPING = refused(503, 'stopping', 'this relay is stopping');
const FULL = refused(503, 'full', 'this relay is full');
const OVERLOADED = refused(503, 'full', 'this relay is overloaded');

/** The path exactly as it was sent: nothing is decoded or shortened, so nothing can be smuggled. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0]!;
}

/** Where this connection arrived. */
export function localAddress(request: IncomingMessage): LocalAddress {
  const { localAddress = '', localPort = 0 } = request.socket;
  return { address: localAddress.replace(/^::ffff:(?=\d+\.)/, ''), port: localPort };
}

/** The subprotocols that a client offers. */
function offersOf(request: IncomingMessage): string[] {
  return (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
}

/** The token among the subprotocols that a client offers; undefined if there is none. */
export function bearerOf(request: IncomingMessage): string | undefined {
  const bearer = offersOf(request).find((name) => name.startsWith(BEARER_PREFIX));
  return bearer?.slice(BEARER_PREFIX.length);
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
