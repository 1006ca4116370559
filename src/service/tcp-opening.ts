import type { Port } from '../bridge/channel.ts';
import type { StreamMessage } from '../bridge/stream-port.ts';
import { TunnelError } from '../core/errors.ts';
import type { HappyEyeballs } from '../core/netstack/happy-eyeballs.ts';
import type { TcpConnection } from '../core/netstack/tcp/connection.ts';
import { type Instant, NEVER, type Pollable } from '../core/time.ts';
import type { Drainable, Noted } from './noted.ts';

export interface OpeningHost {
  readonly noted: Noted;
  settle(): void;
  now(): Instant;
  openingFinished(opening: TcpOpening): void;
}

/** A connection by name that is not there yet. `port` is the page's end, which may change its mind. */
export class TcpOpening implements Pollable, Drainable {
  readonly #race: HappyEyeballs;
  readonly #port: Port;
  readonly #host: OpeningHost;
  readonly #name: string;
  #openBy: Instant;
  /** What the page sent before there was a connection: credit, as it begins with. */
  readonly #early: MessageEvent<StreamMessage>[] = [];
  #settle: { resolve: (connection: TcpConnection) => void; reject: (error: TunnelError) => void } | undefined;

  /** `name`: for sentences. */
  constructor(race: HappyEyeballs, name: string, port: Port, openBy: Instant, host: OpeningHost) {
    this.#race = race;
    this.#name = name;
    this.#port = port;
    this.#host = host;
    this.#openBy = openBy;
    race.observer = { settled: () => host.noted.note(this) };
    port.onmessage = (event: MessageEvent<StreamMessage>) => {
      const { type } = event.data;
      if (type === 'abort' || type === 'error') {
        this.close();
        host.settle();
      } else {
        this.#early.push(event);
      }
    };
  }

  /**
   * Calls `adopt` with the winner in the turn in which it is there, and gives back what that returns; nothing that the
   * connection does in between goes unheard.
   */
  opened<T>(adopt: (connection: TcpConnection) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const take = (connection: TcpConnection) => {
        try {
          resolve(adopt(connection));
        } catch (error) {
          reject(error as TunnelError);
        }
      };
      this.#settle = { resolve: take, reject };
    });
  }

  pollAt(): Instant {
    return this.#openBy;
  }

  poll(now: Instant): void {
    if (now < this.#openBy) return;
    const message = `No connection to ${this.#name} within the given time.`;
    this.#fail(new TunnelError('ERR_TIMEOUT', message, { retryable: true, leg: 'inside' }));
  }

  drain(): void {
    const { connection, error } = this.#race;
    if (error) this.#fail(error);
    else if (connection) this.#succeed(connection);
  }

  /** The page, or the tunnel, wants it no more. */
  close(): void {
    this.#fail(new TunnelError('ERR_CLOSED', 'The connection was closed before it was open.'));
  }

  #succeed(connection: TcpConnection): void {
    const settle = this.#finish();
    if (connection.state !== 'CLOSED') {
      settle?.resolve(connection);
      // Whoever adopted the connection listens now.
      for (const event of this.#early) this.#port.onmessage?.(event);
      return;
    }
    // It came and went within one batch of packets.
    const { error } = connection;
    settle?.reject(
      error instanceof TunnelError
        ? error
        : new TunnelError('ERR_CONNECTION_RESET', `${this.#name} closed the connection at once.`, {
            leg: 'inside',
          }),
    );
  }

  #fail(error: TunnelError): void {
    const settle = this.#finish();
    this.#race.cancel(this.#host.now());
    settle?.reject(error);
  }

  #finish() {
    const settle = this.#settle;
    this.#settle = undefined;
    this.#openBy = NEVER;
    this.#port.onmessage = null;
    this.#host.openingFinished(this);
    return settle;
  }
}
