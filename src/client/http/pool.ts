import type { Dialer } from '../dialer.ts';
import { HttpConnection } from './connection.ts';
import type { Llhttp } from './llhttp.ts';

/** Connections to one origin at a time; more requests wait, as in browsers. */
export const MAX_PER_ORIGIN = 6;
/** Connections that wait for another request. */
export const MAX_IDLE = 32;
/** Milliseconds that one waits. Servers wait longer, as a rule; where not, the request is repeated. */
const IDLE_TIMEOUT = 30_000;

interface Waiter {
  resolve: (connection: HttpConnection | undefined) => void;
}

interface Origin {
  open: number;
  idle: HttpConnection[];
  waiting: Waiter[];
}

/** The connections of a tunnel's `fetch`. */
export class ConnectionPool {
  readonly #dialer: Dialer;
  readonly #origins = new Map<string, Origin>();
  readonly #timers = new Map<HttpConnection, ReturnType<typeof setTimeout>>();

  constructor(dialer: Dialer) {
    this.#dialer = dialer;
  }

  /** A connection that waits, or a new one as soon as there may be one more. */
  async acquire(
    url: URL,
    {
      llhttp,
      signal,
      isFresh = false,
    }: { llhttp: Llhttp; signal: AbortSignal | undefined; isFresh?: boolean },
  ): Promise<HttpConnection> {
    const origin = this.#originOf(url.origin);
    const idle = isFresh ? undefined : origin.idle.at(-1);
    if (idle) return this.#take(origin, idle);
    if (origin.open >= MAX_PER_ORIGIN) {
      const handed = await this.#wait(origin, signal);
      if (handed) return handed;
    } else origin.open++;
    return this.#dial(url, origin, { llhttp, signal });
  }

  async #dial(
    url: URL,
    origin: Origin,
    { llhttp, signal }: { llhttp: Llhttp; signal: AbortSignal | undefined },
  ): Promise<HttpConnection> {
    const isSecure = url.protocol === 'https:';
    const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const port = Number(url.port) || (isSecure ? 443 : 80);
    // The request's signal ends the attempt; the connection outlives the request.
    const attempt = new AbortController();
    const stop = () => attempt.abort(signal!.reason);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    try {
      const secure = isSecure ? { serverName: hostname, alpn: ['http/1.1'] } : undefined;
      const options = { secure, noDelay: true, signal: attempt.signal };
      const dialed = await this.#dialer.dial({ hostname, port }, options);
      return new HttpConnection(dialed, llhttp, (connection, isReusable) =>
        isReusable ? this.#free(url.origin, origin, connection) : this.#gone(url.origin, origin),
      );
    } catch (error) {
      this.#gone(url.origin, origin);
      throw error;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** A connection that became free; or none, and the leave to open one. */
  #wait(origin: Origin, signal: AbortSignal | undefined): Promise<HttpConnection | undefined> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        origin.waiting.splice(origin.waiting.indexOf(waiter), 1);
        reject(signal!.reason);
      };
      const waiter: Waiter = {
        resolve: (connection) => {
          signal?.removeEventListener('abort', stop);
          resolve(connection);
        },
      };
      origin.waiting.push(waiter);
      signal?.addEventListener('abort', stop, { once: true });
    });
  }

  #take(origin: Origin, connection: HttpConnection): HttpConnection {
    origin.idle.splice(origin.idle.indexOf(connection), 1);
    clearTimeout(this.#timers.get(connection));
    this.#timers.delete(connection);
    return connection;
  }

  #free(name: string, origin: Origin, connection: HttpConnection): void {
    const waiter = origin.waiting.shift();
    if (waiter) {
      waiter.resolve(connection);
      return;
    }
    const end = () => this.#drop(name, origin, connection);
    const timer = setTimeout(end, IDLE_TIMEOUT);
    // In Node, a connection that waits keeps no process alive.
    (timer as { unref?: () => void }).unref?.();
    this.#timers.set(connection, timer);
    origin.idle.push(connection);
    connection.rest(end);
    if (this.#timers.size > MAX_IDLE) this.#dropOldest();
  }

  #drop(name: string, origin: Origin, connection: HttpConnection): void {
    if (!origin.idle.includes(connection)) return;
    this.#take(origin, connection).end();
    this.#gone(name, origin);
  }

  #dropOldest(): void {
    const [oldest] = this.#timers.keys();
    for (const [name, origin] of this.#origins) this.#drop(name, origin, oldest!);
  }

  #gone(name: string, origin: Origin): void {
    const waiter = origin.waiting.shift();
    if (waiter) {
      waiter.resolve(undefined);
      return;
    }
    origin.open--;
    if (origin.open === 0) this.#origins.delete(name);
  }

  #originOf(name: string): Origin {
    const known = this.#origins.get(name);
    if (known) return known;
    const origin: Origin = { open: 0, idle: [], waiting: [] };
    this.#origins.set(name, origin);
    return origin;
  }
}
