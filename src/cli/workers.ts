// Several relays on one host, one process each. They share the listening socket, keys for tickets, and nothing else.
import cluster, { type Worker } from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { AggregatorRegistry } from 'prom-client';
import { Admin, metricsOf, parseListen, type Relay, type RelayOptions } from '../relay-host/index.ts';

const FIRST_BACKOFF = 100;
const MAX_BACKOFF = 10_000;
/** A worker that lived this long died of something new. */
const STABLE_AFTER = 30_000;
const TICK = 1000;
const TICKET_KEY = 'TABWIRE_TICKET_KEY';

/** What workers tell the process that started them. */
interface Word {
  readonly tabwire: 'url' | 'ready';
  readonly url?: string;
  readonly isReady?: boolean;
}

/** In the first process: keeps `count` workers alive until it is told to stop, and resolves when all have ended. */
export async function keepWorkers(count: number, { admin, tickets }: RelayOptions): Promise<void> {
  const pool = new Pool(tickets?.keys?.length ? undefined : randomBytes(32).toString('hex'));
  const server = admin === undefined ? undefined : new Admin(pool);
  if (admin !== undefined) await server!.listen(parseListen(admin));
  for (let i = 0; i < count; i++) pool.start();
  try {
    await pool.ended;
  } finally {
    server?.close();
  }
}

class Pool {
  readonly ended: Promise<void>;
  readonly metrics: { readonly contentType: string; metrics(): Promise<string> };
  readonly #ready = new Map<Worker, boolean>();
  /** For tickets that any worker may be shown; undefined: the settings have one. */
  readonly #ticketKey: string | undefined;
  #ended!: () => void;
  readonly #ticker: NodeJS.Timeout;
  readonly #restarts = new Set<NodeJS.Timeout>();
  #lastTurn = performance.now();
  #backoff = FIRST_BACKOFF;
  #hasServed = false;
  #isStopping = false;

  constructor(ticketKey: string | undefined) {
    this.#ticketKey = ticketKey;
    const registry = new AggregatorRegistry();
    this.metrics = { contentType: registry.contentType, metrics: () => registry.clusterMetrics() };
    this.ended = new Promise((resolve) => {
      this.#ended = resolve;
    });
    this.#ticker = setInterval(() => {
      this.#lastTurn = performance.now();
    }, TICK);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, this.#stop);
    process.on('SIGHUP', this.#reload);
  }

  // ---- for health and readiness

  sinceTurn(): number {
    return performance.now() - this.#lastTurn;
  }

  /** While anyone takes new sessions. */
  isReady(): boolean {
    return !this.#isStopping && [...this.#ready.values()].includes(true);
  }

  // ---- the workers

  start(): void {
    const born = performance.now();
    const worker = cluster.fork(this.#ticketKey === undefined ? {} : { [TICKET_KEY]: this.#ticketKey });
    this.#ready.set(worker, false);
    worker.on('message', (word: Partial<Word>) => this.#hear(worker, word));
    worker.on('error', () => {});
    worker.on('exit', (code, signal) => {
      this.#ready.delete(worker);
      this.#buried(signal ?? String(code), performance.now() - born);
    });
  }

  #hear(worker: Worker, { tabwire, url, isReady }: Partial<Word>): void {
    if (tabwire === 'ready') this.#ready.set(worker, isReady === true);
    if (tabwire !== 'url' || this.#hasServed) return;
    this.#hasServed = true;
    process.stderr.write(`relay: ${url}\n`);
  }

  #buried(cause: string, age: number): void {
    if (this.#isStopping) {
      if (this.#ready.size === 0) this.#finish();
      return;
    }
    if (!this.#hasServed) {
      // What keeps the first from starting is no accident.
      this.#isStopping = true;
      process.exitCode = 1;
      this.#signal('SIGKILL');
      if (this.#ready.size === 0) this.#finish();
      return;
    }
    this.#backoff = age > STABLE_AFTER ? FIRST_BACKOFF : Math.min(MAX_BACKOFF, 2 * this.#backoff);
    process.stderr.write(`relay: a worker ended (${cause}); another starts in ${this.#backoff} ms\n`);
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      this.start();
    }, this.#backoff);
    this.#restarts.add(timer);
  }

  readonly #stop = (signal: NodeJS.Signals): void => {
    this.#isStopping = true;
    for (const timer of this.#restarts) clearTimeout(timer);
    this.#signal(signal);
    if (this.#ready.size === 0) this.#finish();
  };

  readonly #reload = (): void => this.#signal('SIGHUP');

  #signal(signal: NodeJS.Signals): void {
    for (const worker of this.#ready.keys()) worker.process.kill(signal);
  }

  #finish(): void {
    clearInterval(this.#ticker);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, this.#stop);
    process.off('SIGHUP', this.#reload);
    this.#ended();
  }
}

/** In a worker: what it does not do itself is left out, and what all need alike is put in. */
export function optionsOfWorker({ admin: _, ...options }: RelayOptions): RelayOptions {
  const key = process.env[TICKET_KEY];
  return key === undefined || options.tickets?.keys?.length
    ? options
    : { ...options, tickets: { ...options.tickets, keys: [Buffer.from(key, 'hex')] } };
}

/** In a worker: tells the first process how it goes. */
export function reportToPool(relay: Relay, url: string): () => void {
  AggregatorRegistry.setRegistries(metricsOf(relay));
  // Constructing one makes prom-client answer the first process.
  void new AggregatorRegistry();
  const say = (word: Word): void => {
    if (process.connected) process.send!(word, () => {});
  };
  say({ tabwire: 'url', url });
  const tick = () => say({ tabwire: 'ready', isReady: relay.isReady });
  tick();
  const ticker = setInterval(tick, TICK);
  return () => {
    clearInterval(ticker);
    say({ tabwire: 'ready', isReady: false });
  };
}
