import { effect, signal } from '@preact/signals';
import type { SocketStatus, TunnelStatus } from '../../src/index.ts';
import type { PingRun } from '../ping-run.ts';
import type { Session } from '../session.ts';
import { History } from './history.ts';

/** Reads the instruments each time that the session has read its status, as long as somebody looks. */
export class Monitor {
  readonly history = new History();
  readonly sockets = signal<readonly SocketStatus[]>([]);
  /** Grows with each reading: the history itself is changed in place. */
  readonly readings = signal(0);
  readonly #session: Session;
  readonly #ping: PingRun;
  #isAsking = false;

  constructor(session: Session, ping: PingRun) {
    this.#session = session;
    this.#ping = ping;
  }

  /** Returns what ends it. */
  start(): () => void {
    return effect(() => {
      const status = this.#session.status.value;
      if (status && !this.#isAsking) void this.#read(status);
    });
  }

  async #read(status: TunnelStatus): Promise<void> {
    this.#isAsking = true;
    const sockets = await this.#session.tunnel
      .peek()
      ?.sockets()
      .catch(() => undefined);
    this.#isAsking = false;
    if (!sockets) return;
    this.sockets.value = sockets;
    const { running, samples } = this.#ping;
    const ping = running.peek() ? samples.peek().at(-1)?.rtt : undefined;
    this.history.read(status, sockets, ping, Date.now());
    this.readings.value++;
  }
}
