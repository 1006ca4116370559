import type { SocketName, UdpBindOptions, UdpTuning } from '../bridge/api.ts';
import type { Port } from '../bridge/channel.ts';
import { IpAddress } from '../core/address.ts';
import type { EngineClient } from './engine-client.ts';
import { failureOf, invalidState } from './errors.ts';
import { asciiHost } from './host-name.ts';
import { isAnyIpv6 } from './ip-text.ts';
import { MulticastController } from './multicast-controller.ts';
import { withStreams } from './open-info.ts';
import type { ReceivedUDPMessage, UDPMessage } from './udp-message.ts';
import { UdpStreams } from './udp-streams.ts';
import {
  defineInterface,
  toDictionary,
  toDnsQueryType,
  toDomString,
  toOptionalBoolean,
  toOptionalUnsignedLong,
} from './web-idl.ts';

/** Direct Sockets' UDPSocketOptions: either remoteAddress and remotePort (connected), or localAddress (bound). */
export interface UDPSocketOptions {
  /** A name or an address: the only one it sends to and hears. */
  remoteAddress?: string;
  /** 1 to 65535. */
  remotePort?: number;
  /** One of our addresses; `::` and `0.0.0.0` are all of them. */
  localAddress?: string;
  /** Absent or 0: any that is free. */
  localPort?: number;
  /** Checked, and of no effect: the stack chooses. */
  sendBufferSize?: number;
  /** Checked, and of no effect: the stack chooses. */
  receiveBufferSize?: number;
  /** Which addresses of a name count. */
  dnsQueryType?: 'ipv4' | 'ipv6';
  /** Only with the local address `::`: IPv4 is not heard; default false. */
  ipv6Only?: boolean;

  /** Hop limit of what goes to a multicast group, 0 to 255; default 1. */
  multicastTimeToLive?: number;
  /** Whether sockets of this tunnel hear what is sent to a group that they joined; default true. */
  multicastLoopback?: boolean;
  /** Other sockets that say so, too, may have the same address and port. */
  multicastAllowAddressSharing?: boolean;

  /** Aborts opening; afterwards, closes the socket. */
  signal?: AbortSignal;
  /** Milliseconds to wait for the address of a name. */
  timeout?: number;
  /** Hop limit of what is sent, 1 to 255; default 64. */
  ttl?: number;
  /** DSCP and ECN bits of what is sent, 0 to 255; default 0. */
  tos?: number;
  /** What does not fit the path is an error (`ERR_MESSAGE_TOO_LONG`) instead of fragments. */
  dontFragment?: boolean;
  /** Sending to a broadcast address is meant. */
  broadcast?: boolean;
}

/** What `opened` of a UDPSocket resolves with (Direct Sockets §2.4.1). */
export interface UDPSocketOpenInfo {
  /** One datagram a chunk; those that nobody reads in time are dropped and counted. */
  readable: ReadableStream<ReceivedUDPMessage>;
  /** One datagram a chunk; a write rejects with a TypeError for what cannot be sent. */
  writable: WritableStream<UDPMessage>;
  /** Our end, as text. */
  localAddress: string;
  /** Our end. */
  localPort: number;
  /** In connected mode: the address that was reached, where a name was given. */
  remoteAddress?: string;
  /** In connected mode. */
  remotePort?: number;
  /** In bound mode. */
  multicastController?: MulticastController;
}

/** A UDP socket through the tunnel, in the shape of WICG Direct Sockets. */
export class UDPSocket {
  static {
    defineInterface(UDPSocket, 'UDPSocket', 0, ['opened', 'closed', 'close']);
  }

  readonly #opened: Promise<UDPSocketOpenInfo>;
  readonly #streams: UdpStreams;
  #isOpen = false;

  /** @internal Use `new tunnel.UDPSocket(options)`. */
  constructor(engine: EngineClient, given?: UDPSocketOptions | null) {
    const options = toDictionary(given);
    const request = requestOf(options);
    const { near, far } = engine.openChannel();
    this.#streams = new UdpStreams(engine, near, { isConnected: request.remote !== undefined });
    this.#opened = this.#open(engine, request, far, options.signal);
    this.#opened.catch((reason) => this.#streams.fail(reason));
  }

  /** Rejects with a NetworkError whose `cause` is the TunnelError. */
  get opened(): Promise<UDPSocketOpenInfo> {
    return this.#opened;
  }

