import type { Port } from '../bridge/channel.ts';
import { fromPlainError } from '../bridge/errors.ts';
import { CHUNK_BYTES, type StreamMessage, StreamPort } from '../bridge/stream-port.ts';
import type { TunnelError } from '../core/errors.ts';
import { closeByteStream } from './byte-stream.ts';
import type { EngineClient, Mourner } from './engine-client.ts';
import { domException, networkError } from './errors.ts';
import type { LazyStreams } from './open-info.ts';
import { bytesOf } from './web-idl.ts';

/** How much the page's side may hold unread. Beyond it no credit is given, and the peer's window closes. */
const READ_AHEAD = 256 * 1024;

export interface TcpStreamsOptions {
  /** False: when the peer ends its side, ours ends too. */
  allowHalfOpen?: boolean;
  /** Of all that may wait to be read; absent: the engine's to choose, and READ_AHEAD here. */
  receiveBufferSize?: number | undefined;
}

/** How something ended: an error may be anything, also undefined. */
interface End {
  readonly reason: unknown;
}

/**
 * The two streams of a TCP socket over one port to the engine, each made when it is first asked for. Whether it is there
 * or not, the connection does the same: bytes come up to the read-ahead, an end is heard, an error ends all.
 */
export class TcpStreams implements LazyStreams, Mourner {
  readonly #engine: EngineClient;
  readonly #port: StreamPort;
  readonly #allowHalfOpen: boolean;
  readonly #readAhead: number;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<BufferSource> | undefined;
  #readController: ReadableByteStreamController | undefined;
  #writeController: WritableStreamDefaultController | undefined;
  /** What arrived before there was a `readable`. */
  #early: Uint8Array<ArrayBuffer>[] | undefined;
  #isReadDone = false;
  #isWriteDone = false;
  /** What a stream that is made later begins with. */
  #readFailure: End | undefined;
  #writeFailure: End | undefined;
  /** A chunk that was none: our half has ended by it, and the connection will have failed when the other has, too. */
  #badChunk: End | undefined;
  /** Credit given to the engine and not used yet. */
  #creditGiven: number;
  #awaitingCredit: { resolve: () => void; reject: (reason: unknown) => void } | undefined;
  /** How both directions ended: well, or not. */
  #end: 'well' | End | undefined;
  #closed: Promise<undefined> | undefined;
  #settleClosed: { resolve: (value: undefined) => void; reject: (reason: unknown) => void } | undefined;

