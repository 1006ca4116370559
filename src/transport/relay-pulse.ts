// Whether the relay is still there, and how far away: PING, and what its answer means, or that there is none.
import type { Instant, Millis } from '../core/time.ts';
import type { RelayTransportHost } from './relay-host.ts';

const PING_INTERVAL: Millis = 20_000;
const PONG_TIMEOUT: Millis = 10_000;
/** After a hint that the network changed, a living relay answers sooner than this. */
const PROBE_TIMEOUT: Millis = 3000;
/** And usually sooner than this: then we see whether a new connection is faster. */
const MOVE_AFTER: Millis = 500;
const FROZEN: Millis = 2000;
/** Who owes an answer and says nothing at all for so long stands still, or is not there. */
const STANDS_STILL: Millis = 3000;
/**
 * A relay that answers is heard each PING_INTERVAL. After more silence than WireGuard's sessions last (180 s) we slept, and
 * what the old connection may still hold was for sessions that are over.
 */
const SLEPT: Millis = 180_000;

export interface PulseHost extends Pick<RelayTransportHost, 'setTimer' | 'clearTimer' | 'random'> {
  now(): Instant;
  /** PING leaves at once. */
  ping(nonce: Uint8Array): void;
  /** No answer yet where it is usually quick. */
  slow(): void;
  /** No answer: whatever the WebSocket still believes. */
  lost(): void;
  slept(): void;
}

/** Of one connection at a time, between `begin` and `stop`. */
export class RelayPulse {
  readonly #host: PulseHost;
  readonly #nonce = new Uint8Array(8);
  #sentAt: Instant | undefined;
  #heardAt: Instant = 0;
  #timer: unknown;
  #rtt: Millis | undefined;

  constructor(host: PulseHost) {
    this.#host = host;
  }

  /** To the relay and back, as last measured. */
  get rtt(): Millis | undefined {
    return this.#rtt;
  }

  begin(): void {
    this.#heardAt = this.#host.now();
    this.#ping(PONG_TIMEOUT);
  }

  stop(): void {
    this.#setTimer(undefined);
    this.#sentAt = this.#rtt = undefined;
  }

  /** The network may be another one. An answer says that it does not matter. */
  probe(): void {
    this.#ping(MOVE_AFTER, () => {
      this.#host.slow();
      this.#setTimer(() => this.#missing(PROBE_TIMEOUT), PROBE_TIMEOUT - MOVE_AFTER);
    });
  }

  /** Something came. False if that was after a sleep. */
  heard(): boolean {
    if (this.#hasSlept) return false;
    this.#heardAt = this.#host.now();
    return true;
  }

  /** An answer is overdue, to PING or to what was sent at `markedAt`, and nothing else came either. */
  standsStill(markedAt: Instant = Number.POSITIVE_INFINITY): boolean {
    const askedAt = Math.min(this.#sentAt ?? Number.POSITIVE_INFINITY, markedAt);
    return this.#host.now() - Math.max(askedAt, this.#heardAt) > STANDS_STILL;
  }

  /** PONG: the round trip, if it answers our PING. */
  answered(nonce: Uint8Array): Millis | undefined {
    if (this.#sentAt === undefined || !nonce.every((byte, i) => byte === this.#nonce[i])) return undefined;
    this.#rtt = this.#host.now() - this.#sentAt;
    this.#sentAt = undefined;
    this.#setTimer(() => this.#ping(PONG_TIMEOUT), PING_INTERVAL);
    return this.#rtt;
  }

  get #hasSlept(): boolean {
    return this.#host.now() - this.#heardAt > SLEPT;
  }

  #ping(timeout: Millis, missing = () => this.#missing(timeout)): void {
    if (this.#hasSlept) {
      this.#host.slept();
      return;
    }
    if (this.#sentAt === undefined) {
      new DataView(this.#nonce.buffer).setUint32(4, Math.floor(this.#host.random() * 0x1_0000_0000));
      this.#sentAt = this.#host.now();
      this.#host.ping(this.#nonce);
    }
    this.#setTimer(missing, timeout);
  }

  /** A timer that comes late means that we were frozen: the answer may be here, waiting behind it. */
  #missing(timeout: Millis): void {
    if (this.#host.now() - this.#sentAt! <= timeout + FROZEN) {
      this.#host.lost();
      return;
    }
    this.#sentAt = undefined;
    this.#ping(PROBE_TIMEOUT);
  }

  #setTimer(run: (() => void) | undefined, delay: Millis = 0): void {
    this.#host.clearTimer(this.#timer);
    this.#timer = run && this.#host.setTimer(run, delay);
  }
}
