import { Connection, type Dial } from './connection.ts';
import type { HttpRequest } from './request.ts';

/** As browsers do it. */
export const MAX_CONNECTIONS_TO_ORIGIN = 6;
/** To all origins together. */
export const MAX_IDLE = 32;
/** Milliseconds that a connection is kept unused; less if the server says so. */
const IDLE_TIME = 15_000;

interface Waiter {
  admit(): void;
}

/** The connections to one origin. */
interface Lane {
  /** Lent, or being established. */
  busy: number;
  idle: Connection[];
  waiting: Set<Waiter>;
}

/** Lends connections, one request each at a time, and keeps those that can be used again. */
export class Pool {
  readonly #dial: Dial;
  readonly #lanes = new Map<string, Lane>();
  /** All idle ones, the one unused longest first, each with the timer that ends it. */
  readonly #idle = new Map<Connection, ReturnType<typeof setTimeout>>();

  constructor(dial: Dial) {
    this.#dial = dial;
  }

  /** How many connections are open for nobody. */
  get idleCount(): number {
    return this.#idle.size;
  }

  /**
   * A connection to the request's origin, one that was used before if there is one and `isFresh` is not asked for. Waits
   * while too many are in use. Who has it must give it back, by `release` or `discard`.
   */
  async acquire(request: HttpRequest, { isFresh }: { isFresh: boolean }): Promise<Connection> {
    const { url, signal, options } = request;
    signal?.throwIfAborted();
    const lane = this.#laneOf(url.origin);
    await this.#admission(lane, signal);
    try {
      const used = isFresh ? undefined : lane.idle.at(-1);
      if (isFresh) for (const connection of [...lane.idle]) this.#drop(connection);
      if (used) this.#unlist(used);
      const timeout = options.connectTimeout;
      const connection = used ?? (await Connection.open(url, { dial: this.#dial, timeout, signal }));
      connection.uses++;
      return connection;
    } catch (error) {
      this.#leave(url.origin, lane);
      throw error;
    }
  }

  /** Takes back a connection that can be used again, for at most `keepAlive` ms. */
  release(connection: Connection, keepAlive = IDLE_TIME): void {
    const time = Math.min(keepAlive, IDLE_TIME);
    const lane = this.#laneOf(connection.origin);
    if (time <= 0) connection.close();
    else {
      lane.idle.push(connection);
      this.#idle.set(
        connection,
        setTimeout(() => this.#drop(connection), time),
      );
      connection.watch(() => this.#drop(connection));
      if (this.#idle.size > MAX_IDLE) this.#drop(this.#idle.keys().next().value!);
    }
    this.#leave(connection.origin, lane);
  }

  /** Takes back one that is closed or destroyed. */
  discard(connection: Connection): void {
    this.#leave(connection.origin, this.#laneOf(connection.origin));
  }

  #laneOf(origin: string): Lane {
    let lane = this.#lanes.get(origin);
    if (!lane) this.#lanes.set(origin, (lane = { busy: 0, idle: [], waiting: new Set() }));
    return lane;
  }

  async #admission(lane: Lane, signal: AbortSignal | undefined): Promise<void> {
    if (lane.busy < MAX_CONNECTIONS_TO_ORIGIN) {
      lane.busy++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const giveUp = () => {
        lane.waiting.delete(waiter);
        reject(signal!.reason as Error);
      };
      const waiter: Waiter = {
        admit: () => {
          signal?.removeEventListener('abort', giveUp);
          resolve();
        },
      };
      lane.waiting.add(waiter);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Its place goes to who waits longest. */
  #leave(origin: string, lane: Lane): void {
    const [waiter] = lane.waiting;
    if (waiter) {
      lane.waiting.delete(waiter);
      waiter.admit();
      return;
    }
    lane.busy--;
    this.#forget(origin, lane);
  }

  #drop(connection: Connection): void {
    this.#unlist(connection);
    connection.close();
    this.#forget(connection.origin, this.#laneOf(connection.origin));
  }

  #unlist(connection: Connection): void {
    clearTimeout(this.#idle.get(connection));
    this.#idle.delete(connection);
    const { idle } = this.#laneOf(connection.origin);
    const at = idle.indexOf(connection);
    if (at >= 0) idle.splice(at, 1);
  }

  #forget(origin: string, lane: Lane): void {
    if (lane.busy === 0 && lane.idle.length === 0) this.#lanes.delete(origin);
  }
}