  /** Settles when both directions are over; rejects with a NetworkError, as `opened` does, when the socket failed. */
  get closed(): Promise<undefined> {
    return this.#streams.closed;
  }

  /** Ends both directions. Rejects with an InvalidStateError while a stream is locked. */
  async close(): Promise<undefined> {
    if (!this.#isOpen) throw invalidState('The socket is not open.');
    if (this.#streams.isOver) return this.closed;
    if (this.#streams.isLocked)
      throw invalidState('A reader or a writer is still attached: release its lock, or close it.');
    await this.#streams.finish();
    return this.closed;
  }

  /**
   * @internal Sends one datagram beside the streams, for the Node stand-ins: a failure is this datagram's alone, where the
   * standard's `writable` would be at its end.
   */
  send(message: UDPMessage): Promise<void> {
    return this.#streams.send(message);
  }

  /** @internal What is sent from now on is sent so; for the Node stand-ins, as `heed` is. */
  tune(options: UdpTuning): Promise<void> {
    return this.#streams.tune(options);
  }

  /** @internal Joins or leaves a multicast group, beside `multicastController`. */
  changeGroup(action: 'join' | 'leave', address: string, source: string | undefined): Promise<void> {
    return this.#streams.changeGroup(action, address, source);
  }

  /** @internal A socket that is not connected hears that one of those to whom it sends cannot be reached (ICMP). */
  heed(remote: SocketName | undefined, told: (error: DOMException) => void): void {
    this.#streams.heed(remote, told);
  }

  async #open(
    engine: EngineClient,
    request: UdpBindOptions,
    port: Port,
    signal: AbortSignal | undefined,
  ): Promise<UDPSocketOpenInfo> {
    const streams = this.#streams;
    try {
      signal?.throwIfAborted();
      if (signal) failOnAbort(streams, signal);
      const { local, remote } = await engine.call((api) => api.bindUdp(request, port));
      signal?.throwIfAborted();
      this.#isOpen = true;
      return withStreams(streams, {
        localAddress: local.address,
        localPort: local.port,
        ...(remote
          ? { remoteAddress: remote.address, remotePort: remote.port }
          : {
              multicastController: new MulticastController(streams),
            }),
      });
    } catch (error) {
      throw signal?.aborted ? signal.reason : failureOf(error);
    }
  }
}

function failOnAbort(streams: UdpStreams, signal: AbortSignal): void {
  const stop = () => streams.fail(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  streams.closed.catch(() => {}).finally(() => signal.removeEventListener('abort', stop));
}

function requestOf(options: UDPSocketOptions): UdpBindOptions {
  const { remoteAddress, remotePort, localPort } = options;
  const localAddress = options.localAddress === undefined ? undefined : toDomString(options.localAddress);
  const ipv6Only = toOptionalBoolean(options.ipv6Only);
  if ((remoteAddress === undefined) !== (remotePort === undefined)) {
    throw new TypeError('remoteAddress and remotePort belong together.');
  }
  if (remoteAddress === undefined && localAddress === undefined) {
    throw new TypeError('Either remoteAddress and remotePort, or localAddress, is needed.');
  }
  if (localAddress !== undefined) checkBound(localAddress, options);
  else if (localPort !== undefined) throw new TypeError('localPort needs localAddress.');
  if (ipv6Only !== undefined && !isAnyIpv6(localAddress))
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
    timeout: toOptionalUnsignedLong(options.timeout, 'timeout', 1),
    ttl: toOptionalUnsignedLong(options.ttl, 'ttl', 1, 255),
    tos: toOptionalUnsignedLong(options.tos, 'tos', 0, 255),
    dontFragment: toOptionalBoolean(options.dontFragment),
    broadcast: toOptionalBoolean(options.broadcast),
    multicastTtl: toOptionalUnsignedLong(options.multicastTimeToLive, 'multicastTimeToLive', 0, 255),
    multicastLoopback: toOptionalBoolean(options.multicastLoopback),
    sharesAddress: toOptionalBoolean(options.multicastAllowAddressSharing),
  };
}

function checkBound(localAddress: string, { remoteAddress, dnsQueryType }: UDPSocketOptions): void {
  if (remoteAddress !== undefined) throw new TypeError('localAddress cannot be combined with remoteAddress.');
  if (!IpAddress.parse(localAddress))
    throw new TypeError('localAddress must be an IP address, such as 0.0.0.0 or ::.');
  if (dnsQueryType !== undefined) throw new TypeError('dnsQueryType is allowed only with remoteAddress.');
}
