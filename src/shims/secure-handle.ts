import type { Duplex } from 'node:stream';
import { TunnelError } from '../core/errors.ts';
import type { StreamPair } from './duplex-pair.ts';
import type { Socket } from './socket.ts';
import type { End, Handle } from './tcp-handle.ts';

/** A socket of ours, or any stream, which knows less. */
type Below = Duplex &
  Partial<
    Pick<
      Socket,
      'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort' | 'setNoDelay' | 'setKeepAlive'
    >
  >;

interface Inside {
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  writer: WritableStreamDefaultWriter<BufferSource>;
}

const NOWHERE: End = { address: '', port: 0 };

/** Bytes go through the layer of TLS, and wait for its handshake; all else is the stream's below it. */
export class SecureHandle implements Handle {
  readonly #under: Below;
  readonly #inside: Promise<Inside>;
  #settle!: { resolve: (inside: Inside) => void; reject: (reason: Error) => void };

  constructor(under: Duplex) {
    this.#under = under;
    this.#inside = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#inside.catch(() => {});
  }

  /** The handshake is over. */
  secured({ readable, writable }: StreamPair): void {
    const reader = readable.getReader();
    const writer = writable.getWriter();
    for (const promise of [reader.closed, writer.closed, writer.ready]) promise.catch(() => {});
    this.#settle.resolve({ reader, writer });
  }

  get local(): End {
    const { localAddress: address, localPort: port } = this.#under;
    return address === undefined || port === undefined ? NOWHERE : { address, port };
  }

  get remote(): End {
    const { remoteAddress: address, remotePort: port } = this.#under;
    return address === undefined || port === undefined ? NOWHERE : { address, port };
  }

  async read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { reader } = await this.#inside;
    return (await reader.read()).value;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { writer } = await this.#inside;
    await writer.write(bytes as Uint8Array<ArrayBuffer>);
  }

  async end(): Promise<void> {
    const { writer } = await this.#inside;
    await writer.close();
  }

  close(): void {
    this.#settle.reject(
      new TunnelError('ERR_CLOSED', 'The socket was closed before its TLS handshake was over.'),
    );
    this.#inside.then(
      ({ reader, writer }) => {
        reader.cancel().catch(() => {});
        writer.abort().catch(() => {});
      },
      () => {},
    );
  }

  reset(): void {
    this.#under.destroy(new TunnelError('ERR_CLOSED', 'The connection was reset by its own side.'));
  }

  tune({ noDelay, keepAliveDelay }: { noDelay?: boolean; keepAliveDelay?: number }): void {
    if (noDelay !== undefined) this.#under.setNoDelay?.(noDelay);
    if (keepAliveDelay !== undefined) this.#under.setKeepAlive?.(keepAliveDelay > 0, keepAliveDelay);
  }
}
