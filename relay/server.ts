import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { hostAndPort } from '../src/core/host-port.ts';
import { CLOSE_RESTARTING } from '../src/core/wire/relay.ts';
import { Admin } from './admin.ts';
import { Admission, localAddress, NOT_FOUND, pathOf, respond, UPGRADE_REQUIRED } from './admission.ts';
import { mayServe, OPEN_RELAY_REASON, type RelayConfig, type RelayOptions, readOptions } from './config.ts';
import { RelayConfigError } from './config-error.ts';
import { RelayCounters } from './counters.ts';
import { QueueBudget } from './down-queue.ts';
import { drainSessions } from './drain.ts';
import { guardedServer, listenOn } from './http-server.ts';
import { InitiationTurns } from './initiation-turns.ts';
import { BucketTable, Tally } from './limits.ts';
import { Log } from './log.ts';
import { metricsOf } from './metrics.ts';
import { NameWatch } from './name-watch.ts';
import { Policy } from './policy.ts';
import { Reception } from './reception.ts';
import { createResolver } from './resolver.ts';
import { Room } from './room.ts';
import type { SessionContext } from './session-context.ts';
import { SessionTable } from './session-table.ts';

const TICK = 1000;
const RETRY_AFTER = 1000;

/** Where a relay listens. */
export interface Listening {
  /** As configured. */
  host: string;
  /** The one that it got. */
  port: number;
  /** Of the WebSocket, for clients on this machine. */
  url: string;
}

/** Carries WireGuard datagrams between WebSocket clients and UDP endpoints. Holds no key, sees no plaintext. */
export class Relay {
  /** What it did and refused, since it was made. */
  readonly counters = new RelayCounters();
  /** Where health and metrics are served, if anywhere. */
  adminPort: number | undefined;
  #config: RelayConfig;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #context: SessionContext;
  readonly #reception: Reception;
  readonly #sessions: SessionTable;
  readonly #wallClock: () => number;
  readonly #admission: Admission;
  readonly #names: NameWatch;
  readonly #room = new Room();
  readonly #ports = new Set<number>();
  #http: Server | undefined;
  #admin: Admin | undefined;
  #lastTick = 0;
  #ticker: NodeJS.Timeout | undefined;
  #drained: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  /** Throws RelayConfigError for options that are wrong or unsafe. */
  constructor(options: RelayOptions) {
    this.#config = readOptions(options);
    const { limits } = this.#config;
    this.#now = options.now ?? (() => performance.now());
    this.#wallClock = options.wallClock ?? Date.now;
    this.#log = new Log(options.log, this.#now, options.logNetworks);
    this.#sessions = new SessionTable(this.counters, this.#log);
    this.#admission = new Admission(this.#config, this.#sessions, this.#now);
    this.#names = new NameWatch(
      options.resolve ??
        createResolver(this.#now, undefined, (ms) => this.counters.dnsTime.observe(ms / 1000)),
    );
    this.#context = {
      limits,
      policy: new Policy(this.#config.rules, {
        resolve: this.#names.resolve,
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
      channelsTo: new Tally(),
      sources: this.#config.sources,
      log: this.#log,
      tickets: this.#config.tickets,
      parkTime: 1000 * this.#config.tickets.park,
      sessionAt: (sid) => this.#sessions.find(sid),
      surrendered: (session) => void this.#sessions.endParked((each) => each === session),
      now: this.#now,
      wallClock: this.#wallClock,
      isDenied: (subject) => this.#config.tokens?.isDenied(subject) ?? false,
    };
    this.#reception = new Reception(this.#admission, this.#sessions, this.#context);
  }

  /** WebSockets that are open. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Sessions whose WebSocket broke, and that wait for their client. */
  get parked(): number {
    return this.#sessions.parked;
  }

  /** WebSockets whose token has not been judged yet. */
  get unauthenticated(): number {
    return this.#admission.unauthenticated;
  }

  /** Open channels, each a UDP socket. */
  get channels(): number {
    let channels = 0;
    for (const session of this.#sessions) channels += session.channels;
    return channels;
  }

  /** Which part of the UDP ports is taken: 0 to 1. */
  get portsUsed(): number {
    return this.#room.portsUsed(this.channels, this.#config.sources.count);
  }

  /** Bytes that wait for slow clients. */
  get queuedBytes(): number {
    return this.#context.budget.used;
  }

  /** Whether new clients are welcome. */
  get isReady(): boolean {
    const { rules, sources, limits } = this.#config;
    return (
      !this.isDraining &&
      !this.#admission.load.isOverloaded &&
      this.sessions < limits.sessions &&
      !this.#room.isScarce(this.sessions, this.channels, sources.count) &&
      !this.#names.isLost(rules)
    );
  }

  /** Whether clients are being sent elsewhere. */
  get isDraining(): boolean {
    return this.#drained !== undefined || this.#admission.isStopping;
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
    this.#context.sources = config.sources;
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
  async listen(others: RequestListener = notFound): Promise<Listening> {
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
    return { host: listen.host, port, url: `ws://${hostAndPort(listen.host, port)}${path}` };
  }

  async #listenForAdmin(): Promise<void> {
    const { admin } = this.#config;
    if (admin === undefined) return;
    this.#admin = new Admin({
      metrics: metricsOf(this),
      isReady: () => this.isReady,
      sinceTurn: () => this.#now() - this.#lastTick,
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
      if (!isOurs && server.listenerCount('upgrade') > 1) return;
      this.#ports.add(localAddress(request).port);
      this.#reception.upgrade(request, socket, head);
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
    this.#admission.isStopping = true;
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
    this.#admission.isStopping = true;
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
    this.#admission.load.stop();
    this.#context.initiationTurns.close();
    this.#admin?.close();
    this.#log.info('stop');
  }

  #tick(): void {
    const now = this.#now();
    this.#lastTick = now;
    if (this.#admission.load.tick()) this.#log.warn('overload', { sessions: this.sessions });
    this.#context.initiationTurns.tick(now);
    this.#names.tick(this.#config.rules);
    this.#sessions.tick(now);
  }
}

const notFound: RequestListener = (_request, response) => respond(response, NOT_FOUND);
