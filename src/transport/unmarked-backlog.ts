import type { Instant, Millis } from '../core/time.ts';
import { type Buffering, SocketBacklog } from './socket-backlog.ts';

/** With more in it, it is full; with half of that, it is not any more. */
const HIGH_WATER = 128 * 1024;
/** Who is full and gets no emptier for so long stands still, or only believes to be full. */
const STILL: Millis = 1000;
/** More than this is not forgotten: by then something else is wrong. */
const MOST_FORGOTTEN = 1024 * 1024;

/**
 * What waits in a WebSocket whose other end returns no marks (`SocketBacklog` says what is wrong with `bufferedAmount`).
 * Messages leave in order: if what was sent behind the rest is gone, and the rest is not, that is a memory.
 */
export class UnmarkedBacklog {
  readonly #socket: Buffering;
  readonly #now: () => Instant;
  readonly #backlog: SocketBacklog;
  #isFull = false;
  /** Of `bufferedAmount` since it is full, and when it was last more. */
  #least = 0;
  #since: Instant = 0;
  /** Something was sent behind it. */
  #isProbed = false;

  constructor(socket: Buffering, now: () => Instant) {
    this.#socket = socket;
    this.#now = now;
    this.#backlog = new SocketBacklog(socket);
  }

  get bytes(): number {
    return this.#backlog.bytes;
  }

  /** Data has to wait, or is lost. */
  get isFull(): boolean {
    const now = this.#now();
    this.#observe(now);
    // To tell one from the other, one datagram is sent behind what stays.
    const mayProbe = !this.#isProbed && now - this.#since >= STILL;
    return this.#isFull && !mayProbe;
  }

  /** Something was given to the WebSocket. */
  sent(): void {
    if (!this.#isFull) return;
    this.#isProbed = true;
    this.#since = this.#now();
  }

  #observe(now: Instant): void {
    const { bytes } = this.#backlog;
    if (!this.#isFull && bytes > HIGH_WATER) {
      this.#isFull = true;
      this.#watch(now);
    }
    if (!this.#isFull) return;
    const { bufferedAmount } = this.#socket;
    if (bytes <= HIGH_WATER / 2) this.#isFull = false;
    else if (bufferedAmount < this.#least) this.#watch(now);
    else if (bufferedAmount > this.#least) this.#since = now;
    else if (this.#isProbed && now - this.#since >= STILL) this.#forget(now);
  }

  #watch(now: Instant): void {
    this.#least = this.#socket.bufferedAmount;
    this.#since = now;
    this.#isProbed = false;
  }

  #forget(now: Instant): void {
    if (this.#least > MOST_FORGOTTEN) return;
    this.#backlog.arrivedUpTo(0);
    this.#isFull = false;
    this.#watch(now);
  }
}
