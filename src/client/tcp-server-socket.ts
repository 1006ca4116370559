import type { ListenerMessage, TcpListenOptions } from '../bridge/api.ts';
import type { Port } from '../bridge/channel.ts';
import { IpAddress } from '../core/address.ts';
import type { EngineClient } from './engine-client.ts';
import { domException, failureOf, networkError } from './errors.ts';
import { adoptTcpSocket, type TCPSocket } from './tcp-socket.ts';
import { toOptionalUnsignedLong } from './web-idl.ts';

/** Direct Sockets' TCPServerSocketOptions, and our addition below the line. */
export interface TCPServerSocketOptions {
  localPort?: number;
  /** Connections that may wait to be accepted. */
  backlog?: number;
  /** Only with the address `::`. */
  ipv6Only?: boolean;

  /** Of each connection that is accepted: a small write does not wait for the acknowledgement of the one before. */
  noDelay?: boolean;
}

export interface TCPServerSocketOpenInfo {
  /** Yields accepted sockets, whose `opened` is already settled. Accepts only when read. */
  readable: ReadableStream<TCPSocket>;
  localAddress: string;
  localPort: number;
}

/** A listening TCP socket inside the tunnel, in the shape of WICG Direct Sockets. */
export class TCPServerSocket {
  readonly opened: Promise<TCPServerSocketOpenInfo>;
  readonly closed: Promise<undefined>;
  #readable: ReadableStream<TCPSocket> | undefined;
  #controller: ReadableStreamDefaultController<TCPSocket> | undefined;
  #isClosed = false;
  #settleClosed!: { resolve: (value: undefined) => void; reject: (reason: unknown) => void };

  /** @internal Use `new tunnel.TCPServerSocket(localAddress, options)`. */
  constructor(engine: EngineClient, localAddress: string, options: TCPServerSocketOptions = {}) {
    const request = requestOf(String(localAddress), options);
    this.closed = new Promise((resolve, reject) => {
      this.#settleClosed = { resolve, reject };
    });
    this.opened = this.#open(engine, request);
    this.opened.catch((reason) => this.#settleClosed.reject(reason));
    this.closed.catch(() => {});
  }

  /** Stops listening; sockets already accepted live on. Rejects while the stream is locked. */
  async close(): Promise<undefined> {
    if (this.#isClosed) return this.closed;
    if (!this.#readable) throw domException('InvalidStateError', 'The socket is not open.');
    if (this.#readable.locked)
      throw domException('InvalidStateError', 'A reader is still attached: release its lock.');
    await this.#readable.cancel();
    return this.closed;
  }

  async #open(engine: EngineClient, request: TcpListenOptions): Promise<TCPServerSocketOpenInfo> {
    const { near, far } = engine.openChannel();
    near.onmessage = ({ data }: MessageEvent<ListenerMessage>) => {
      if (data.type === 'accepted') this.#accepted(adoptTcpSocket(engine, data.opened, data.port));
      else if (data.type === 'close') this.#ended(near);
    };
    try {
      const local = await engine.call((api) => api.listenTcp(request, far));
      this.#readable = this.#stream(engine, near);
      return { readable: this.#readable, localAddress: local.address, localPort: local.port };
    } catch (error) {
      near.close();
      throw failureOf(error);
    }
  }

  #accepted(socket: TCPSocket): void {
    if (!this.#isClosed) this.#controller?.enqueue(socket);
    // Accepted when the page had just gone: nobody will ever take it.
    else void socket.opened.then(() => socket.close()).catch(() => {});
  }

  /** The engine listens no more: because we asked, or because the tunnel is closing. */
  #ended(port: Port): void {
    if (!this.#isClosed) this.#controller?.close();
    this.#isClosed = true;
    port.close();
    this.#settleClosed.resolve(undefined);
  }

  #stream(engine: EngineClient, port: Port): ReadableStream<TCPSocket> {
    const post = (message: ListenerMessage) => port.postMessage(message);
    const forget = engine.onDeath((error) => {
      this.#isClosed = true;
      this.#controller?.error(networkError(error));
      this.#settleClosed.reject(networkError(error));
      port.close();
    });
    return new ReadableStream<TCPSocket>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        // One accept for each read: the backlog fills, not a queue here.
        pull: () => post({ type: 'credit', count: 1 }),
        cancel: () => {
          forget();
          this.#isClosed = true;
          post({ type: 'close' });
        },
      },
      { highWaterMark: 0 },
    );
  }
}

function requestOf(localAddress: string, options: TCPServerSocketOptions): TcpListenOptions {
  if (!IpAddress.parse(localAddress))
    throw new TypeError('localAddress must be an IP address, such as 0.0.0.0 or ::.');
  if (options.ipv6Only !== undefined && localAddress !== '::') {
    throw new TypeError('ipv6Only is allowed only with the localAddress "::".');
  }
  return {
    localAddress,
    localPort: toOptionalUnsignedLong(options.localPort, 'localPort', 1, 65535),
    backlog: toOptionalUnsignedLong(options.backlog, 'backlog', 1),
    ipv6Only: options.ipv6Only,
    noDelay: Boolean(options.noDelay),
  };
}
