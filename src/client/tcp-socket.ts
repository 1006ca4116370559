import type { TcpConnectOptions, TcpOpened, TcpSocketInfo, TcpTuning } from '../bridge/api.ts';
import type { Port } from '../bridge/channel.ts';
import { TunnelError } from '../core/errors.ts';
import type { EngineClient } from './engine-client.ts';
import { domException, failureOf, invalidState } from './errors.ts';
import { asciiHost } from './host-name.ts';
import { withStreams } from './open-info.ts';
import { TcpStreams } from './tcp-streams.ts';
import {
  defineInterface,
  toDictionary,
  toDnsQueryType,
  toOptionalUnsignedLong,
  toUnsignedShort,
} from './web-idl.ts';

/** Direct Sockets' TCPSocketOptions, and our additions below the line. */
export interface TCPSocketOptions {
  /** Bytes that may have been written and wait to be acknowledged. Absent: up to 4 MiB, as many as the path can use. */
  sendBufferSize?: number;
  /**
   * Bytes that may have come and wait to be read, here and in the engine together; the peer's window is what is left of them.
   * Absent: 128 KiB at first and up to 16 MiB for who reads fast, and 256 KiB more in `readable`.
   */
  receiveBufferSize?: number;
  /** A small write does not wait for the acknowledgement of the one before (Nagle, RFC 9293 §3.7.4); default false. */
  noDelay?: boolean;
  /** Milliseconds, at least 1000; absent means no keep-alive. */
  keepAliveDelay?: number;
  /** Which addresses of a name are tried; absent: both families, whichever answers first. */
  dnsQueryType?: 'ipv4' | 'ipv6';

  /** Aborts opening; afterwards, resets the connection. */
  signal?: AbortSignal;
  /** Milliseconds to wait for the connection to be established. */
  timeout?: number;
  /** False: when the peer ends its side, ours ends too. */
  allowHalfOpen?: boolean;
  /** Hop limit of what is sent, 1 to 255; default 64. */
  ttl?: number;
  /** The DSCP of what is sent, in the upper six bits of 0 to 255; default 0. The ECN bits are TCP's own. */
  tos?: number;
  /** @internal One of our addresses, for the Node stand-ins, as `localPort` is. */
  localAddress?: string;
  /** @internal 1 to 65535. */
  localPort?: number;
}

/** What `opened` of a TCPSocket resolves with (Direct Sockets §1.4.1). */
export interface TCPSocketOpenInfo {
  /** A byte stream; BYOB readers work. */
  readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** A write resolves as the send buffer takes it; closing it ends our side. */
  writable: WritableStream<BufferSource>;
  /** The address that was reached, where a name was given. */
  remoteAddress: string;
  /** The other end. */
  remotePort: number;
  /** Our address inside. */
  localAddress: string;
  /** Our end. */
  localPort: number;
}

/** A TCP connection through the tunnel, in the shape of WICG Direct Sockets. */
export class TCPSocket {
  static {
    defineInterface(TCPSocket, 'TCPSocket', 2, ['opened', 'closed', 'close']);
  }

  readonly #engine: EngineClient;
  readonly #streams: TcpStreams;
  readonly #opened: Promise<TCPSocketOpenInfo>;
  /** The engine's name for the connection, once it is open. */
  #id: number | undefined;

