/** Bytes of a stream by their number. */
export class ByteReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest = new Uint8Array(0);

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  async byte(): Promise<number> {
    return (await this.bytes(1))[0]!;
  }

  /** Exactly so many, in a buffer of their own; rejects where the stream ends before. */
  async bytes(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      if (this.#rest.length === 0) {
        const { value, done } = await this.#reader.read();
        if (done) throw new Error('The server closed the connection in the middle of the test.');
        this.#rest = value.slice();
      }
      const part = this.#rest.subarray(0, length - at);
      bytes.set(part, at);
      at += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return bytes;
  }

  cancel(): void {
    this.#reader.cancel().catch(() => {});
  }
}
