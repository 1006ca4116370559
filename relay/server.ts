import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { CLOSE_LIMIT, CLOSE_RESTARTING, CLOSE_TOKEN, SUBPROTOCOL } from '../src/core/wire/relay.ts';
import { Admin } from './admin.ts';
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
import { mayServe, OPEN_RELAY_REASON, type RelayConfig, type RelayOptions, readOptions } from './config.ts';
import { RelayConfigError } from './config-error.ts';
import { RelayCounters } from './counters.ts';
import { QueueBudget } from './down-queue.ts';
import { drainSessions } from './drain.ts';
import type { Grant } from './grant.ts';
import { guardedServer, listenOn } from './http-server.ts';
import { InitiationTurns } from './initiation-turns.ts';
import { BucketTable, clientKey } from './limits.ts';
import { LoadWatch } from './load-watch.ts';
import { Log } from './log.ts';
import { type Measured, metricsOf } from './metrics.ts';
import { bearerOf, type Credential, Newcomer } from './newcomer.ts';
import { Policy } from './policy.ts';
import { createResolver } from './resolver.ts';
import { Session } from './session.ts';
import type { SessionContext } from './session-context.ts';
import { SessionTable } from './session-table.ts';
import type { TokenRefusal } from './tokens.ts';

const TICK = 1000;
const RETRY_AFTER = 1000;
/** Of all sessions that there may be, so many may wait for their clients. */
const PARKED_SHARE = 0.05;

/** Carries WireGuard datagrams between WebSocket clients and UDP endpoints. Holds no key, sees no plaintext. */
export class Relay implements Load, Measured {
  readonly counters = new RelayCounters();
  /** Where health and metrics are served, if anywhere. */
  adminPort: number | undefined;
  #config: RelayConfig;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #context: SessionContext;
  readonly #webSockets: WebSocketServer;
  readonly #sessions = new SessionTable((session, code) => this.#ended(session, code));
  readonly #wallClock: () => number;
  readonly #admission: Admission;
  readonly #ports = new Set<number>();
  #http: Server | undefined;
  readonly #load = new LoadWatch();
  #admin: Admin | undefined;
  #lastTick = 0;
  #ticker: NodeJS.Timeout | undefined;
  /** WebSockets, or what is to become one, whose token is being judged. */
  #unauthenticated = 0;
  #drained: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #isStopping = false;

