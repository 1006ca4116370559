import type { TCPSocket } from '../../src/client/tcp-socket.ts';
import type { LoneEngine } from './lone-engine.ts';

/** One connection as a server sees it that reads and writes bytes by hand. */
export class RawConnection {
  /** What has come and was not taken, one character a byte. */
  received = '';
  /** How the other side ended, once it has. */
  over: Promise<unknown>;
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;
  #wake = () => {};

  constructor(readable: ReadableStream<Uint8Array>, writable: WritableStream<BufferSource>) {
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.over = this.#read(readable.getReader());
  }

  /** Takes everything up to and with `mark`. */
  async until(mark: string): Promise<string> {
    while (!this.received.includes(mark)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const end = this.received.indexOf(mark) + mark.length;
    const taken = this.received.slice(0, end);
    this.received = this.received.slice(end);
    return taken;
  }

  /** Text is written as one byte a character. */
  async write(data: string | Uint8Array<ArrayBuffer>): Promise<void> {
    const bytes = typeof data === 'string' ? new Uint8Array(Buffer.from(data, 'latin1')) : data;
    await this.#writer.write(bytes).catch(() => {});
  }

  async end(data = ''): Promise<void> {
    if (data) await this.write(data);
    await this.#writer.close().catch(() => {});
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<unknown> {
    try {
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        this.received += Buffer.from(read.value).toString('latin1');
        this.#wake();
      }
      return 'end';
    } catch (error) {
      return error;
    }
  }
}

/** Listens on a port of the lone engine; each connection is one call of `serve`. Returns how many there have been. */
export async function rawServer(
  engine: LoneEngine,
  port: number,
  serve: (connection: RawConnection, number: number) => Promise<void>,
): Promise<() => number> {
  const { readable } = await engine.listen('::', { localPort: port, noDelay: true }).opened;
  let count = 0;
  void (async () => {
    for await (const socket of readable as unknown as AsyncIterable<TCPSocket>) {
      const info = await socket.opened;
      void serve(new RawConnection(info.readable, info.writable), count++);
    }
  })();
  return () => count;
}
