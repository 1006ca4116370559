import type { UdpBindOptions, UdpMessagePortMessage } from '../bridge/api.ts';
import type { Port } from '../bridge/channel.ts';
import { fromPlainAnswer, fromPlainError } from '../bridge/errors.ts';
import { IpAddress } from '../core/address.ts';
import type { EngineClient } from './engine-client.ts';
import { closedError, domException, failureOf, networkError } from './errors.ts';
import { asciiHost } from './host-name.ts';
import { MulticastController } from './multicast-controller.ts';
import { bytesOf, toDnsQueryType, toOptionalUnsignedLong, toUnsignedShort } from './web-idl.ts';

/** Direct Sockets' UDPSocketOptions: either remoteAddress and remotePort (connected), or localAddress (bound). */
export interface UDPSocketOptions {
  remoteAddress?: string;
  remotePort?: number;
  localAddress?: string;
  localPort?: number;
  sendBufferSize?: number;
  receiveBufferSize?: number;
  dnsQueryType?: 'ipv4' | 'ipv6';
  ipv6Only?: boolean;

  /** Hop limit of what goes to a multicast group, 0 to 255; default 1. */
  multicastTimeToLive?: number;
  /** Whether sockets of this tunnel hear what is sent to a group that they joined; default true. */
  multicastLoopback?: boolean;
  /** Other sockets that say so, too, may have the same address and port. */
  multicastAllowAddressSharing?: boolean;

  signal?: AbortSignal;
  ttl?: number;
  tos?: number;
  /** What does not fit the path is an error (`ERR_MESSAGE_TOO_LONG`) instead of fragments. */
  dontFragment?: boolean;
  /** Sending to a broadcast address is meant. */
  broadcast?: boolean;
}

/** One datagram. `remoteAddress` and `remotePort` are present in bound mode only. */
export interface UDPMessage {
  data: BufferSource;
  remoteAddress?: string;
  remotePort?: number;
  /** In bound mode, of a `remoteAddress` that is a name: which of its addresses count. */
  dnsQueryType?: 'ipv4' | 'ipv6';
  /** Of this message, instead of the socket's; of a received one, what was left. */
  ttl?: number;
  /** DSCP and ECN bits, likewise. */
  tos?: number;
}

/** A received datagram. */
export interface ReceivedUDPMessage extends UDPMessage {
  data: Uint8Array<ArrayBuffer>;
  ttl: number;
  tos: number;
}

export interface UDPSocketOpenInfo {
  readable: ReadableStream<ReceivedUDPMessage>;
  writable: WritableStream<UDPMessage>;
  localAddress: string;
  localPort: number;
  remoteAddress?: string;
  remotePort?: number;
  /** In bound mode. */
  multicastController?: MulticastController;
}

/** Datagrams that may wait unread on the page's side; more wait in the engine's queue, which drops the newest. */
const READ_AHEAD = 64;

/** A UDP socket through the tunnel, in the shape of WICG Direct Sockets. */
export class UDPSocket {
  readonly opened: Promise<UDPSocketOpenInfo>;
  readonly closed: Promise<undefined>;
  readonly #isConnected: boolean;
  readonly #port: Port;
  readonly #sending = new Map<number, { resolve: () => void; reject: (reason: unknown) => void }>();
  #nextId = 1;
  #creditGiven = 0;
  #readable: ReadableStream<ReceivedUDPMessage> | undefined;
  #writable: WritableStream<UDPMessage> | undefined;
  #readController: ReadableStreamDefaultController<ReceivedUDPMessage> | undefined;
  #writeController: WritableStreamDefaultController | undefined;
  #isReadDone = false;
  #isWriteDone = false;
  #forget = () => {};
  #settleClosed!: { resolve: (value: undefined) => void; reject: (reason: unknown) => void };

