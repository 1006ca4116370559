import type { TCPServerSocket } from '../client/tcp-server-socket.ts';
import type { TCPSocket } from '../client/tcp-socket.ts';
import type { Tunnel } from '../client/tunnel.ts';
import { unavailable } from './connect-options.ts';
import { tunnelOf } from './default-tunnel.ts';
import { addressesOf, lookup } from './dns-lookup.ts';
import { checkPort, codedError, invalidArgType, toSystemError } from './errors.ts';
import { familyOf } from './ip.ts';
import { nextTick } from './next-tick.ts';
import { type AddressInfo, Socket } from './socket.ts';
import { EventEmitter } from './streams.ts';
import { TcpHandle } from './tcp-handle.ts';

/** Node's options of a server; what is not its own is for the sockets that it accepts. */
export interface ServerOptions {
  /** Default false: when the other side ends, so do we. */
  allowHalfOpen?: boolean;
  /** Nothing is read from a connection before its `resume`. */
  pauseOnConnect?: boolean;
  /** See Socket.setNoDelay. */
  noDelay?: boolean;
  /** See Socket.setKeepAlive. */
  keepAlive?: boolean;
  /** Milliseconds. */
  keepAliveInitialDelay?: number;
  /** Bytes that may wait in the stream on either side. */
  highWaterMark?: number;
}

/** What `server.listen` takes, under Node's names. */
export interface ListenOptions {
  /** Absent or 0: one that is free. */
  port?: number | string;
  /** One of the tunnel's addresses, or a name of one; absent: all of both families. */
  host?: string;
  /** Connections that may wait to be accepted. */
  backlog?: number;
  /** With the host `::`: IPv4 is not heard. */
  ipv6Only?: boolean;
  /** Closes the server. */
  signal?: AbortSignal;
  /** Refused: there are no Unix sockets inside a tunnel. */
  path?: string;
  /** Instead of the one of `setDefaultTunnel`. */
  tunnel?: Tunnel;
}

/** Node's net.Server over a listener of the tunnel. */
export class Server extends EventEmitter {
  /** Beyond it, connections are dropped. */
  maxConnections: number | undefined;
  /** From 'listening' until `close`. */
  listening = false;
  readonly #options: ServerOptions;
  #socket: TCPServerSocket | undefined;
  #reader: ReadableStreamDefaultReader<TCPSocket> | undefined;
  #address: AddressInfo | undefined;
  #isStarting = false;
  readonly #connections = new Set<Socket>();

  /** The listener is for 'connection'. Throws ERR_INVALID_ARG_TYPE. */
  constructor(options?: ServerOptions | ((socket: Socket) => void), listener?: (socket: Socket) => void) {
    super();
    const onConnection = typeof options === 'function' ? options : listener;
    if (
      options !== undefined &&
      typeof options !== 'function' &&
      (typeof options !== 'object' || options === null)
    )
      throw invalidArgType('options', 'of type object', options);
    this.#options = typeof options === 'object' ? options : {};
    if (onConnection) this.on('connection', onConnection);
  }

