import { TokenBucket } from '../src/core/token-bucket.ts';
import * as wire from '../src/core/wire/relay.ts';
import type { Limits } from './config.ts';
import type { Ending } from './context.ts';

const MISSED_PINGS = 2;
/** More than answer our pings: twenty a second (downlink.ts), and after a stall as many as were on their way. */
const PONGS_PER_SECOND = 50;
const PONG_BURST = 500;
const SHAPE_WINDOW = 10_000;
/** Rates are policed by dropping; this far beyond them for this many seconds is no accident. */
const FLOOD_FACTOR = 10;
const FLOOD_SECONDS = 10;

/** Whether a session's client is there, has a purpose, and behaves. */
export class SessionWatch {
  readonly since: number;
  /** A channel was asked for. */
  hasOpened = false;
  /** When the last datagram passed. */
  lastActive: number;
  /** When its life is over. */
  ends: number;
  readonly #limits: Readonly<Limits>;
  readonly #clientPings: TokenBucket;
  readonly #clientPongs = new TokenBucket(PONGS_PER_SECOND, PONG_BURST);
  #lastPing: number;
  #unansweredPings = 0;
  #shapeFailures = 0;
  #shapeWindow = Number.NEGATIVE_INFINITY;
  #datagramsThisSecond = 0;
  #floodSeconds = 0;

  constructor(limits: Readonly<Limits>, now: number) {
    this.since = this.lastActive = this.#lastPing = now;
    this.ends = now + limits.sessionLifetime;
    this.#limits = limits;
    this.#clientPings = new TokenBucket(limits.pingsPerSecond, 10 * limits.pingsPerSecond);
  }

  /** Asked once a second. `listens`: waiting for a call is a purpose: it is quiet, but not idle. */
  tick(now: number, listens: boolean): Ending | undefined {
    const { openTimeout, idleTimeout } = this.#limits;
    if (!this.hasOpened && now - this.since >= openTimeout)
      return { code: wire.CLOSE_TIMEOUT, reason: 'open: no channel was opened' };
    if (now - this.lastActive >= idleTimeout && !listens)
      return { code: wire.CLOSE_TIMEOUT, reason: 'idle: no datagram for too long' };
    if (now >= this.ends) return { code: wire.CLOSE_SESSION_OVER, reason: 'session: lifetime over' };
    return this.#hasFlooded() ? { code: wire.CLOSE_LIMIT, reason: 'rate: flood' } : undefined;
  }

  #hasFlooded(): boolean {
    const isFlood = this.#datagramsThisSecond > FLOOD_FACTOR * this.#limits.datagramsPerSecond;
    this.#datagramsThisSecond = 0;
    this.#floodSeconds = isFlood ? this.#floodSeconds + 1 : 0;
    return this.#floodSeconds >= FLOOD_SECONDS;
  }

  datagram(): void {
    this.#datagramsThisSecond++;
  }

  /** One that is not WireGuard's. */
  shapeFailed(now: number): Ending | undefined {
    if (now - this.#shapeWindow >= SHAPE_WINDOW) {
      this.#shapeWindow = now;
      this.#shapeFailures = 0;
    }
    if (++this.#shapeFailures < this.#limits.shapeFailures) return undefined;
    return { code: wire.CLOSE_NOT_WIREGUARD, reason: 'shape: not WireGuard traffic' };
  }

  // ---- pings, ours and the client's

  /** Whether a ping is due, or the client is dead. Background tabs do not run timers, but their browser still answers. */
  pulse(now: number): 'ping' | 'dead' | undefined {
    const { pingInterval } = this.#limits;
    const waited = now - this.#lastPing;
    if (this.#unansweredPings >= MISSED_PINGS && waited >= pingInterval / 2) return 'dead';
    if (waited < pingInterval) return undefined;
    this.#lastPing = now;
    this.#unansweredPings++;
    return 'ping';
  }

  answered(now: number): Ending | undefined {
    this.#unansweredPings = 0;
    return this.#clientPongs.take(1, now) ? undefined : { code: wire.CLOSE_LIMIT, reason: 'pong: too many' };
  }

  pinged(now: number): Ending | undefined {
    return this.#clientPings.take(1, now) ? undefined : { code: wire.CLOSE_LIMIT, reason: 'ping: too many' };
  }
}