  /** @internal Use `new tunnel.TCPSocket(remoteAddress, remotePort, options)`. */
  constructor(engine: EngineClient, streams: TcpStreams, opening: Promise<TcpOpened>) {
    this.#engine = engine;
    this.#streams = streams;
    this.#opened = opening.then(({ id, local, remote }) => {
      this.#id = id;
      return withStreams(streams, {
        remoteAddress: remote.address,
        remotePort: remote.port,
        localAddress: local.address,
        localPort: local.port,
      });
    });
    // The standard's order: first `opened` rejects, then `closed`.
    this.#opened.catch((reason) => streams.fail(reason));
  }

  /** Rejects with a NetworkError whose `cause` is the TunnelError. */
  get opened(): Promise<TCPSocketOpenInfo> {
    return this.#opened;
  }

  /** Settles when both directions are over; rejects with a NetworkError, as `opened` does, when the connection failed. */
  get closed(): Promise<undefined> {
    return this.#streams.closed;
  }

  /** Ends both directions; what was written is still delivered. Rejects with an InvalidStateError while a stream is locked. */
  async close(): Promise<undefined> {
    if (this.#id === undefined) throw invalidState('The socket is not open.');
    if (this.#streams.isOver) return this.closed;
    if (this.#streams.isLocked)
      throw invalidState('A reader or a writer is still attached: release its lock, or close it.');
    await this.#streams.finish();
    return this.closed;
  }

  /** TCP's state, round-trip time, congestion window and retransmissions. Rejects with ERR_CLOSED unless it is open. */
  async info(): Promise<TcpSocketInfo> {
    const id = this.#id;
    if (id === undefined) throw new TunnelError('ERR_CLOSED', 'The socket is not open.');
    return this.#engine.call((api) => api.tcpInfo(id));
  }

  /** @internal Ends the connection with a RST, as `signal` does. */
  reset(): void {
    this.#streams.fail(domException('AbortError', 'The connection was reset by its own side.'));
  }

  /** @internal Changes the open connection, as setsockopt(2) does: the Node stand-ins' setNoDelay and setKeepAlive. */
  async tune(options: TcpTuning): Promise<void> {
    const id = this.#id;
    if (id === undefined) throw new TunnelError('ERR_CLOSED', 'The socket is not open.');
    return this.#engine.call((api) => api.tuneTcp(id, options));
  }
}

/** The page's arguments, checked as Direct Sockets checks them, and the connection they ask for. */
export function connectTcpSocket(
  engine: EngineClient,
  remoteAddress: string,
  remotePort: number,
  given?: TCPSocketOptions | null,
): TCPSocket {
  const options = toDictionary(given);
  const request: TcpConnectOptions = {
    remoteAddress: asciiHost(remoteAddress),
    remotePort: toUnsignedShort(remotePort),
    dnsQueryType: toDnsQueryType(options.dnsQueryType),
    sendBufferSize: toOptionalUnsignedLong(options.sendBufferSize, 'sendBufferSize', 1),
    receiveBufferSize: toOptionalUnsignedLong(options.receiveBufferSize, 'receiveBufferSize', 1),
    keepAliveDelay: toOptionalUnsignedLong(options.keepAliveDelay, 'keepAliveDelay', 1000),
    noDelay: Boolean(options.noDelay),
    timeout: toOptionalUnsignedLong(options.timeout, 'timeout', 1),
    ttl: toOptionalUnsignedLong(options.ttl, 'ttl', 1, 255),
    tos: toOptionalUnsignedLong(options.tos, 'tos', 0, 255),
    localAddress: options.localAddress,
    localPort: options.localPort,
  };
  const { near, far } = engine.openChannel();
  const streams = new TcpStreams(engine, near, {
    allowHalfOpen: options.allowHalfOpen ?? true,
    receiveBufferSize: request.receiveBufferSize,
  });
  return new TCPSocket(engine, streams, connect(engine, request, { streams, far, signal: options.signal }));
}

/** The socket of a connection that a listener accepted. */
export function adoptTcpSocket(
  engine: EngineClient,
  { opened, port }: { opened: TcpOpened; port: Port },
  options?: { allowHalfOpen: boolean },
): TCPSocket {
  return new TCPSocket(engine, new TcpStreams(engine, port, options), Promise.resolve(opened));
}

async function connect(
  engine: EngineClient,
  request: TcpConnectOptions,
  { streams, far, signal }: { streams: TcpStreams; far: Port; signal: AbortSignal | undefined },
): Promise<TcpOpened> {
  try {
    signal?.throwIfAborted();
    if (signal) failOnAbort(streams, signal);
    if (request.remotePort === 0) throw new RangeError('remotePort: expected 1–65535, got 0');
    const opened = await engine.call((api) => api.connectTcp(request, far));
    signal?.throwIfAborted();
    return opened;
  } catch (error) {
    throw signal?.aborted ? signal.reason : failureOf(error);
  }
}

function failOnAbort(streams: TcpStreams, signal: AbortSignal): void {
  const stop = () => streams.fail(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  streams.closed.catch(() => {}).finally(() => signal.removeEventListener('abort', stop));
}
