import type { ListenerMessage, TcpListenOptions } from '../bridge/api.ts';
import type { Port } from '../bridge/channel.ts';
import type { StreamMessage } from '../bridge/stream-port.ts';
import { IpAddress } from '../core/address.ts';
import type { EngineClient } from './engine-client.ts';
import { failureOf, invalidState, networkError } from './errors.ts';
import { isAnyIpv6 } from './ip-text.ts';
import { adoptTcpSocket, type TCPSocket } from './tcp-socket.ts';
import {
  defineInterface,
  toDictionary,
  toDomString,
  toOptionalBoolean,
  toOptionalUnsignedLong,
} from './web-idl.ts';

/** Direct Sockets' TCPServerSocketOptions, and our addition below the line. */
export interface TCPServerSocketOptions {
  /** Absent or 0: any that is free. */
  localPort?: number;
  /** Connections that may wait to be accepted. */
  backlog?: number;
  /** Only with the address `::`. */
  ipv6Only?: boolean;

  /** Of each connection that is accepted: a small write does not wait for the acknowledgement of the one before. */
  noDelay?: boolean;
}

/** What `opened` of a TCPServerSocket resolves with (Direct Sockets §4.3.1). */
export interface TCPServerSocketOpenInfo {
  /**
   * Yields accepted sockets, whose `opened` is already settled. Accepts nothing before the first read, and then at most
   * sixteen more than were read; those that nobody reads are reset when the socket closes.
   */
  readable: ReadableStream<TCPSocket>;
  /** Where it listens, as text; `::` and `0.0.0.0` are all of ours. */
  localAddress: string;
  /** Where it listens. */
  localPort: number;
}

/** Connections that may have been accepted and not read yet: a burst of them costs a few trips to the engine, not one each. */
const READ_AHEAD = 16;

type Accepted = Extract<ListenerMessage, { type: 'accepted' }>;

/** A listening TCP socket inside the tunnel, in the shape of WICG Direct Sockets. */
export class TCPServerSocket {
  static {
    defineInterface(TCPServerSocket, 'TCPServerSocket', 1, ['opened', 'closed', 'close']);
  }

  readonly #opened: Promise<TCPServerSocketOpenInfo>;
  readonly #closed: Promise<undefined>;
  readonly #engine: EngineClient;
  /** Accepted, and nobody has read them yet. Their bytes wait in the engine. */
  readonly #ahead: Accepted[] = [];
  /** Accepts that the engine may still do. */
  #creditGiven = 0;
  /** A read waits for the next one. */
  #isAwaited = false;
  #readable: ReadableStream<TCPSocket> | undefined;
  #controller: ReadableStreamDefaultController<TCPSocket> | undefined;
  #isClosed = false;
  #settleClosed!: { resolve: (value: undefined) => void; reject: (reason: unknown) => void };

  /** @internal Use `new tunnel.TCPServerSocket(localAddress, options)`. */
  constructor(engine: EngineClient, localAddress: string, options?: TCPServerSocketOptions | null) {
    const request = requestOf(toDomString(localAddress), toDictionary(options));
    this.#engine = engine;
    this.#closed = new Promise((resolve, reject) => {
      this.#settleClosed = { resolve, reject };
    });
    this.#opened = this.#open(request);
    this.#opened.catch((reason) => this.#settleClosed.reject(reason));
    this.#closed.catch(() => {});
  }

  /** Rejects with a NetworkError whose `cause` is the TunnelError. */
  get opened(): Promise<TCPServerSocketOpenInfo> {
    return this.#opened;
  }

  /** Settles when it listens no more; rejects when it failed. */
  get closed(): Promise<undefined> {
    return this.#closed;
  }

  /** Stops listening; sockets already accepted live on. Rejects while the stream is locked. */
  async close(): Promise<undefined> {
    if (!this.#readable) throw invalidState('The socket is not open.');
    if (this.#isClosed) return this.closed;
    if (this.#readable.locked) throw invalidState('A reader is still attached: release its lock.');
    await this.#readable.cancel();
    return this.closed;
  }

  async #open(request: TcpListenOptions): Promise<TCPServerSocketOpenInfo> {
    const { near, far } = this.#engine.openChannel();
    near.onmessage = ({ data }: MessageEvent<ListenerMessage>) => {
      if (data.type === 'accepted') this.#accepted(data);
      else if (data.type === 'close') this.#ended(near);
    };
    try {
      const local = await this.#engine.call((api) => api.listenTcp(request, far));
      this.#readable = this.#stream(near);
      return { readable: this.#readable, localAddress: local.address, localPort: local.port };
    } catch (error) {
      near.close();
      throw failureOf(error);
    }
  }

  #accepted(connection: Accepted): void {
    this.#creditGiven--;
    if (this.#isClosed) refuse(connection);
    else if (this.#isAwaited) this.#yield(connection);
    else this.#ahead.push(connection);
  }

  #yield({ opened, port }: Accepted): void {
    this.#isAwaited = false;
    this.#controller!.enqueue(adoptTcpSocket(this.#engine, opened, port));
  }

  /** A read waits. */
  #pull(port: Port): void {
    const room = READ_AHEAD - this.#creditGiven - this.#ahead.length;
    if (room >= READ_AHEAD / 2) {
      this.#creditGiven += room;
      port.postMessage({ type: 'credit', count: room } satisfies ListenerMessage);
    }
    const next = this.#ahead.shift();
    if (next) this.#yield(next);
    else this.#isAwaited = true;
  }

  /** Nobody will ever read them. */
  #refuseAhead(): void {
    for (const connection of this.#ahead.splice(0)) refuse(connection);
  }

  /** The engine listens no more: because we asked, or because the tunnel is closing. */
  #ended(port: Port): void {
    if (!this.#isClosed) this.#controller?.close();
    this.#isClosed = true;
    this.#refuseAhead();
    port.close();
    this.#settleClosed.resolve(undefined);
  }

  #stream(port: Port): ReadableStream<TCPSocket> {
    const forget = this.#engine.onDeath((error) => {
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
        pull: () => this.#pull(port),
        cancel: () => {
          forget();
          this.#isClosed = true;
          this.#refuseAhead();
          port.postMessage({ type: 'close' } satisfies ListenerMessage);
        },
      },
      // Nothing waits in it: what does, waits where it can be refused.
      { highWaterMark: 0 },
    );
  }
}

/** As a listener that closes does it with whatever was not accepted. */
function refuse({ port }: Accepted): void {
  port.postMessage({ type: 'abort' } satisfies StreamMessage);
  port.close();
}

function requestOf(localAddress: string, options: TCPServerSocketOptions): TcpListenOptions {
  if (!IpAddress.parse(localAddress))
    throw new TypeError('localAddress must be an IP address, such as 0.0.0.0 or ::.');
  const isForIpv6 = isAnyIpv6(localAddress);
  const ipv6Only = toOptionalBoolean(options.ipv6Only);
  if (ipv6Only && !isForIpv6) throw new TypeError('ipv6Only is allowed only with the localAddress "::".');
  return {
    localAddress,
    localPort: toOptionalUnsignedLong(options.localPort, 'localPort', 1, 65535),
    backlog: toOptionalUnsignedLong(options.backlog, 'backlog', 1),
    ipv6Only: isForIpv6 ? ipv6Only : undefined,
    noDelay: Boolean(options.noDelay),
  };
}
