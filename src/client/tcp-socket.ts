import { transfer } from 'comlink';
import type { TcpConnectOptions, TcpOpened, TcpSocketInfo } from '../bridge/api.ts';
import { TunnelError } from '../core/errors.ts';
import type { EngineClient } from './engine-client.ts';
import { domException, networkError } from './errors.ts';
import { asciiHost } from './host-name.ts';
import { TcpStreams } from './tcp-streams.ts';
import { toDnsQueryType, toOptionalUnsignedLong, toUnsignedShort } from './web-idl.ts';

/** Direct Sockets' TCPSocketOptions, and our additions below the line. */
export interface TCPSocketOptions {
  /** Bytes. */
  sendBufferSize?: number;
  /** Bytes; fixes the receive window's limit. */
  receiveBufferSize?: number;
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
  ttl?: number;
  tos?: number;
}

export interface TCPSocketOpenInfo {
  /** A byte stream; BYOB readers work. */
  readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  writable: WritableStream<BufferSource>;
  remoteAddress: string;
  remotePort: number;
  localAddress: string;
  localPort: number;
}

/** A TCP connection through the tunnel, in the shape of WICG Direct Sockets. */
export class TCPSocket {
  /** Rejects with a NetworkError whose `cause` is the TunnelError. */
  readonly opened: Promise<TCPSocketOpenInfo>;
  /** Settles when both directions are over; rejects when the connection failed. */
  readonly closed: Promise<undefined>;
  readonly #engine: EngineClient;
  #opened: TcpOpened | undefined;
  #streams: TcpStreams | undefined;
  #isClosed = false;

  /** @internal Use `new tunnel.TCPSocket(remoteAddress, remotePort, options)`. */
  constructor(
    engine: EngineClient,
    start: (socket: TCPSocket) => Promise<{ opened: TcpOpened; streams: TcpStreams }>,
  ) {
    this.#engine = engine;
    const started = start(this);
    this.opened = started.then(({ opened, streams }) => {
      this.#opened = opened;
      this.#streams = streams;
      return {
        readable: streams.readable,
        writable: streams.writable,
        remoteAddress: opened.remote.address,
        remotePort: opened.remote.port,
        localAddress: opened.local.address,
        localPort: opened.local.port,
      };
    });
    this.closed = started
      .then(({ streams }) => streams.closed)
      .finally(() => {
        this.#isClosed = true;
      });
    this.opened.catch(() => {});
    this.closed.catch(() => {});
  }

  /** Ends both directions; what was written is still delivered. Rejects while a stream is locked. */
  async close(): Promise<undefined> {
    if (this.#isClosed) return this.closed;
    if (!this.#streams) throw domException('InvalidStateError', 'The socket is not open.');
    if (this.#streams.readable.locked || this.#streams.writable.locked) {
      throw domException(
        'InvalidStateError',
        'A reader or a writer is still attached: release its lock, or close it.',
      );
    }
    await this.#streams.finish();
    return this.closed;
  }

  /** TCP's state, round-trip time, congestion window and retransmissions. */
  async info(): Promise<TcpSocketInfo> {
    const { id } = this.#opened ?? {};
    if (id === undefined) throw new TunnelError('ERR_CLOSED', 'The socket is not open.');
    return this.#engine.call((api) => api.tcpInfo(id));
  }
}

/** The page's arguments, checked as Direct Sockets checks them, and the connection they ask for. */
export function connectTcpSocket(
  engine: EngineClient,
  remoteAddress: string,
  remotePort: number,
  options: TCPSocketOptions = {},
): TCPSocket {
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
  };
  return new TCPSocket(engine, () => connect(engine, request, options));
}

/** The socket of a connection that a listener accepted. */
export function adoptTcpSocket(engine: EngineClient, opened: TcpOpened, port: MessagePort): TCPSocket {
  return new TCPSocket(engine, async () => ({ opened, streams: streamsOn(engine, port, {}) }));
}

async function connect(
  engine: EngineClient,
  request: TcpConnectOptions,
  { signal, allowHalfOpen = true }: TCPSocketOptions,
): Promise<{ opened: TcpOpened; streams: TcpStreams }> {
  signal?.throwIfAborted();
  const { port1, port2 } = new MessageChannel();
  const streams = streamsOn(engine, port1, { allowHalfOpen });
  const stop = () => streams.fail(signal!.reason);
  signal?.addEventListener('abort', stop, { once: true });
  streams.closed.catch(() => {}).finally(() => signal?.removeEventListener('abort', stop));
  try {
    const opened = await engine.call((api) => api.connectTcp(request, transfer(port2, [port2])));
    signal?.throwIfAborted();
    return { opened, streams };
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    const failure = error instanceof TunnelError ? networkError(error) : error;
    streams.fail(failure);
    throw failure;
  }
}

function streamsOn(
  engine: EngineClient,
  port: MessagePort,
  options: { allowHalfOpen?: boolean },
): TcpStreams {
  const streams = new TcpStreams(port, options);
  const forget = engine.onDeath((error) => streams.fail(networkError(error)));
  streams.closed.catch(() => {}).finally(forget);
  return streams;
}
