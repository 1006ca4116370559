import type { Duplex } from 'node:stream';
import { TunnelError } from '../core/errors.ts';
import type { ConnectOptions } from './connect-options.ts';
import { defaultTls, type TlsLayer } from './default-tunnel.ts';
import { pairOf, type StreamPair } from './duplex-pair.ts';
import { codedError } from './errors.ts';
import { isIP } from './ip.ts';
import { nextTick } from './next-tick.ts';
import { Socket } from './socket.ts';
import type { End, Handle } from './tcp-handle.ts';

/** What `tls.connect` takes, under Node's names. */
export interface SecureOptions extends ConnectOptions {
  /** A stream that is there already, any; otherwise one is made by host and port. */
  socket?: Duplex;
  /** Whom the certificate must name; default: the host, if it is a name. */
  servername?: string;
  /** Protocols to offer, the best first. */
  ALPNProtocols?: readonly string[];
  /** False would mean to speak to anybody, which no layer is asked to do. */
  rejectUnauthorized?: boolean;
  /** In place of the one that `setDefaultTunnel` was given. */
  tls?: TlsLayer;
}

/** A socket of ours, or any stream, which knows less. */
type Below = Duplex &
  Partial<
    Pick<
      Socket,
      'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort' | 'setNoDelay' | 'setKeepAlive'
    >
  >;

const NOWHERE: End = { address: '', port: 0 };

/** Node's tls.TLSSocket: what the layer of TLS makes of a stream. */
export class TLSSocket extends Socket {
  /** True, to tell it from other sockets. */
  readonly encrypted = true;
  /** A layer either knows the other side or fails. */
  authorized = false;
  /** Null: a layer that does not trust the other side fails. */
  authorizationError: Error | null = null;
  /** What was agreed on: false for nothing, null before 'secureConnect'. */
  alpnProtocol: string | false | null = null;
  /** Whom the certificate was to name; false for nobody. */
  servername: string | false = false;
  readonly #options: SecureOptions;
  #under: Duplex | undefined;

  /** `socket` may be any stream that is there already; absent: one is made by host and port. */
  constructor(socket: Duplex | undefined, options: SecureOptions = {}) {
    super({ allowHalfOpen: options.allowHalfOpen ?? false });
    this.#under = socket;
    this.#options = options;
  }

  /** @internal Begins the handshake, when there is a connection below. */
  start(): void {
    this.connecting = true;
    this.#secure().catch((error: Error) => nextTick(() => this.destroy(error)));
  }

  /** What is known of the other side's certificate is the layer's; Node's own answer before there is one. */
  getPeerCertificate(): object {
    return {};
  }

  /** Undefined: what was agreed on is the layer's. */
  getCipher(): object | undefined {
    return undefined;
  }

  /** Null, likewise. */
  getProtocol(): string | null {
    return null;
  }

  /** Undefined: no session is kept. */
  getSession(): undefined {
    return undefined;
  }

  /** False, likewise. */
  isSessionReused(): boolean {
    return false;
  }

  /** @internal Of the stream. */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#under?.destroy();
    super._destroy(error, callback);
  }

  async #secure(): Promise<void> {
    const { host, servername, ALPNProtocols = [], rejectUnauthorized, tls = defaultTls() } = this.#options;
    await Promise.resolve();
    if (!tls)
      throw codedError(
        Error,
        'ERR_TLS_UNAVAILABLE',
        'There is no TLS layer: give one to setDefaultTunnel(tunnel, { tls }).',
      );
    if (rejectUnauthorized === false)
      throw codedError(
        Error,
        'ERR_TLS_UNAVAILABLE',
        'rejectUnauthorized: false is not supported: the TLS layer always checks who answers.',
      );
    const under = (this.#under ??= new Socket().connect(this.#options));
    if ((under as { connecting?: boolean }).connecting) await connected(under);
    const serverName = servername || (host && isIP(host) === 0 ? host : '');
    const secured = await tls(pairOf(under), { serverName, alpn: [...ALPNProtocols] });
    if (this.destroyed) return;
    this.servername = serverName || false;
    this.alpnProtocol = secured.alpn ?? false;
    this.authorized = true;
    this.connected(new SecureHandle(secured, under));
    this.emit('secure');
    this.emit('secureConnect');
  }
}

/** Bytes go through the layer; all else is the stream's below it. */
class SecureHandle implements Handle {
  readonly #under: Below;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;

  constructor({ readable, writable }: StreamPair, under: Duplex) {
    this.#under = under;
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    for (const promise of [this.#reader.closed, this.#writer.closed, this.#writer.ready])
      promise.catch(() => {});
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
    return (await this.#reader.read()).value;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#writer.write(bytes as Uint8Array<ArrayBuffer>);
  }

  async end(): Promise<void> {
    await this.#writer.close();
  }

  close(): void {
    this.#reader.cancel().catch(() => {});
    this.#writer.abort().catch(() => {});
  }

  reset(): void {
    this.#under.destroy(new TunnelError('ERR_CLOSED', 'The connection was reset by its own side.'));
  }

  tune({ noDelay, keepAliveDelay }: { noDelay?: boolean; keepAliveDelay?: number }): void {
    if (noDelay !== undefined) this.#under.setNoDelay?.(noDelay);
    if (keepAliveDelay !== undefined) this.#under.setKeepAlive?.(keepAliveDelay > 0, keepAliveDelay);
  }
}

function connected(under: Duplex): Promise<void> {
  return new Promise((resolve, reject) => {
    under.once('connect', resolve);
    under.once('error', reject);
  });
}
