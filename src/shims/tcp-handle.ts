import type { TCPSocket, TCPSocketOpenInfo } from '../client/tcp-socket.ts';

export interface End {
  address: string;
  port: number;
}

/** An open connection as `Socket` uses it: its ends, and one read or write at a time. */
export interface Handle {
  readonly local: End;
  readonly remote: End;
  /** The next bytes, which are the caller's; undefined at the end. */
  read(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  write(bytes: Uint8Array): Promise<void>;
  /** Our FIN. */
  end(): Promise<void>;
  /** Both directions; nothing is read any more. */
  close(): void;
  /** RST. */
  reset(): void;
  /** `keepAliveDelay` in milliseconds, 0 for none. Of a connection that ended meanwhile, nothing. */
  tune(options: { noDelay?: boolean; keepAliveDelay?: number }): void;
}

export class TcpHandle implements Handle {
  readonly local: End;
  readonly remote: End;
  readonly #socket: TCPSocket;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;

  constructor(socket: TCPSocket, info: TCPSocketOpenInfo) {
    this.#socket = socket;
    this.local = { address: info.localAddress, port: info.localPort };
    this.remote = { address: info.remoteAddress, port: info.remotePort };
    this.#reader = info.readable.getReader();
    this.#writer = info.writable.getWriter();
    // Each failure is also told by the read or write that meets it.
    for (const promise of [this.#reader.closed, this.#writer.closed, this.#writer.ready])
      promise.catch(() => {});
  }

  async read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return (await this.#reader.read()).value;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#reasoned(() => this.#writer.write(bytes as Uint8Array<ArrayBuffer>));
  }

  end(): Promise<void> {
    return this.#reasoned(() => this.#writer.close());
  }

  /** A stream that has failed says only that; why, `closed` knows. (Node 20 even throws it, where it should reject.) */
  async #reasoned(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.#writer.closed;
      throw error;
    }
  }

  close(): void {
    this.#reader.cancel().catch(() => {});
    this.#writer.abort().catch(() => {});
  }

  reset(): void {
    this.#socket.reset();
  }

  tune(options: { noDelay?: boolean; keepAliveDelay?: number }): void {
    this.#socket.tune(options).catch(() => {});
  }
}
