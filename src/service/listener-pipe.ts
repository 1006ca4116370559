import type { ListenerMessage, TcpOpened } from '../bridge/api.ts';
import type { Channel, Port } from '../bridge/channel.ts';
import type { TcpConnection } from '../core/netstack/tcp/connection.ts';
import type { TcpListener } from '../core/netstack/tcp/listener.ts';
import type { Drainable, Noted } from './noted.ts';

export interface ListenerHost {
  readonly noted: Noted;
  settle(): void;
  openChannel(): Channel;
  /** Makes the pipe of an accepted connection; its bytes flow over `port`. */
  adopt(connection: TcpConnection, port: Port): TcpOpened;
  listenerFinished(pipe: ListenerPipe): void;
}

/** One listening socket ⇄ one port to the page. Accepts only as far as the page gives credit; beyond it the backlog fills. */
export class ListenerPipe implements Drainable {
  readonly #listener: TcpListener;
  readonly #port: Port;
  readonly #host: ListenerHost;
  #credit = 0;

  constructor(listener: TcpListener, port: Port, host: ListenerHost) {
    this.#listener = listener;
    this.#port = port;
    this.#host = host;
    listener.observer = { acceptable: () => host.noted.note(this) };
    port.onmessage = ({ data }: MessageEvent<ListenerMessage>) => this.#receive(data);
  }

  drain(): void {
    while (this.#credit > 0) {
      const connection = this.#listener.accept();
      if (!connection) return;
      this.#credit--;
      const { near, far } = this.#host.openChannel();
      const message: ListenerMessage = {
        type: 'accepted',
        opened: this.#host.adopt(connection, near),
        port: far,
      };
      this.#port.postMessage(message, [far as MessagePort]);
    }
  }

  close(): void {
    this.#listener.observer = undefined;
    this.#listener.close();
    this.#port.postMessage({ type: 'close' } satisfies ListenerMessage);
    this.#port.onmessage = null;
    this.#port.close();
    this.#host.listenerFinished(this);
  }

  #receive(message: ListenerMessage): void {
    if (message.type === 'credit') {
      this.#credit += message.count;
      this.#host.noted.note(this);
    } else if (message.type === 'close') {
      this.close();
    }
    this.#host.settle();
  }
}