  /**
   * 'listening' when it does, or 'error' (EADDRINUSE, EADDRNOTAVAIL …). Throws ERR_SOCKET_BAD_PORT,
   * ERR_SERVER_ALREADY_LISTEN.
   */
  listen(options: ListenOptions, listener?: () => void): this;
  listen(port?: number | string, host?: string, backlog?: number, listener?: () => void): this;
  listen(port?: number | string, ...rest: (number | string | (() => void))[]): this;
  listen(listener: () => void): this;
  listen(...args: unknown[]): this {
    const listener = args.find((arg) => typeof arg === 'function') as (() => void) | undefined;
    const options = listenOptionsOf(args.filter((arg) => typeof arg !== 'function'));
    if (options.path !== undefined) throw unavailable('A path: there are no Unix sockets inside a tunnel');
    const port = checkPort(options.port ?? 0, 'options.port');
    if (this.#isStarting || this.#socket)
      throw codedError(
        Error,
        'ERR_SERVER_ALREADY_LISTEN',
        'Listen method has been called more than once without closing.',
      );
    if (listener) this.once('listening', listener);
    this.#isStarting = true;
    options.signal?.addEventListener('abort', () => this.close(), { once: true });
    this.#start(options, port).catch((error: Error) => {
      this.#isStarting = false;
      nextTick(() => this.emit('error', error));
    });
    return this;
  }

  /** Null before 'listening' and after the end. */
  address(): AddressInfo | null {
    return this.#address ?? null;
  }

  /** How many are open, to the callback. */
  getConnections(callback: (error: Error | null, count: number) => void): this {
    nextTick(() => callback(null, this.#connections.size));
    return this;
  }

  /** Takes no more connections; 'close' comes when those that are open have ended. */
  close(callback?: (error?: Error) => void): this {
    if (callback) {
      if (this.#socket) this.once('close', callback);
      else
        this.once('close', () =>
          callback(codedError(Error, 'ERR_SERVER_NOT_RUNNING', 'Server is not running.')),
        );
    }
    const reader = this.#reader;
    this.#socket = this.#reader = this.#address = undefined;
    this.listening = false;
    reader?.cancel().catch(() => {});
    this.#closeWhenEmpty();
    return this;
  }

  /** Does nothing: nothing keeps a page alive. */
  ref(): this {
    return this;
  }

  /** Likewise. */
  unref(): this {
    return this;
  }

  /** `close`, as a promise. */
  [Symbol.asyncDispose](): Promise<void> {
    return new Promise((resolve) => this.close(() => resolve()));
  }

  async #start(options: ListenOptions, localPort: number): Promise<void> {
    await Promise.resolve();
    const tunnel = tunnelOf(options);
    const host = options.host
      ? (await addressesOf(options.host, { family: 0, all: false }, lookup, () => {}))[0]!
      : '::';
    const { backlog, ipv6Only } = options;
    const { noDelay } = this.#options;
    try {
      const socket = new tunnel.TCPServerSocket(host, {
        ...(localPort > 0 && { localPort }),
        ...(backlog && backlog > 0 && { backlog }),
        ...(ipv6Only && { ipv6Only }),
        ...(noDelay !== undefined && { noDelay }),
      });
      const { readable, localAddress, localPort: port } = await socket.opened;
      this.#isStarting = false;
      this.#socket = socket;
      this.#address = { address: localAddress, family: familyOf(localAddress), port };
      this.listening = true;
      this.#reader = readable.getReader();
      void this.#accept(this.#reader);
    } catch (reason) {
      throw toSystemError(reason, 'listen', { address: host, port: localPort });
    }
    this.emit('listening');
  }

  async #accept(reader: ReadableStreamDefaultReader<TCPSocket>): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        await this.#take(value);
      }
      // The tunnel was closed under us.
      if (this.#reader === reader) this.close();
    } catch (reason) {
      if (this.#reader !== reader) return;
      this.emit('error', toSystemError(reason, 'accept'));
      this.close();
    }
  }

  async #take(accepted: TCPSocket): Promise<void> {
    const info = await accepted.opened;
    const handle = new TcpHandle(accepted, info);
    if (this.maxConnections !== undefined && this.#connections.size >= this.maxConnections) {
      const { local, remote } = handle;
      handle.close();
      this.emit('drop', { ...named('local', local), ...named('remote', remote) });
      return;
    }
    const { pauseOnConnect = false, ...options } = this.#options;
    const socket = new Socket(options);
    this.#connections.add(socket);
    socket.once('close', () => {
      this.#connections.delete(socket);
      if (!this.#socket) this.#closeWhenEmpty();
    });
    if (pauseOnConnect) socket.pause();
    socket.adopt(handle, { pauseOnConnect });
    if (options.keepAlive) socket.setKeepAlive(true, options.keepAliveInitialDelay);
    Object.assign(socket, { server: this });
    // What a listener throws is an uncaught error, and no end of listening.
    nextTick(() => this.emit('connection', socket));
  }

  #closeWhenEmpty(): void {
    if (this.#socket || this.#connections.size > 0) return;
    nextTick(() => this.emit('close'));
  }
}

function listenOptionsOf(args: readonly unknown[]): ListenOptions {
  const [first, ...rest] = args;
  if (typeof first === 'object' && first !== null) {
    const options = first as ListenOptions;
    if (options.port === undefined && options.path === undefined)
      throw codedError(
        TypeError,
        'ERR_INVALID_ARG_VALUE',
        'The argument \'options\' must have the property "port" or "path".',
      );
    return options;
  }
  if (typeof first === 'string' && !(first.trim() !== '' && Number(first) >= 0)) return { path: first };
  const host = rest.find((arg) => typeof arg === 'string');
  const backlog = rest.find((arg) => typeof arg === 'number');
  return {
    port: (first ?? 0) as number,
    ...(host !== undefined && { host: host as string }),
    ...(backlog !== undefined && { backlog: backlog as number }),
  };
}

function named(prefix: 'local' | 'remote', { address, port }: { address: string; port: number }): object {
  return { [`${prefix}Address`]: address, [`${prefix}Port`]: port, [`${prefix}Family`]: familyOf(address) };
}
