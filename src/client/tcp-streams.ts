import { fromPlainError } from '../bridge/errors.ts';
import { CHUNK_BYTES, type StreamMessage, StreamPort } from '../bridge/stream-port.ts';
import { domException, networkError } from './errors.ts';
import { bytesOf } from './web-idl.ts';

/** How much the page's side may hold unread. Beyond it no credit is given, and the peer's window closes. */
const READ_AHEAD = 256 * 1024;

/** The two streams of a TCP socket over one port to the engine. */
export class TcpStreams {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<BufferSource>;
  /** Settles when both directions are over. */
  readonly closed: Promise<undefined>;
  readonly #port: StreamPort;
  readonly #allowHalfOpen: boolean;
  #readController!: ReadableByteStreamController;
  #writeController!: WritableStreamDefaultController;
  #isReadDone = false;
  #isWriteDone = false;
  /** Credit given to the engine and not used yet. */
  #creditGiven = 0;
  #awaitingCredit: { resolve: () => void; reject: (reason: unknown) => void } | undefined;
  #settleClosed!: { resolve: (value: undefined) => void; reject: (reason: unknown) => void };

  constructor(port: MessagePort, { allowHalfOpen = true }: { allowHalfOpen?: boolean } = {}) {
    this.#allowHalfOpen = allowHalfOpen;
    this.closed = new Promise((resolve, reject) => {
      this.#settleClosed = { resolve, reject };
    });
    this.closed.catch(() => {}); // like the platform's own sockets, it never counts as unhandled
    this.#port = new StreamPort(port, (message) => this.#receive(message));
    this.readable = new ReadableStream(
      {
        type: 'bytes',
        start: (controller) => {
          this.#readController = controller;
        },
        pull: () => this.#giveCredit(),
        cancel: () => {
          this.#port.sendStop();
          this.#readDone();
        },
      },
      { highWaterMark: READ_AHEAD },
    ) as ReadableStream<Uint8Array<ArrayBuffer>>;
    this.writable = new WritableStream({
      start: (controller) => {
        this.#writeController = controller;
      },
      write: (chunk) => this.#write(bytesOf(chunk)),
      close: () => this.#endWriting(),
      // Direct Sockets: aborting the writable side is a half-close too, not a reset.
      abort: () => this.#endWriting(),
    });
  }

  /** Ends both directions at once, for `socket.close()`. */
  async finish(): Promise<void> {
    await Promise.all([this.readable.cancel(), this.writable.abort()].map((done) => done.catch(() => {})));
  }

  /** Resets the connection and errors both streams. */
  fail(reason: unknown): void {
    this.#port.sendAbort();
    this.#over(reason);
  }

  #receive(message: StreamMessage): void {
    switch (message.type) {
      case 'data':
        this.#creditGiven -= message.bytes.length;
        if (!this.#isReadDone) this.#readController.enqueue(message.bytes as Uint8Array<ArrayBuffer>);
        break;
      case 'credit':
        this.#awaitingCredit?.resolve();
        this.#awaitingCredit = undefined;
        break;
      case 'end':
        this.#peerEnded();
        break;
      case 'error':
        // Where the tunnel is closing, this tells it that everything written before has arrived.
        if (!this.#isWriteDone) this.#port.sendEnd();
        this.#over(networkError(fromPlainError(message.error)));
        break;
      case 'stop':
      case 'abort':
        break;
    }
  }

  #giveCredit(): void {
    const room = (this.#readController.desiredSize ?? 0) - this.#creditGiven;
    if (room < CHUNK_BYTES && this.#creditGiven > 0) return;
    // A waiting reader with a full queue cannot be: but one larger than the queue must not starve.
    const credit = Math.max(room, this.#creditGiven > 0 ? 0 : 1);
    this.#creditGiven += credit;
    this.#port.giveCredit(credit);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const { signal } = this.#writeController;
    for (let at = 0; at < bytes.length; ) {
      if (signal.aborted) throw signal.reason;
      if (this.#port.credit <= 0) await this.#credit(signal);
      const length = Math.min(this.#port.credit, CHUNK_BYTES, bytes.length - at);
      // The one copy on the way out: the caller keeps its buffer, the copy is transferred.
      this.#port.sendData(new Uint8Array(bytes.subarray(at, at + length)));
      at += length;
    }
  }

  /** Resolves when the send buffer has room again; rejects when the stream is aborted or fails meanwhile. */
  #credit(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => reject(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      const settled = () => signal.removeEventListener('abort', stop);
      this.#awaitingCredit = {
        resolve: () => {
          settled();
          resolve();
        },
        reject: (reason) => {
          settled();
          reject(reason);
        },
      };
    });
  }

  #peerEnded(): void {
    if (this.#isReadDone) return;
    this.#readController.close();
    this.#readController.byobRequest?.respond(0);
    this.#readDone();
    if (!this.#allowHalfOpen && !this.#isWriteDone) {
      this.#endWriting();
      this.#writeController.error(domException('InvalidStateError', 'The peer closed the connection.'));
    }
  }

  #endWriting(): void {
    if (this.#isWriteDone) return;
    this.#isWriteDone = true;
    this.#port.sendEnd();
    this.#closeWhenDone();
  }

  #readDone(): void {
    this.#isReadDone = true;
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    if (!this.#isReadDone || !this.#isWriteDone) return;
    this.#port.close();
    this.#settleClosed.resolve(undefined);
  }

  #over(reason: unknown): void {
    if (!this.#isReadDone) this.#readController.error(reason);
    if (!this.#isWriteDone) this.#writeController.error(reason);
    this.#awaitingCredit?.reject(reason);
    this.#awaitingCredit = undefined;
    this.#settleClosed.reject(reason);
    this.#isReadDone = this.#isWriteDone = true;
    this.#port.close();
  }
}
