import { closeByteStream } from './byte-stream.ts';
import { socketError } from './errors.ts';
import type { Duplex } from './tls.ts';
import { bytesOf } from './web-idl.ts';

/**
 * The streams of a WinterTC socket: there before the connection is, so that what is written early waits for it. They hold
 * no bytes to speak of themselves; a full send buffer and a reader that rests are felt through them.
 */
export class SocketStreams implements Duplex {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<BufferSource>;
  /** Resolves when both directions are over; rejects with a SocketError. */
  readonly closed: Promise<undefined>;
  readonly #allowHalfOpen: boolean;
  readonly #reader: Promise<ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>>;
  readonly #writer: Promise<WritableStreamDefaultWriter<BufferSource>>;
  #readController!: ReadableByteStreamController;
  #writeController!: WritableStreamDefaultController;
  #settleClosed!: { resolve: (value: undefined) => void; reject: (reason: unknown) => void };
  #writing: Promise<unknown> = Promise.resolve();
  #isReadDone = false;
  #isWriteDone = false;
  #isHandedOver = false;

  constructor(opening: Promise<Duplex>, { allowHalfOpen }: { allowHalfOpen: boolean }) {
    this.#allowHalfOpen = allowHalfOpen;
    this.#reader = opening.then(({ readable }) => readable.getReader());
    this.#writer = opening.then(({ writable }) => writable.getWriter());
    this.closed = new Promise((resolve, reject) => {
      this.#settleClosed = { resolve, reject };
    });
    for (const promise of [this.#reader, this.#writer, this.closed]) promise.catch(() => {});
    this.readable = this.#makeReadable();
    this.writable = this.#makeWritable();
    this.#writer.then(
      (writer) => writer.closed.catch((error: unknown) => this.fail(error)),
      (error: unknown) => this.fail(error),
    );
  }

  get isLocked(): boolean {
    return this.readable.locked || this.writable.locked;
  }

  /** From now on somebody else ends these streams: a TLS layer. */
  handOver(): void {
    this.#isHandedOver = true;
    this.#settleClosed.resolve(undefined);
  }

  /** Ends both directions, also under a reader's or a writer's hands. */
  close(reason: unknown): void {
    if (this.readable.locked) this.#endReading(reason);
    else this.readable.cancel(reason).catch(() => {});
    if (this.writable.locked) this.#endWriting(reason ?? socketError('The socket was closed.'));
    else this.writable.abort(reason).catch(() => {});
  }

  /** Both directions are over, not well. */
  fail(reason: unknown): void {
    const error = socketError(reason);
    if (!this.#isReadDone) this.#readController.error(error);
    if (!this.#isWriteDone) this.#writeController.error(error);
    const wasOver = this.#isReadDone && this.#isWriteDone;
    this.#isReadDone = this.#isWriteDone = true;
    if (!wasOver) this.#settleClosed.reject(error);
  }

  #makeReadable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const source: UnderlyingByteSource = {
      type: 'bytes',
      start: (controller) => {
        this.#readController = controller;
      },
      pull: () => this.#pull(),
      cancel: (reason) => this.#cancel(reason),
    };
    // One byte, so that the end is seen also while nobody reads.
    return new ReadableStream(source, { highWaterMark: 1 }) as ReadableStream<Uint8Array<ArrayBuffer>>;
  }

  #makeWritable(): WritableStream<BufferSource> {
    return new WritableStream({
      start: (controller) => {
        this.#writeController = controller;
      },
      write: (chunk) => this.#write(chunk),
      close: () => this.#finish((writer) => writer.close()),
      abort: (reason) => this.#finish((writer) => writer.abort(reason)),
    });
  }

  async #pull(): Promise<void> {
    try {
      const reader = await this.#reader;
      let read = await reader.read();
      while (!read.done && read.value.byteLength === 0) read = await reader.read();
      if (this.#isReadDone) return;
      if (read.done) this.#peerEnded();
      else this.#readController.enqueue(owned(read.value));
    } catch (error) {
      this.fail(error);
    }
  }

  async #write(chunk: BufferSource): Promise<void> {
    const bytes = bytesOf(chunk);
    const writer = await this.#writer;
    const written = writer.write(bytes as Uint8Array<ArrayBuffer>);
    this.#writing = written.catch(() => {});
    await written.catch((error: unknown) => {
      this.fail(error);
      throw socketError(error);
    });
  }

  #peerEnded(): void {
    this.#closeReadable();
    if (this.#allowHalfOpen || this.#isWriteDone || this.#isHandedOver) return;
    if (this.writable.locked) this.#endWriting(socketError('The peer closed the connection.'));
    else this.writable.close().catch(() => {});
  }

  #closeReadable(): void {
    closeByteStream(this.#readController);
    this.#readDone();
  }

  #endReading(reason: unknown): void {
    if (this.#isReadDone) return;
    this.#closeReadable();
    this.#reader.then((reader) => reader.cancel(reason)).catch(() => {});
  }

  /** What is on its way still leaves; the writer gets `reason` for everything after. */
  #endWriting(reason: unknown): void {
    if (this.#isWriteDone) return;
    this.#writing
      .then(() => this.#writeController.error(reason))
      .then(() => this.#finish((writer) => writer.close()))
      .catch(() => {});
  }

  async #cancel(reason: unknown): Promise<void> {
    this.#readDone();
    await this.#reader.then((reader) => reader.cancel(reason)).catch(() => {});
  }

  async #finish(how: (writer: WritableStreamDefaultWriter<BufferSource>) => Promise<void>): Promise<void> {
    if (this.#isWriteDone) return;
    try {
      await how(await this.#writer);
    } catch (error) {
      this.fail(error);
      throw socketError(error);
    }
    this.#isWriteDone = true;
    this.#closeWhenDone();
  }

  #readDone(): void {
    this.#isReadDone = true;
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    if (this.#isReadDone && this.#isWriteDone) this.#settleClosed.resolve(undefined);
  }
}

/** A byte stream takes the whole buffer of a chunk away; where the chunk is part of one, it gets a copy. */
function owned(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}