  /** @internal Use `new tunnel.UDPSocket(options)`. */
  constructor(engine: EngineClient, options: UDPSocketOptions) {
    const request = requestOf(options);
    this.#isConnected = request.remote !== undefined;
    this.closed = new Promise((resolve, reject) => {
      this.#settleClosed = { resolve, reject };
    });
    this.closed.catch(() => {});
    const { near, far } = engine.openChannel();
    this.#port = near;
    near.onmessage = ({ data }: MessageEvent<UdpMessagePortMessage>) => this.#receive(data);
    this.opened = this.#open(engine, request, far, options.signal);
    this.opened.catch((reason) => this.#over(reason));
  }

  /** Ends both directions. Rejects while a stream is locked. */
  async close(): Promise<undefined> {
    if (this.#isReadDone && this.#isWriteDone) return this.closed;
    if (!this.#readable || !this.#writable)
      throw domException('InvalidStateError', 'The socket is not open.');
    if (this.#readable.locked || this.#writable.locked) {
      throw domException(
        'InvalidStateError',
        'A reader or a writer is still attached: release its lock, or close it.',
      );
    }
    await Promise.all([this.#readable.cancel(), this.#writable.abort()]);
    return this.closed;
  }

  async #open(
    engine: EngineClient,
    request: UdpBindOptions,
    port: Port,
    signal: AbortSignal | undefined,
  ): Promise<UDPSocketOpenInfo> {
    try {
      signal?.throwIfAborted();
      const { local, remote } = await engine.call((api) => api.bindUdp(request, port));
      this.#forget = engine.onDeath((error) => this.#over(networkError(error)));
      signal?.addEventListener('abort', () => this.#over(signal.reason), { once: true });
      this.#readable = this.#makeReadable();
      this.#writable = new WritableStream({
        start: (controller) => {
          this.#writeController = controller;
        },
        write: (message) => this.#send(message),
        close: () => this.#writeDone(),
        abort: () => this.#writeDone(),
      });
      return {
        readable: this.#readable,
        writable: this.#writable,
        localAddress: local.address,
        localPort: local.port,
        ...(remote
          ? { remoteAddress: remote.address, remotePort: remote.port }
          : {
              multicastController: new MulticastController((action, address) =>
                this.#request((id) => this.#post({ type: 'group', id, action, address })),
              ),
            }),
      };
    } catch (error) {
      throw failureOf(error);
    }
  }

  #makeReadable(): ReadableStream<ReceivedUDPMessage> {
    return new ReadableStream<ReceivedUDPMessage>(
      {
        start: (controller) => {
          this.#readController = controller;
        },
        pull: () => this.#giveCredit(),
        cancel: () => {
          this.#isReadDone = true;
          this.#closeWhenDone();
        },
      },
      { highWaterMark: READ_AHEAD },
    );
  }

  #giveCredit(): void {
    const room = Math.max(this.#readController?.desiredSize ?? 0, 1) - this.#creditGiven;
    if (room <= 0) return;
    this.#creditGiven += room;
    this.#post({ type: 'credit', count: room });
  }

  async #send(message: UDPMessage): Promise<void> {
    const hasRemote = message.remoteAddress !== undefined || message.remotePort !== undefined;
    const dnsQueryType = toDnsQueryType(message.dnsQueryType);
    if (this.#isConnected && (hasRemote || dnsQueryType))
      throw new TypeError('A connected socket sends to its remote only.');
    if (!this.#isConnected && (message.remoteAddress === undefined || message.remotePort === undefined)) {
      throw new TypeError('A bound socket needs remoteAddress and remotePort with each message.');
    }
    const data = new Uint8Array(bytesOf(message.data)); // a copy: the caller keeps its buffer
    const remote = hasRemote
      ? { address: asciiHost(message.remoteAddress), port: toUnsignedShort(message.remotePort) }
      : undefined;
    const ttl = toOptionalUnsignedLong(message.ttl, 'ttl', 1, 255);
    const tos = toOptionalUnsignedLong(message.tos, 'tos', 0, 255);
    const datagram = { data, remote, dnsQueryType, ttl, tos };
    await this.#request((id) => this.#post({ type: 'send', id, datagram }, [data.buffer]));
  }

  /** Asks the engine for something and waits until it is done. */
  #request(ask: (id: number) => void): Promise<void> {
    const id = this.#nextId++;
    const done = new Promise<void>((resolve, reject) => this.#sending.set(id, { resolve, reject }));
    ask(id);
    return done;
  }

  #receive(message: UdpMessagePortMessage): void {
    switch (message.type) {
      case 'datagrams':
        this.#creditGiven -= message.datagrams.length;
        if (this.#isReadDone) return;
        for (const { data, remote, ttl = 0, tos = 0 } of message.datagrams) {
          const from =
            !this.#isConnected && remote ? { remoteAddress: remote.address, remotePort: remote.port } : {};
          this.#readController?.enqueue({ data: data as Uint8Array<ArrayBuffer>, ...from, ttl, tos });
        }
        break;
      case 'sent': {
        const waiting = this.#sending.get(message.id);
        this.#sending.delete(message.id);
        if (message.error) waiting?.reject(failureOf(fromPlainAnswer(message.error)));
        else waiting?.resolve();
        break;
      }
      case 'error':
        this.#over(networkError(fromPlainError(message.error)));
        break;
      case 'close':
        this.#ended();
        break;
      default:
        break;
    }
  }

  #writeDone(): void {
    this.#isWriteDone = true;
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    if (!this.#isReadDone || !this.#isWriteDone) return;
    this.#forget();
    this.#post({ type: 'close' });
  }

  /** The engine has let the port go: because we asked, or because the tunnel is closing. */
  #ended(): void {
    if (!this.#isReadDone || !this.#isWriteDone) this.#over(networkError(closedError()));
    this.#port.close();
    this.#settleClosed.resolve(undefined);
  }

  #over(reason: unknown): void {
    if (this.#readController && !this.#isReadDone) this.#readController.error(reason);
    if (this.#writeController && !this.#isWriteDone) this.#writeController.error(reason);
    for (const waiting of this.#sending.values()) waiting.reject(reason);
    this.#sending.clear();
    this.#isReadDone = this.#isWriteDone = true;
    this.#forget();
    this.#post({ type: 'close' });
    this.#port.close();
    this.#settleClosed.reject(reason);
  }

  #post(message: UdpMessagePortMessage, moved: Transferable[] = []): void {
    this.#port.postMessage(message, moved);
  }
}

function requestOf(options: UDPSocketOptions): UdpBindOptions {
  const { remoteAddress, remotePort, localAddress, localPort, ipv6Only } = options;
  if ((remoteAddress === undefined) !== (remotePort === undefined)) {
    throw new TypeError('remoteAddress and remotePort belong together.');
  }
  if (remoteAddress === undefined && localAddress === undefined) {
    throw new TypeError('Either remoteAddress and remotePort, or localAddress, is needed.');
  }
  if (localAddress !== undefined) checkBound(options);
  else if (localPort !== undefined) throw new TypeError('localPort needs localAddress.');
  if (ipv6Only !== undefined && localAddress !== '::')
    throw new TypeError('ipv6Only is allowed only with the localAddress "::".');
  // Hints, as the specification says: checked, and left to the stack.
  toOptionalUnsignedLong(options.sendBufferSize, 'sendBufferSize', 1);
  toOptionalUnsignedLong(options.receiveBufferSize, 'receiveBufferSize', 1);
  return {
    local:
      localAddress === undefined
        ? undefined
        : { address: localAddress, port: toOptionalUnsignedLong(localPort, 'localPort', 1, 65535) },
    remote:
      remoteAddress === undefined
        ? undefined
        : {
            address: asciiHost(remoteAddress),
            port: toOptionalUnsignedLong(remotePort, 'remotePort', 0, 65535)!,
          },
    dnsQueryType: toDnsQueryType(options.dnsQueryType),
    ipv6Only,
    ttl: toOptionalUnsignedLong(options.ttl, 'ttl', 1, 255),
    tos: toOptionalUnsignedLong(options.tos, 'tos', 0, 255),
    dontFragment: options.dontFragment,
    broadcast: options.broadcast,
    multicastTtl: toOptionalUnsignedLong(options.multicastTimeToLive, 'multicastTimeToLive', 0, 255),
    multicastLoopback: options.multicastLoopback,
    sharesAddress: options.multicastAllowAddressSharing,
  };
}

function checkBound({ remoteAddress, localAddress, dnsQueryType }: UDPSocketOptions): void {
  if (remoteAddress !== undefined) throw new TypeError('localAddress cannot be combined with remoteAddress.');
  if (!IpAddress.parse(localAddress!))
    throw new TypeError('localAddress must be an IP address, such as 0.0.0.0 or ::.');
  if (dnsQueryType !== undefined) throw new TypeError('dnsQueryType is allowed only with remoteAddress.');
}
