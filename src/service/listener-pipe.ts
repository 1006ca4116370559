import type { ListenerMessage, TcpOpened } from '../bridge/api.ts';
import type { TcpConnection } from '../core/netstack/tcp/connection.ts';
import type { TcpListener } from '../core/netstack/tcp/listener.ts';
import type { Drainable, Noted } from './noted.ts';

export interface ListenerHost {
  readonly noted: Noted;
  settle(): void;
  /** Makes the pipe of an accepted connection; its bytes flow over `port`. */
  adopt(connection: TcpConnection, port: MessagePort): TcpOpened;
  listenerFinished(pipe: ListenerPipe): void;
}

/** One listening socket ⇄ one port to the page. Accepts only what the page asks for: the backlog fills, not a queue. */
export class ListenerPipe implements Drainable {
  readonly #listener: TcpListener;
  readonly #port: MessagePort;
  readonly #host: ListenerHost;
  #credit = 0;

  constructor(listener: TcpListener, port: MessagePort, host: ListenerHost) {
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
      const { port1, port2 } = new MessageChannel();
      const message: ListenerMessage = {
        type: 'accepted',
        opened: this.#host.adopt(connection, port1),
        port: port2,
      };
      this.#port.postMessage(message, [port2]);
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
