import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { isLoopback } from '../../relay/address.ts';
import { NOT_FOUND, pathOf, respond, UPGRADE_REQUIRED } from '../../relay/admission.ts';
import { mayServe, OPEN_RELAY_REASON } from '../../relay/config.ts';
import type { RelayCounters } from '../../relay/counters.ts';
import { RelayCore } from '../../relay/relay.ts';
import { hostAndPort } from '../core/host-port.ts';
import { Admin } from './admin.ts';
import { answerCheck } from './check.ts';
import { RelayConfigError } from './config-error.ts';
import { drainSessions } from './drain.ts';
import { guardedServer, listenOn } from './http-server.ts';
import { LoadWatch } from './load-watch.ts';
import { SampledLog } from './log.ts';
import { metricsOf, times } from './metrics.ts';
import { NameWatch } from './name-watch.ts';
import { type HostConfig, type RelayOptions, readOptions } from './options.ts';
import { createResolver } from './resolver.ts';
import { Room } from './room.ts';

/** Where a relay listens. */
export interface Listening {
  /** As configured. */
  host: string;
  /** The one that it got. */
  port: number;
  /** Of the WebSocket, for clients on this machine. */
  url: string;
}

const TICK = 1000;

/** Carries WireGuard datagrams between WebSocket clients and UDP endpoints. Holds no key, sees no plaintext. */
export class Relay {
  /** What it did and refused, since it was made. */
  readonly counters: RelayCounters;
  /** Where health and metrics are served, if anywhere. */
  adminPort: number | undefined;
  /**
   * How long the oldest datagram of a message had waited, and how long name servers took.
   * @internal
   */
  readonly times = {
    queueDelay: times('queue_delay_seconds', 'How long the oldest datagram of a message waited.', 0.001),
    dns: times('dns_seconds', 'How long name servers took.', 0.004),
  };
  readonly #core: RelayCore;
  #config: HostConfig;
  readonly #log: SampledLog;
  readonly #now: () => number;
  readonly #load: LoadWatch;
  readonly #names: NameWatch;
  readonly #room: Room;
  #http: Server | undefined;
  #admin: Admin | undefined;
  #lastTick = 0;
  #ticker: NodeJS.Timeout | undefined;
  #drained: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  /** Throws RelayConfigError for options that are wrong or unsafe. */
  constructor(options: RelayOptions) {
    const { now = () => performance.now(), wallClock = Date.now } = options;
    const { queueDelay, dns } = this.times;
    const config = readOptions(options);
    this.#room = new Room(config.limits.unauthenticated);
    this.#config = { ...config, limits: { ...config.limits, unauthenticated: this.#room.strangers } };
    this.#load = new LoadWatch();
    this.#now = now;
    this.#log = new SampledLog(options.log, now, options.logNetworks);
    const took = (ms: number) => dns.observe(ms / 1000);
    this.#names = new NameWatch(options.resolve ?? createResolver(now, undefined, took));
    this.#core = new RelayCore(this.#config, {
      log: this.#log,
      resolve: this.#names.resolve,
      isOverloaded: () => this.#load.isOverloaded,
      hasFiles: () => this.#room.hasFiles(this.sessions, this.#udpSockets),
      now,
      wallClock,
    });
    this.counters = this.#core.context.counters;
    this.counters.waited = (ms) => queueDelay.observe(ms / 1000);
  }

  /** WebSockets that are open. */
  get sessions(): number {
    return this.#core.context.sessions.size;
  }

  /** Sessions whose WebSocket broke, and that wait for their client. */
  get parked(): number {
    return this.#core.context.sessions.parked;
  }

  /** Connections that are no session: what has said nothing yet, is a request, or has shown no token. */
  get unauthenticated(): number {
    return this.#core.context.strangers.size;
  }

  /** Open channels, each a UDP socket. */
  get channels(): number {
    let channels = 0;
    for (const session of this.#core.context.sessions) channels += session.channels;
    return channels;
  }

  /** Bytes that wait for slow clients. */
  get queuedBytes(): number {
    return this.#core.context.budget.used;
  }

  /** Those of parked sessions, too. */
  get #udpSockets(): number {
    return this.#core.context.channelsTo.total;
  }

  /** Which part of the files that this process may open is taken, or kept for who has to be refused. */
  get filesUsed(): number {
    return this.#room.filesUsed(this.sessions, this.#udpSockets);
  }

  /** Which part of the UDP ports is taken: 0 to 1. */
  get portsUsed(): number {
    return this.#room.portsUsed(this.#udpSockets, this.#config.sources.count);
  }

  /** Whether new clients are welcome. */
  get isReady(): boolean {
    const { rules, sources, limits } = this.#config;
    return (
      !this.isDraining &&
      !this.#load.isOverloaded &&
      this.sessions < limits.sessions &&
      !this.#room.isScarce(this.sessions, this.#udpSockets, sources.count) &&
      !this.#names.isLost(rules)
    );
  }

  /** Whether clients are being sent elsewhere. */
  get isDraining(): boolean {
    return this.#drained !== undefined || this.#core.admission.isStopping;
  }

  /** Throws RelayConfigError if the relay would be open to everyone; `listen` does so, too. */
  assertSafe(): void {
    assertSafe(this.#config);
  }

  /**
   * Other rules, origins, tokens, proxies and limits of new sessions, without a restart; where it listens, and limits that
   * sessions share, stay. All of it, or nothing: throws RelayConfigError, and the old ones hold. Channels whose destination
   * is no longer allowed are closed, and sessions of subjects that are denied now.
   */
  reload(options: RelayOptions): void {
    const { listen, admin, path, tickets } = this.#config;
    const config: HostConfig = {
      ...readOptions(options),
      ...{ listen, admin, path },
      // A key that was made up here is nobody's to take away.
      ...(options.tickets?.keys === undefined && { tickets }),
    };
    assertSafe(config);
    this.#config = config;
    this.#core.reconfigure(config);
    this.#log.info('config', { rules: config.rules.length });
  }

  /** There was nothing to reload, or nothing that could be read. */
  reloadFailed(error: Error): void {
    this.counters.reloadsFailed++;
    this.#log.warn('config', { error: error.message });
  }

  /**
   * Listens where the options say: on all of it, or nothing. What is not for the relay is `others`' to answer. Rejects with a
   * RelayConfigError if the relay would be open to everyone, else with Node's Error, such as EADDRINUSE.
   */
  async listen(others: RequestListener = notFound): Promise<Listening> {
    const { listen, limits, path } = this.#config;
    this.assertSafe();
    await this.#listenForAdmin();
    const server = guardedServer(
      (request, response) => {
        if (!this.handleRequest(request, response)) others(request, response);
      },
      Math.ceil(1.1 * limits.sessions) + limits.unauthenticated,
      (reason) => this.counters.connectionsRefused.count(reason),
    );
    server.on('connection', (socket) => this.#core.meet(socket));
    const port = await listenOn(server, listen).catch((error: Error) => {
      this.#admin?.close();
      throw error;
    });
    this.#http = server;
    this.attach(server);
    this.#core.ports.add(port);
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
    this.#core.ports.add(this.adminPort);
    this.#log.info('start', { admin: admin.host, port: this.adminPort });
  }

  /** Serves upgrades to its path on a server that someone else runs; `handleRequest` goes with it. */
  attach(server: Server): void {
    this.#lastTick = this.#now();
    this.#ticker ??= setInterval(() => this.#tick(this.#now()), TICK).unref();
    this.#core.attach(server);
  }

  /** Whether a page of this request's origin may use the relay. */
  permits(request: IncomingMessage): boolean {
    return this.#core.admission.permits(request);
  }

  /** Whether a trusted proxy passed the request on, whose headers can be believed then. */
  isProxied(request: IncomingMessage): boolean {
    return this.#core.context.config.proxies.includes(request);
  }

  /** Answers plain requests to the relay's paths; false for all others. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    const path = pathOf(request);
    // For load balancers, which see the public port only.
    if (path === '/readyz' && this.isProxied(request))
      response.writeHead(this.isReady ? 200 : 503, { 'Cache-Control': 'no-store' }).end();
    else if (path === `${this.#config.path}/check`) void answerCheck(this.#core.admission, request, response);
    else if (path === this.#config.path)
      respond(response, this.#core.admission.judge(request) ?? UPGRADE_REQUIRED);
    else return false;
    return true;
  }

  /**
   * Sends every client elsewhere in an orderly way, and then ends: see `drain` of the options. May be called again; it never
   * rejects.
   */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    const { drain } = this.#config;
    this.#log.info('drain', { sessions: this.sessions });
    await new Promise((resolve) => setTimeout(resolve, 1000 * drain.delay));
    this.#core.admission.isStopping = true;
    this.#http?.close();
    await drainSessions(this.#core.context.sessions, { ...drain, max: drain.max - drain.delay });
    await this.close();
  }

  /** Tells every client to come back later, and ends within the stop timeout. May be called again; it never rejects. */
  close(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    if (!this.isDraining) this.#log.info('drain', { sessions: this.sessions });
    const closed = new Promise<void>((resolve) =>
      this.#http?.listening ? this.#http.close(() => resolve()) : resolve(),
    );
    clearInterval(this.#ticker);
    await this.#core.dismiss();
    this.#http?.closeAllConnections();
    await closed;
    this.#load.stop();
    this.#admin?.close();
    this.#log.info('stop');
  }

  #tick(now: number): void {
    this.#lastTick = now;
    if (this.#load.tick()) this.#log.warn('overload', { sessions: this.sessions });
    const spent = this.#room.tick(this.sessions, this.#udpSockets);
    if (spent !== undefined) this.#log.warn('overload', { spent, sessions: this.sessions });
    this.#names.tick(this.#config.rules);
    this.#core.tick(now);
  }
}

function assertSafe(config: HostConfig): void {
  const { listen, origins, tokens } = config;
  if (!mayServe(config, listen.host)) throw new RelayConfigError(OPEN_RELAY_REASON);
  if (tokens === undefined && origins.allowsNone && !isLoopback(listen.host))
    throw new RelayConfigError(
      'allowNoOrigin (--allow-no-origin) needs tokens (--token-key), or a relay that listens on loopback only',
    );
}

const notFound: RequestListener = (_request, response) => respond(response, NOT_FOUND);
