import { Duplex } from 'node:stream';

interface StreamPair {
  readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  writable: WritableStream<BufferSource>;
}

/**
 * A socket's two web streams as Node's one duplex stream. Node's own Duplex.fromWeb throws inside a callback, where
 * nobody can catch it, when a connection breaks while several writes wait (seen in 20.20).
 */
export class StreamDuplex extends Duplex {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;

  constructor({ readable, writable }: StreamPair) {
    super({ allowHalfOpen: true });
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    // Each failure is also told by the read or write that meets it.
    for (const promise of [this.#reader.closed, this.#writer.closed, this.#writer.ready])
      promise.catch(() => {});
  }

  override _read(): void {
    this.#reader.read().then(
      ({ done, value }) => this.push(done ? null : value),
      (error: Error) => this.destroy(error),
    );
  }

  override _write(chunk: Buffer<ArrayBuffer>, _encoding: string, callback: (error?: Error) => void): void {
    this.#writer.write(chunk).then(() => callback(), callback);
  }

  override _final(callback: (error?: Error) => void): void {
    this.#writer.close().then(() => callback(), callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#reader.cancel(error).catch(() => {});
    this.#writer.abort(error).catch(() => {});
    callback(error);
  }
}

/**
 * Tells when it is destroyed before both its ends, so that the connection below is reset; and tells it first, because what
 * comes then looks like a regular end.
 */
export class BreakableDuplex extends StreamDuplex {
  readonly #break: () => void;

  constructor(streams: StreamPair, breakOff: () => void) {
    super(streams);
    this.#break = breakOff;
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!isWhole(this)) this.#break();
    super._destroy(error, callback);
  }
}

/** Both of its directions came to their end. */
export function isWhole(stream: Duplex): boolean {
  return stream.readableEnded && stream.writableFinished;
}
