import type { Destination, DialOptions } from '../dialer.ts';
import type { Duplex } from '../tls.ts';
import { connectFailure } from './http-error.ts';

/** How fetch connects: as the tunnel's Dialer does. */
export type Dial = (destination: Destination, options: DialOptions) => Promise<Duplex>;

export interface ConnectOptions {
  dial: Dial;
  /** Milliseconds. */
  timeout: number;
  /** Counts until the connection is open. */
  signal: AbortSignal | undefined;
}

/** One connection to a server, for one request after the other. */
export class Connection {
  /** `http://host:port`, or `https://…`. */
  readonly origin: string;
  /** Requests that it has been lent for. */
  uses = 0;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;
  readonly #reset: AbortController;
  /** Read while nobody waits for anything: what settles it then is the end, or bytes nobody asked for. */
  #early: Promise<ReadableStreamReadResult<Uint8Array>> | undefined;
  #isClosed = false;

  private constructor(origin: string, { readable, writable }: Duplex, reset: AbortController) {
    this.origin = origin;
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.#reset = reset;
  }

  static async open(url: URL, { dial, timeout, signal }: ConnectOptions): Promise<Connection> {
    signal?.throwIfAborted();
    const reset = new AbortController();
    const stop = () => reset.abort(signal?.reason);
    signal?.addEventListener('abort', stop, { once: true });
    const isSecure = url.protocol === 'https:';
    const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const port = Number(url.port) || (isSecure ? 443 : 80);
    const secure = isSecure ? { serverName: hostname, alpn: ['http/1.1'] } : undefined;
    try {
      const streams = await dial(
        { hostname, port },
        { noDelay: true, timeout, signal: reset.signal, secure },
      );
      return new Connection(url.origin, streams, reset);
    } catch (error) {
      throw connectFailure(error);
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** Aborts with what the connection was destroyed for. */
  get signal(): AbortSignal {
    return this.#reset.signal;
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#writer.write(bytes);
  }

  /** What came; undefined at the end. */
  async read(): Promise<Uint8Array | undefined> {
    const reading = this.#early ?? this.#reader.read();
    this.#early = undefined;
    try {
      const { value } = await reading;
      this.signal.throwIfAborted();
      return value;
    } catch (error) {
      this.signal.throwIfAborted();
      throw error;
    }
  }

  /** While nobody uses it: calls `onEnd` if the server ends it or says something. */
  watch(onEnd: () => void): void {
    const early = this.#reader.read();
    this.#early = early;
    const settled = () => {
      if (this.#early === early) onEnd();
    };
    early.then(settled, settled);
  }

  /** Breaks it off; what is read or written fails with `reason`. */
  destroy(reason: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reset.abort(reason);
    // The streams of a TLS layer know nothing of the signal.
    this.#reader.cancel(reason).catch(() => {});
    this.#writer.abort(reason).catch(() => {});
  }

  /** Ends it in both directions. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reader.cancel().catch(() => {});
    this.#writer.close().catch(() => {});
  }
}