  constructor(
    engine: EngineClient,
    port: Port,
    { allowHalfOpen = true, receiveBufferSize = READ_AHEAD }: TcpStreamsOptions = {},
  ) {
    this.#engine = engine;
    this.#allowHalfOpen = allowHalfOpen;
    this.#readAhead = Math.min(READ_AHEAD, receiveBufferSize);
    this.#port = new StreamPort(port, (message) => this.#receive(message));
    this.#creditGiven = this.#readAhead;
    this.#port.giveCredit(this.#readAhead);
    engine.addMourner(this);
  }

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.#readable ??= new ReadableStream(
      {
        type: 'bytes',
        start: (controller) => this.#startReading(controller),
        pull: () => this.#giveCredit(),
        cancel: () => this.#stopReading(),
      },
      { highWaterMark: this.#readAhead },
    ) as ReadableStream<Uint8Array<ArrayBuffer>>;
    return this.#readable;
  }

  get writable(): WritableStream<BufferSource> {
    this.#writable ??= new WritableStream({
      start: (controller) => {
        this.#writeController = controller;
        if (this.#writeFailure) controller.error(this.#writeFailure.reason);
      },
      write: (chunk) => this.#write(this.#bytesOf(chunk)),
      close: () => this.#endWriting(),
      // Direct Sockets: aborting the writable side is a half-close too, not a reset.
      abort: () => this.#endWriting(),
    });
    return this.#writable;
  }

  get isLocked(): boolean {
    return Boolean(this.#readable?.locked || this.#writable?.locked);
  }

  /** Both directions are over. */
  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** Settles when both directions are over. Like the platform's own sockets', it never counts as unhandled. */
  get closed(): Promise<undefined> {
    if (!this.#closed) {
      this.#closed = new Promise((resolve, reject) => {
        this.#settleClosed = { resolve, reject };
      });
      this.#closed.catch(() => {});
      this.#tellClosed();
    }
    return this.#closed;
  }

  /** Ends both directions at once, for `socket.close()`. */
  async finish(): Promise<void> {
    await Promise.allSettled([this.#finishReading(), this.#finishWriting()]);
  }

  /** Resets the connection and errors both streams. */
  fail(reason: unknown): void {
    this.#port.sendAbort();
    this.#over(reason);
  }

  engineEnded(error: TunnelError): void {
    this.fail(networkError(error));
  }

  async #finishReading(): Promise<void> {
    if (this.#readable) return this.#readable.cancel();
    this.#early = undefined;
    if (!this.#isReadDone) this.#stopReading();
  }

  async #finishWriting(): Promise<void> {
    if (this.#writable) return this.#writable.abort();
    this.#writeFailure ??= { reason: undefined };
    this.#endWriting();
  }

  #receive(message: StreamMessage): void {
    switch (message.type) {
      case 'data':
        this.#creditGiven -= message.bytes.length;
        if (!this.#isReadDone) this.#take(message.bytes as Uint8Array<ArrayBuffer>);
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

  #take(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#readController) this.#readController.enqueue(bytes);
    else if (this.#early) this.#early.push(bytes);
    else this.#early = [bytes];
  }

  #startReading(controller: ReadableByteStreamController): void {
    this.#readController = controller;
    if (this.#readFailure) {
      controller.error(this.#readFailure.reason);
      return;
    }
    for (const bytes of this.#early ?? []) controller.enqueue(bytes);
    this.#early = undefined;
    if (this.#isReadDone) controller.close();
  }

  #stopReading(): void {
    this.#port.sendStop();
    this.#readDone();
  }

  #giveCredit(): void {
    const room = (this.#readController?.desiredSize ?? 0) - this.#creditGiven;
    const step = Math.min(CHUNK_BYTES, Math.ceil(this.#readAhead / 2));
    if (room < step && this.#creditGiven > 0) return;
    // Only a reader that wants more at once than the queue may hold waits before a full one: it must not starve.
    const credit = room > 0 ? room : step;
    this.#creditGiven += credit;
    this.#port.giveCredit(credit);
  }

  /** What is none errors the stream: our half of the connection ends with it. */
  #bytesOf(chunk: BufferSource): Uint8Array {
    try {
      return bytesOf(chunk);
    } catch (error) {
      this.#badChunk = { reason: error };
      this.#endWriting();
      throw error;
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const { signal } = this.#writeController!;
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
    if (this.#readController) closeByteStream(this.#readController);
    this.#readDone();
    if (!this.#allowHalfOpen && !this.#isWriteDone) {
      this.#endWriting();
      this.#failWriting(domException('InvalidStateError', 'The peer closed the connection.'));
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
    if (this.#isReadDone && this.#isWriteDone) this.#ended(this.#badChunk ?? 'well');
  }

  #over(reason: unknown): void {
    if (!this.#isReadDone) this.#failReading(reason);
    if (!this.#isWriteDone) this.#failWriting(reason);
    this.#awaitingCredit?.reject(reason);
    this.#awaitingCredit = undefined;
    this.#isReadDone = this.#isWriteDone = true;
    this.#ended({ reason });
  }

  #failReading(reason: unknown): void {
    this.#early = undefined;
    this.#readFailure = { reason };
    this.#readController?.error(reason);
  }

  #failWriting(reason: unknown): void {
    this.#writeFailure = { reason };
    this.#writeController?.error(reason);
  }

  #ended(how: 'well' | End): void {
    this.#port.close();
    this.#engine.removeMourner(this);
    this.#end ??= how;
    this.#tellClosed();
  }

  #tellClosed(): void {
    if (this.#end === 'well') this.#settleClosed?.resolve(undefined);
    else if (this.#end) this.#settleClosed?.reject(this.#end.reason);
  }
}
