import type { ListenerMessage, SocketName, TcpListenOptions } from '../bridge/api.ts';
import type { Port } from '../bridge/channel.ts';
import type { StreamMessage } from '../bridge/stream-port.ts';
import { IpAddress } from '../core/address.ts';
import { TunnelError } from '../core/errors.ts';
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

/** Direct Sockets' TCPServerSocketOptions, and our additions below the line. */
export interface TCPServerSocketOptions {
  /** Absent or 0: any that is free. */
  localPort?: number;
  /** Connections that may wait to be accepted. */
  backlog?: number;
  /** Only with the address `::`. */
  ipv6Only?: boolean;

  /** Of each connection that is accepted: a small write does not wait for the acknowledgement of the one before. */
  noDelay?: boolean;
  /** Of each connection that is accepted: false: when the peer ends its side, ours ends too. */
  allowHalfOpen?: boolean;
  /** Hop limit of what is sent, 1 to 255, also on what is accepted; default 64. */
  ttl?: number;
  /** The DSCP of what is sent, in the upper six bits of 0 to 255, likewise; default 0. The ECN bits are TCP's own. */
  tos?: number;
  /** Aborts opening; afterwards, listens no more. What was read of `readable` lives on. */
  signal?: AbortSignal;
  /** Milliseconds to wait until it listens. */
  timeout?: number;
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
  readonly #allowHalfOpen: boolean;
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
  constructor(engine: EngineClient, localAddress: string, given?: TCPServerSocketOptions | null) {
    const options = toDictionary(given);
    const request = requestOf(toDomString(localAddress), options);
    const timeout = toOptionalUnsignedLong(options.timeout, 'timeout', 1);
    this.#engine = engine;
    this.#allowHalfOpen = options.allowHalfOpen ?? true;
    this.#closed = new Promise((resolve, reject) => {
      this.#settleClosed = { resolve, reject };
    });
    this.#opened = this.#open(request, options.signal, timeout);
    this.#opened.catch((reason) => this.#settleClosed.reject(reason));
    this.#closed.catch(() => {});
  }

  /** Rejects with a NetworkError whose `cause` is the TunnelError. */
  get opened(): Promise<TCPServerSocketOpenInfo> {
    return this.#opened;
  }

  /** Settles when it listens no more; rejects as `opened` does, with the signal's reason, or with a NetworkError (ERR_CLOSED). */
  get closed(): Promise<undefined> {
    return this.#closed;
  }

  /** Stops listening; sockets already accepted live on. Rejects with an InvalidStateError while the stream is locked. */
  async close(): Promise<undefined> {
    if (!this.#readable) throw invalidState('The socket is not open.');
    if (this.#isClosed) return this.closed;
    if (this.#readable.locked) throw invalidState('A reader is still attached: release its lock.');
    await this.#readable.cancel();
    return this.closed;
  }

  async #open(
    request: TcpListenOptions,
    signal: AbortSignal | undefined,
    timeout: number | undefined,
  ): Promise<TCPServerSocketOpenInfo> {
    signal?.throwIfAborted();
    const { near, far } = this.#engine.openChannel();
    near.onmessage = ({ data }: MessageEvent<ListenerMessage>) => {
      if (data.type === 'accepted') this.#accepted(data);
      else if (data.type === 'close') this.#ended(near);
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const local = await new Promise<SocketName>((resolve, reject) => {
        const stop = (reason: unknown) => {
          reject(reason);
          this.#fail(reason, near);
        };
        if (signal) this.#stopOnAbort(signal, stop);
        if (timeout !== undefined) timer = setTimeout(() => stop(tooLate()), timeout);
        const refused = (error: unknown) => {
          near.close();
          reject(error);
        };
        this.#engine.call((api) => api.listenTcp(request, far)).then(resolve, refused);
      });
      this.#readable = this.#stream(near);
      return { readable: this.#readable, localAddress: local.address, localPort: local.port };
    } catch (error) {
      throw signal?.aborted ? signal.reason : failureOf(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #stopOnAbort(signal: AbortSignal, stop: (reason: unknown) => void): void {
    const aborted = () => stop(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    this.#closed.catch(() => {}).finally(() => signal.removeEventListener('abort', aborted));
  }

  /** Listens no more, and nobody said close(). While it opens, `opened` is the first to reject. */
  #fail(reason: unknown, port: Port): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#controller?.error(reason);
    this.#refuseAhead();
    if (this.#readable) this.#settleClosed.reject(reason);
    port.postMessage({ type: 'close' } satisfies ListenerMessage);
  }

  #accepted(connection: Accepted): void {
    this.#creditGiven--;
    if (this.#isClosed) refuse(connection);
    else if (this.#isAwaited) this.#yield(connection);
    else this.#ahead.push(connection);
  }

  #yield(connection: Accepted): void {
    this.#isAwaited = false;
    const allowHalfOpen = this.#allowHalfOpen;
    this.#controller!.enqueue(adoptTcpSocket(this.#engine, connection, { allowHalfOpen }));
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
      this.#fail(networkError(error), port);
      this.#settleClosed.reject(networkError(error));
      port.close();
    });
    this.#closed.catch(() => {}).finally(forget);
    return new ReadableStream<TCPSocket>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pull(port),
        cancel: () => {
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

function tooLate(): TunnelError {
  return new TunnelError('ERR_TIMEOUT', 'It does not listen within the given time.', { retryable: true });
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
    ttl: toOptionalUnsignedLong(options.ttl, 'ttl', 1, 255),
    tos: toOptionalUnsignedLong(options.tos, 'tos', 0, 255),
  };
}
