import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { NodeClock } from '../../../../src/node/clock.ts';
import { u16 } from '../../../support/packets.ts';
import { Session, type SessionOptions } from './session.ts';
import { printEvent, type TraceEvent } from './trace.ts';

/** As many rounds as the driver makes (core/driver.ts). */
const MAX_ROUNDS = 8;
const PATIENCE = 20_000;

/** A session with Linux behind a socket (c/ends.h), in real time, of which every event is written down. */
export class Recorder {
  readonly session: Session;
  readonly #lines: string[];
  readonly #clock = new NodeClock();
  readonly #began: number;
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #isSettling = false;
  readonly #waiting = new Set<() => void>();

  private constructor(socket: Socket, options: SessionOptions & { name: string }) {
    this.#socket = socket;
    this.#lines = [JSON.stringify(options)];
    this.#began = this.#clock.now();
    this.session = new Session(options, (packet) => {
      this.#note({ kind: '>', packet });
      socket.write(Buffer.concat([u16(packet.length), packet]));
    });
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  static async start(path: string, options: SessionOptions & { name: string }): Promise<Recorder> {
    const socket = connect({ path });
    await once(socket, 'connect');
    return new Recorder(socket, options);
  }

  call(text: string): string {
    this.#setClock();
    const result = this.session.call(text);
    this.#note({ kind: '!', call: text, result });
    queueMicrotask(this.#settle);
    return result;
  }

  /** Asks after each poll, until there is an answer. */
  async until<T>(ask: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing within ${PATIENCE} ms`)), PATIENCE);
      const look = (): void => {
        const answer = ask();
        if (answer === undefined) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(answer);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** The whole trace. */
  stop(): string {
    this.#socket.destroy();
    this.#clock.wakeAt(Number.POSITIVE_INFINITY, this.#settle);
    return `${this.#lines.join('\n')}\n`;
  }

  #note(event: TraceEvent): void {
    this.#lines.push(printEvent(event));
  }

  /** In whole microseconds: the trace must have the same. */
  #setClock(): void {
    const microseconds = Math.round((this.#clock.now() - this.#began) * 1000) + 1_000_000;
    if (microseconds / 1000 <= this.session.now) return;
    this.session.now = microseconds / 1000;
    this.#note({ kind: '@', microseconds });
  }

  readonly #settle = (): void => {
    if (this.#isSettling) return;
    this.#isSettling = true;
    this.#setClock();
    for (let round = 0; round < MAX_ROUNDS; round++) {
      this.#note({ kind: '.' });
      this.session.poll();
      for (const look of [...this.#waiting]) look();
      if (this.session.stack.pollAt() > this.session.now) break;
    }
    this.#isSettling = false;
    const { now, stack } = this.session;
    this.#clock.wakeAt(this.#clock.now() + Math.max(0, stack.pollAt() - now), this.#settle);
  };

  #take(chunk: Buffer): void {
    const bytes = Buffer.concat([this.#rest, chunk]);
    this.#setClock();
    let at = 0;
    while (bytes.length - at >= 2) {
      const end = at + 2 + bytes.readUInt16BE(at);
      if (end > bytes.length) break;
      const packet = Uint8Array.from(bytes.subarray(at + 2, end));
      this.#note({ kind: '<', packet });
      this.session.receive(packet);
      at = end;
    }
    this.#rest = bytes.subarray(at);
    this.#settle();
  }
}
