// Make before break: while a connection still serves, the one that is to follow is made.
import type { Millis } from '../core/time.ts';
import { Backoff } from './backoff.ts';
import type { RelayTransportHost, WebSocketLike } from './relay-host.ts';

const CONNECT_TIMEOUT: Millis = 10_000;

export interface SuccessorHost extends Pick<RelayTransportHost, 'setTimer' | 'clearTimer' | 'random'> {
  /** A new WebSocket, or undefined if there is no point in one. */
  dial(): WebSocketLike | undefined;
  /** It is open: the old one may go. */
  follow(socket: WebSocketLike): void;
  /** It did not come to be. Whether to try again, later. */
  failed(): boolean;
}

export class RelaySuccessor {
  readonly #host: SuccessorHost;
  #socket: WebSocketLike | undefined;
  /** Connect timeout or backoff. */
  #timer: unknown;
  readonly #backoff: Backoff;

  constructor(host: SuccessorHost) {
    this.#host = host;
    this.#backoff = new Backoff(host.random);
  }

  /** Whether there is one that may open any moment. */
  get isDialing(): boolean {
    return this.#socket !== undefined;
  }

  begin(): void {
    if (this.#timer !== undefined) return;
    this.#backoff.reset();
    this.#dial();
  }

  stop(): void {
    this.#letGo()?.close(1000);
  }

  #dial(): void {
    this.#timer = undefined;
    const socket = this.#host.dial();
    if (socket === undefined) return;
    this.#socket = socket;
    socket.onopen = () => {
      this.#letGo();
      this.#host.follow(socket);
    };
    socket.onclose = () => this.#fail();
    socket.onerror = () => {};
    this.#timer = this.#host.setTimer(() => this.#fail(), CONNECT_TIMEOUT);
  }

  #fail(): void {
    this.stop();
    if (!this.#host.failed()) return;
    this.#timer = this.#host.setTimer(() => this.#dial(), this.#backoff.next());
  }

  #letGo(): WebSocketLike | undefined {
    const socket = this.#socket;
    if (socket !== undefined) socket.onopen = socket.onclose = null;
    this.#socket = undefined;
    this.#host.clearTimer(this.#timer);
    this.#timer = undefined;
    return socket;
  }
}
