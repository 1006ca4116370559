import type { WebSocket } from 'ws';
import * as wire from '../src/core/wire/relay.ts';
import type { Resume } from './tickets.ts';

/** What a client may send before its token has been judged, in bytes, and what holding a message costs beside them. */
const MAX_EARLY = 128 * 1024;
const OVERHEAD = 128;

/** A token, or the ticket of a session that goes on. */
export type Credential = string | Resume;

/**
 * A client that did not put a token into the handshake: the first record of its first message has it, or a ticket. What
 * comes behind waits until there is a session for it.
 */
export class Newcomer {
  /** Undefined: something else came, or nothing in time, or the client left. */
  readonly credential: Promise<Credential | undefined>;
  readonly #socket: WebSocket;
  readonly #early: Buffer[] = [];
  #earlyBytes = 0;
  #settle: ((credential: Credential | undefined) => void) | undefined;

  constructor(socket: WebSocket, timeout: number) {
    this.#socket = socket;
    this.credential = new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle?.(undefined), timeout);
      this.#settle = (credential) => {
        this.#settle = undefined;
        clearTimeout(timer);
        resolve(credential);
      };
    });
    socket.on('message', this.#receive);
    socket.on('close', () => this.#settle?.(undefined));
    socket.on('error', () => {});
  }

  /** What the session is to read. From here on, messages are the caller's. */
  takeEarly(): readonly Buffer[] {
    this.#socket.off('message', this.#receive);
    return this.#early;
  }

  readonly #receive = (message: Buffer, isBinary: boolean): void => {
    if (!isBinary) this.#settle?.(undefined);
    else if (this.#settle === undefined) this.#keep(message);
    else {
      const reader = new wire.RecordReader();
      reader.begin(message);
      const isControl = reader.next() && reader.channel === wire.CONTROL_CHANNEL;
      const control = isControl ? wire.readControl(message, reader.start, reader.end) : undefined;
      if (reader.end < message.length) this.#keep(message.subarray(reader.end));
      if (control?.type === wire.RESUME) this.#settle(control);
      else this.#settle(control?.type === wire.AUTH ? control.token : undefined);
    }
  };

  /** A copy: the message may be a corner of something larger. */
  #keep(message: Buffer): void {
    this.#earlyBytes += message.length + OVERHEAD;
    if (this.#earlyBytes > MAX_EARLY) this.#socket.terminate();
    else this.#early.push(Buffer.from(message));
  }
}
