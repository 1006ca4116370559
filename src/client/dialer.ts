import { hostAndPort } from '../core/host-port.ts';
import type { EngineClient } from './engine-client.ts';
import { connectTcpSocket, type TCPSocketOptions } from './tcp-socket.ts';
import { type Duplex, type TlsHook, type TlsOptions, tlsUnavailable } from './tls.ts';

export interface Destination {
  /** A name, or an address without brackets. */
  hostname: string;
  port: number;
}

/** An open connection, with TLS on it if that was asked for. */
export interface Dialed extends Duplex {
  /** `host:port`, an IPv6 address in brackets. */
  remoteAddress: string;
  localAddress: string;
  /** The protocol that TLS agreed on. */
  alpn: string | null;
  /** Breaks the connection off, at once. */
  reset(reason: unknown): void;
}

export type DialOptions = TCPSocketOptions & { secure?: TlsOptions | undefined };

/** Opens connections for what speaks a protocol of its own: `connect`, `fetch`, WebSocket. */
export class Dialer {
  /** The TLS layer that `Tunnel.open` was given. */
  tls: TlsHook | undefined;
  readonly #engine: EngineClient;

  constructor(engine: EngineClient) {
    this.#engine = engine;
  }

  /** Rejects with a NetworkError whose cause is the TunnelError, with ERR_TLS_UNAVAILABLE, or with the signal's reason. */
  async dial(
    { hostname, port }: Destination,
    { secure, signal, ...options }: DialOptions = {},
  ): Promise<Dialed> {
    if (secure && !this.tls) throw tlsUnavailable();
    const life = new AbortController();
    const socket = connectTcpSocket(this.#engine, hostname, port, { ...options, signal: life.signal });
    if (signal) follow(signal, life, socket.closed);
    const info = await socket.opened;
    const plain: Dialed = {
      readable: info.readable,
      writable: info.writable,
      remoteAddress: hostAndPort(info.remoteAddress, info.remotePort),
      localAddress: hostAndPort(info.localAddress, info.localPort),
      alpn: null,
      reset: (reason) => life.abort(reason),
    };
    return secure ? this.secure(plain, secure) : plain;
  }

  /** The same connection with TLS on it. If that fails, it is ended. */
  async secure(plain: Dialed, options: TlsOptions): Promise<Dialed> {
    const { readable, writable } = plain;
    try {
      if (!this.tls) throw tlsUnavailable();
      const inside = await this.tls({ readable, writable }, options);
      return { ...plain, readable: inside.readable, writable: inside.writable, alpn: inside.alpn ?? null };
    } catch (error) {
      plain.reset(error);
      throw error;
    }
  }
}

/** What `signal` aborts ends `life`, as long as that lasts. */
function follow(signal: AbortSignal, life: AbortController, over: Promise<unknown>): void {
  const stop = () => life.abort(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  over.catch(() => {}).finally(() => signal.removeEventListener('abort', stop));
}