  /** Throws RelayConfigError for options that are wrong or unsafe. */
  constructor(options: RelayOptions) {
    this.#config = readOptions(options);
    const { limits } = this.#config;
    this.#now = options.now ?? (() => performance.now());
    this.#wallClock = options.wallClock ?? Date.now;
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
      initiationTurns: new InitiationTurns(
        limits.initiationsPerSecondToDestination,
        Math.max(1, Math.round(limits.initiationsPerSecondToDestination / 4)),
        this.#now,
      ),
      log: this.#log,
      tickets: this.#config.tickets,
      parkTime: 1000 * this.#config.tickets.park,
      sessionAt: (sid) => this.#sessions.find(sid),
      surrendered: (session) => void this.#sessions.endParked((each) => each === session),
      now: this.#now,
      wallClock: this.#wallClock,
      isDenied: (subject) => this.#config.tokens?.isDenied(subject) ?? false,
    };
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: limits.maxMessage,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
      // A client that sends pings, fragments or single bytes and never reads must not make ws grow.
      ...({ maxFragments: 32, maxBufferedChunks: 256, maxPendingAutoPongs: 8, closeTimeout: 5000 } as object),
    });
  }

  /** WebSockets that are open. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Sessions whose WebSocket broke, and that wait for their client. */
  get parked(): number {
    return this.#sessions.parked;
  }

  /** How many of them are from this client address. */
  sessionsOf(client: string): number {
    return this.#sessions.ofClient(client);
  }

  makeRoomFor(client: string): boolean {
    return this.#sessions.endParked(({ owner }) => owner.client === client);
  }

  /** WebSockets whose token has not been judged yet. */
  get unauthenticated(): number {
    return this.#unauthenticated;
  }

  /** Open channels, each a UDP socket. */
  get channels(): number {
    let channels = 0;
    for (const session of this.#sessions) channels += session.channels;
    return channels;
  }

  /** Bytes that wait for slow clients. */
  get queuedBytes(): number {
    return this.#context.budget.used;
  }

  /** Whether so much waits for slow clients that no new one is let in. */
  get isOverloaded(): boolean {
    return this.#load.isOverloaded;
  }

  /** Whether new clients are welcome. */
  get isReady(): boolean {
    return !this.isDraining && !this.isOverloaded && this.sessions < this.#config.limits.sessions;
  }

  /** Nobody new is accepted. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Whether clients are being sent elsewhere. */
  get isDraining(): boolean {
    return this.#drained !== undefined || this.#isStopping;
  }

  /** Throws RelayConfigError if the relay would be open to everyone; `listen` does so, too. */
  assertSafe(): void {
    if (!mayServe(this.#config, this.#config.listen.host)) throw new RelayConfigError(OPEN_RELAY_REASON);
  }

  /**
   * Other rules, origins, tokens, proxies and limits of new sessions, without a restart; where it listens, and limits that
   * sessions share, stay. All of it, or nothing: throws RelayConfigError, and the old ones hold. Channels whose destination
   * is no longer allowed are closed, and sessions of subjects that are denied now.
   */
  reload(options: RelayOptions): void {
    const { listen, admin, path } = this.#config;
    const config = { ...readOptions(options), listen, admin, path };
    if (!mayServe(config, listen.host)) throw new RelayConfigError(OPEN_RELAY_REASON);
    this.#config = this.#admission.config = config;
    this.#context.policy.replace(config.rules);
    // What the WebSocket server was told holds until it is made anew.
    this.#context.limits = { ...config.limits, maxMessage: this.#context.limits.maxMessage };
    // A key that was made up here is nobody's to take away.
    if (options.tickets?.keys !== undefined) this.#context.tickets = config.tickets;
    this.#context.parkTime = 1000 * config.tickets.park;
    for (const session of this.#sessions) session.recheck();
    this.#log.info('config', { rules: config.rules.length });
  }

  /** There was nothing to reload, or nothing that could be read. */
  reloadFailed(error: Error): void {
    this.counters.reloadsFailed++;
    this.#log.warn('config', { error: error.message });
  }

  /** Listens where the options say: on all of it, or nothing. What is not for the relay is `others`' to answer. */
  async listen(others: RequestListener = notFound): Promise<{ host: string; port: number; url: string }> {
    const { listen, limits, path } = this.#config;
    this.assertSafe();
    await this.#listenForAdmin();
    const server = guardedServer(
      (request, response) => {
        if (!this.handleRequest(request, response)) others(request, response);
      },
      Math.ceil(1.1 * limits.sessions),
    );
    const port = await listenOn(server, listen).catch((error: Error) => {
      this.#admin?.close();
      throw error;
    });
    this.#http = server;
    this.attach(server);
    this.#ports.add(port);
    this.#log.info('start', { host: listen.host, port });
    const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
    return { host: listen.host, port, url: `ws://${host}:${port}${path}` };
  }

  async #listenForAdmin(): Promise<void> {
    const { admin } = this.#config;
    if (admin === undefined) return;
    const isReady = () => this.isReady;
    const lastTurn = () => this.#lastTick;
    this.#admin = new Admin({
      metrics: metricsOf(this),
      isReady,
      now: this.#now,
      get lastTurn() {
        return lastTurn();
      },
    });
    this.adminPort = await this.#admin.listen(admin);
    this.#ports.add(this.adminPort);
    this.#log.info('start', { admin: admin.host, port: this.adminPort });
  }

  /** Serves upgrades to its path on a server that someone else runs; `handleRequest` goes with it. */
  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => {
      // Other paths may be someone else's, if there is anyone else.
      const isOurs = pathOf(request) === this.#config.path;
      if (isOurs || server.listenerCount('upgrade') === 1) this.#upgrade(request, socket, head);
    });
    this.#lastTick = this.#now();
    this.#ticker ??= setInterval(() => this.#tick(), TICK).unref();
  }

  /** Whether a page of this request's origin may use the relay. */
  permits(request: IncomingMessage): boolean {
    return this.#admission.permits(request);
  }

  /** Whether a trusted proxy passed the request on, whose headers can be believed then. */
  isProxied(request: IncomingMessage): boolean {
    return this.#config.proxies.includes(request);
  }

  /** Answers plain requests to the relay's paths; false for all others. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    const path = pathOf(request);
    if (path === '/readyz' && this.#config.proxies.includes(request)) {
      // For load balancers, which see the public port only.
      response.writeHead(this.isReady ? 200 : 503, { 'Cache-Control': 'no-store' }).end();
      return true;
    }
    if (path === `${this.#config.path}/check`) {
      void this.#admission.check(request, response, this.#wallClock());
      return true;
    }
    if (path !== this.#config.path) return false;
    respond(response, this.#admission.judge(request) ?? UPGRADE_REQUIRED);
    return true;
  }

  /** Sends every client elsewhere in an orderly way, and then ends: see `drain` of the options. May be called again. */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    const { drain } = this.#config;
    this.#log.info('drain', { sessions: this.#sessions.size });
    await new Promise((resolve) => setTimeout(resolve, 1000 * drain.delay));
    this.#isStopping = true;
    this.#http?.close();
    await drainSessions(this.#sessions, { ...drain, max: drain.max - drain.delay });
    await this.close();
  }

  /** Tells every client to come back later, and ends within the stop timeout. May be called again. */
  close(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    if (!this.isDraining) this.#log.info('drain', { sessions: this.#sessions.size });
    this.#isStopping = true;
    clearInterval(this.#ticker);
    const { stopTimeout } = this.#config.limits;
    const closed = new Promise<void>((resolve) =>
      this.#http?.listening ? this.#http.close(() => resolve()) : resolve(),
    );
    for (const session of this.#sessions) {
      session.goAway(0, RETRY_AFTER);
      session.close(CLOSE_RESTARTING, 'restarting');
    }
    const deadline = performance.now() + stopTimeout;
    while (this.#sessions.size > 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
    for (const session of this.#sessions) session.terminate();
    while (this.#sessions.endParked(() => true));
    this.#http?.closeAllConnections();
    await closed;
    this.#load.stop();
    this.#context.initiationTurns.close();
    this.#admin?.close();
    this.#log.info('stop');
  }

  #tick(): void {
    const now = this.#now();
    this.#lastTick = now;
    const wasOverloaded = this.isOverloaded;
    this.#load.tick();
    this.#context.initiationTurns.tick(now);
    if (this.isOverloaded && !wasOverloaded) this.#log.warn('overload', { sessions: this.sessions });
    this.#sessions.tick(now);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {});
    const { port } = localAddress(request);
    this.#ports.add(port);
    const refused = this.#admission.judgeUpgrade(request);
    if (refused !== undefined) {
      this.counters.count(this.counters.refused, refused.code);
      this.#log.refused('reject', refused.code, {
        client: this.#config.proxies.addressOf(request),
        origin: request.headers.origin,
      });
      refuse(socket, refused);
      return;
    }
    void this.#admit(request, socket, head);
  }

  /** Tokens are judged before the upgrade, but refused behind it: browsers do not tell what an upgrade failed of. */
  async #admit(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { tokens } = this.#config;
    const bearer = bearerOf(request);
    const verdict = tokens && bearer !== undefined ? await this.#judge(bearer, request) : undefined;
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      if (tokens && verdict === undefined) void this.#awaitToken(webSocket, request);
      else this.#accept(webSocket, request, verdict);
    });
  }

  async #judge(shown: Credential, { headers }: IncomingMessage): Promise<Grant | TokenRefusal> {
    const { tickets, isDenied } = this.#context;
    if (typeof shown !== 'string') return tickets.grantOf(shown, headers.origin, this.#wallClock(), isDenied);
    this.#unauthenticated++;
    const verdict = await this.#config.tokens!.verify(shown, headers.origin, this.#wallClock());
    this.#unauthenticated--;
    return verdict;
  }

  async #awaitToken(webSocket: WebSocket, request: IncomingMessage): Promise<void> {
    this.#unauthenticated++;
    const newcomer = new Newcomer(webSocket, this.#config.limits.authTimeout);
    const shown = await newcomer.credential;
    this.#unauthenticated--;
    const verdict = shown === undefined ? NO_TOKEN : await this.#judge(shown, request);
    const session = this.#accept(webSocket, request, verdict, typeof shown === 'object' ? shown : undefined);
    for (const message of newcomer.takeEarly()) session?.receiveMessage(message, true);
  }

  #accept(
    webSocket: WebSocket,
    request: IncomingMessage,
    verdict: Grant | TokenRefusal | undefined,
    resume?: Exclude<Credential, string>,
  ): Session | undefined {
    if (webSocket.readyState !== webSocket.OPEN) return undefined;
    const refusal = this.#refusalOf(verdict, resume);
    const address = this.#config.proxies.addressOf(request);
    const { origin } = request.headers;
    if (refusal !== undefined) {
      const word = refusal.reason.split(':', 1)[0]!;
      this.counters.count(this.counters.tokensRefused, word);
      this.#log.refused('reject', word, { client: address, origin });
      webSocket.on('error', () => {});
      webSocket.close(refusal.code, refusal.reason);
      return undefined;
    }
    const grant = verdict as Grant | undefined;
    const client = clientKey(address);
    const session = new Session(webSocket, { client, origin, grant }, this.#context);
    this.#sessions.add(session);
    this.counters.sessionsAccepted++;
    this.#log.info('accept', { sid: session.sid, client: address, origin, subject: grant?.subjectHash });
    webSocket.on('close', (code) => {
      const time = this.isStopping ? 0 : this.#context.parkTime;
      const places = Math.ceil(PARKED_SHARE * this.#config.limits.sessions);
      this.#sessions.disconnected(session, code, { time, places }, this.#now());
    });
    return session;
  }

  #ended(session: Session, code: number): void {
    const summary = session.ended(code);
    this.counters.count(this.counters.closed, closeWord(summary.code));
    this.#log.info('close', { sid: session.sid, ...summary });
  }

  #refusalOf(
    verdict: Grant | TokenRefusal | undefined,
    resume: Exclude<Credential, string> | undefined,
  ): TokenRefusal | undefined {
    if (this.isStopping) return { code: CLOSE_RESTARTING, reason: 'restarting' };
    if (verdict === undefined) return undefined;
    if ('code' in verdict) return verdict;
    const { subject } = verdict;
    if (this.#sessions.ofSubject(subject) < this.#config.limits.sessionsPerSubject) return undefined;
    // Who takes the place of a session that is here makes nothing more.
    const replaced = resume && this.#context.tickets.sessionOf(resume, this.#wallClock());
    if (replaced !== undefined && this.#sessions.find(replaced)) return undefined;
    if (this.#sessions.endParked(({ owner }) => owner.grant?.subject === subject)) return undefined;
    return { code: CLOSE_LIMIT, reason: 'sub: too many sessions' };
  }
}

const notFound: RequestListener = (_request, response) => respond(response, NOT_FOUND);

/** Clients may close with any code they like. */
function closeWord(code: number): string {
  return CLOSE_CODES.has(code) ? String(code) : 'other';
}

const CLOSE_CODES: ReadonlySet<number> = new Set([
  ...[1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013],
  ...[4400, 4401, 4403, 4406, 4408, 4409, 4410, 4429],
]);

const NO_TOKEN: TokenRefusal = { code: CLOSE_TOKEN, reason: 'token_missing' };
