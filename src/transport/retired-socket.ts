import type { Millis } from '../core/time.ts';
import type { RelayTransportHost, WebSocketLike } from './relay-host.ts';

/** What is still on its way on a connection that we left arrives within this, or not in time. */
const TIME: Millis = 2000;

/** The connection before this one, while something may still come from it. */
export class RetiredSocket {
  readonly #host: RelayTransportHost;
  readonly #received: (data: unknown) => void;
  #socket: WebSocketLike | undefined;
  #timer: unknown;

  constructor(host: RelayTransportHost, received: (data: unknown) => void) {
    this.#host = host;
    this.#received = received;
  }

  /** The one before it has had its time. */
  retire(socket: WebSocketLike | undefined): void {
    this.close();
    if (socket === undefined) return;
    socket.onmessage = ({ data }: { data: unknown }) => this.#received(data);
    socket.onclose = () => this.close();
    this.#socket = socket;
    this.#timer = this.#host.setTimer(() => this.close(), TIME);
  }

  close(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#host.clearTimer(this.#timer);
    this.#socket = undefined;
    socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }
}
