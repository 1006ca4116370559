import { TunnelError } from '../core/errors.ts';
import { hostAndPort } from '../core/host-port.ts';
import type { EngineClient } from './engine-client.ts';
import { connectTcpSocket, type TCPSocket, type TCPSocketOptions } from './tcp-socket.ts';
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

  /**
   * Rejects with a NetworkError whose cause is the TunnelError, with ERR_TLS_UNAVAILABLE, with what the TLS layer rejects
   * with, or with the signal's reason. `timeout` is for both handshakes together.
   */
  async dial(
    { hostname, port }: Destination,
    { secure, signal, ...options }: DialOptions = {},
  ): Promise<Dialed> {
    if (secure && !this.tls) throw tlsUnavailable();
    const life = new AbortController();
    const socket = connectTcpSocket(this.#engine, hostname, port, { ...options, signal: life.signal });
    if (signal) follow(signal, life, socket.closed);
    const { timeout } = options;
    const giveUp = () => life.abort(tooLate(hostname, port));
    const timer = secure && timeout !== undefined ? setTimeout(giveUp, timeout) : undefined;
    try {
      const plain = await plainOf(socket, life);
      return secure ? await this.secure(plain, secure, life.signal) : plain;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The same connection with TLS on it. If that fails, or `signal` aborts before, it is ended. */
  async secure(plain: Dialed, options: TlsOptions, signal?: AbortSignal): Promise<Dialed> {
    const { readable, writable } = plain;
    try {
      if (!this.tls) throw tlsUnavailable();
      const inside = await unlessAborted(this.tls({ readable, writable }, options), signal);
      return { ...plain, readable: inside.readable, writable: inside.writable, alpn: inside.alpn ?? null };
    } catch (error) {
      plain.reset(error);
      throw error;
    }
  }
}

async function plainOf(socket: TCPSocket, life: AbortController): Promise<Dialed> {
  const info = await socket.opened;
  return {
    readable: info.readable,
    writable: info.writable,
    remoteAddress: hostAndPort(info.remoteAddress, info.remotePort),
    localAddress: hostAndPort(info.localAddress, info.localPort),
    alpn: null,
    reset: (reason) => life.abort(reason),
  };
}

/** A TLS layer may not notice that the connection under it is gone. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

function tooLate(hostname: string, port: number): TunnelError {
  const message = `No TLS connection to ${hostname} port ${port} within the given time.`;
  return new TunnelError('ERR_TIMEOUT', message, { retryable: true, leg: 'inside' });
}

/** What `signal` aborts ends `life`, as long as that lasts. */
function follow(signal: AbortSignal, life: AbortController, over: Promise<unknown>): void {
  const stop = () => life.abort(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  over.catch(() => {}).finally(() => signal.removeEventListener('abort', stop));
}
