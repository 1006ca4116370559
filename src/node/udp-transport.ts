import { type BindOptions, createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { lookup } from 'node:dns';
import { IpAddress } from '../core/address.ts';
import { DropCounters } from '../core/counters.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { TunnelError } from '../core/errors.ts';
import { type EngineMemory, PacketBuffer } from '../core/packet-buffer.ts';
import type {
  DatagramReceiver,
  DatagramTransport,
  EndpointProblem,
  TransportDropReason,
  TransportState,
} from '../core/transport.ts';
import { TRANSPORT } from '../core/wire/wireguard.ts';
import { type UdpEndpoint, UdpEndpoints } from './udp-endpoints.ts';

export interface UdpTransportOptions {
  readonly memory: EngineMemory;
  /** 0 or absent: any free port. */
  readonly listenPort?: number;
  /** The one local address to bind; absent: all, IPv4 and IPv6. */
  readonly host?: string;
  /** Addresses of a name; the system's resolver unless a test says otherwise. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
}

interface Sockets {
  4?: Socket | undefined;
  6?: Socket | undefined;
}

const ANY = { 4: '0.0.0.0', 6: '::' } as const;
/**
 * The kernel doubles it for its own bookkeeping. Where this process is what limits a download, the peer fills it: a
 * ping and every acknowledgement of an upload then wait behind it. 450 datagrams outlast a collection of garbage.
 */
const RECEIVE_BUFFER = 512 << 10;

/** Datagrams over UDP sockets, one per address family, bound to one port like a WireGuard interface. */
export class UdpTransport implements DatagramTransport {
  #receiver: DatagramReceiver | undefined;
  readonly drops = new DropCounters<TransportDropReason>();
  /** The kernel's buffer is the only queue, and it drops by itself. */
  readonly congested = false;
  readonly #memory: EngineMemory;
  readonly #resolve: (name: string) => Promise<readonly string[]>;
  readonly #endpoints = new UdpEndpoints();
  readonly #host: string | undefined;
  #sockets: Sockets = {};
  readonly #packet: PacketBuffer;
  #arrived: { readonly datagram: Uint8Array; readonly from: UdpEndpoint }[] = [];
  #failed: TunnelError | undefined;
  #listening = 0;
  #closed = false;

  constructor(options: UdpTransportOptions) {
    this.#memory = options.memory;
    this.#resolve = options.resolve ?? resolveBySystem;
    this.#packet = new PacketBuffer(options.memory, options.memory.ingress);
    this.#host = options.host;
    for (const family of this.#families()) this.#bind(family, options.listenPort ?? 0);
  }

  get receiver(): DatagramReceiver | undefined {
    return this.#receiver;
  }

  /** Sockets may be bound by then, of which it would hear nothing. */
  set receiver(receiver: DatagramReceiver | undefined) {
    this.#receiver = receiver;
    if (receiver && this.#listening > 0) this.#report();
  }

  #families(): (4 | 6)[] {
    return this.#host === undefined ? [4, 6] : this.#host.includes(':') ? [6] : [4];
  }

  endpointFor(host: string, port: number): Endpoint {
    const endpoint = this.#endpoints.endpointFor(host, port);
    endpoint.inUse = true;
    if (endpoint.address === undefined) this.#resolveName(endpoint);
    return endpoint;
  }

  release(to: Endpoint): void {
    const endpoint = to as UdpEndpoint;
    this.#endpoints.remove(endpoint);
    endpoint.held = undefined;
    this.#report();
  }

  send(datagram: PacketBuffer, to: Endpoint): void {
    if (this.#closed) return;
    const endpoint = to as UdpEndpoint;
    const bytes = Buffer.from(datagram.memory.subarray(datagram.start, datagram.end));
    if (endpoint.address !== undefined) this.#sendTo(endpoint, endpoint.address, bytes);
    else this.#hold(endpoint, bytes);
  }

  flush(): void {}

  close(): void {
    this.#closed = true;
    this.#arrived = [];
    closeAll(this.#sockets);
    this.#sockets = {};
  }

  async listenOn(port: number): Promise<void> {
    if (port !== 0 && port === this.localPort) return;
    const moved = await this.#openSockets(port);
    if (this.#closed) {
      closeAll(moved);
      throw new TunnelError('ERR_CLOSED', 'The tunnel is closed.');
    }
    closeAll(this.#sockets);
    this.#sockets = moved;
    this.#failed = undefined;
    this.#listening = Object.keys(moved).length;
    this.#report();
    this.receiver?.reconnected();
  }

  /** One for each family that this host has, all of them bound, or none. */
  async #openSockets(port: number): Promise<Sockets> {
    const opened: Sockets = {};
    let fault: NodeJS.ErrnoException | undefined;
    for (const family of this.#families()) {
      const socket = this.#createSocket(family);
      try {
        await bound(socket, { port, address: this.#host ?? ANY[family], exclusive: true });
        opened[family] = socket;
      } catch (error) {
        socket.close();
        fault = error as NodeJS.ErrnoException;
        if (!isFamilyMissing(fault)) break;
      }
    }
    if (!fault || (isFamilyMissing(fault) && (opened[4] ?? opened[6]))) return opened;
    closeAll(opened);
    throw bindingError(fault);
  }

  /** The port that we send from, as soon as it is known. */
  get localPort(): number | undefined {
    return portOf(this.#sockets[4]) ?? portOf(this.#sockets[6]);
  }

  #createSocket(family: 4 | 6): Socket {
    const socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      ipv6Only: family === 6,
      recvBufferSize: RECEIVE_BUFFER,
      // Only addresses come here; Node would ask the system's resolver about each datagram.
      lookup: (address, _options, done) => done(null, address, family),
    });
    socket.on('message', (datagram, from) => this.#receive(datagram, from));
    return socket;
  }

  #bind(family: 4 | 6, port: number): void {
    const socket = this.#createSocket(family);
    this.#sockets[family] = socket;
    socket.on('error', (error) => this.#socketFailed(family, socket, error));
    socket.bind({ port, address: this.#host ?? ANY[family], exclusive: true }, () => {
      if (this.#sockets[family] !== socket) return;
      this.#listening++;
      this.#report();
    });
  }

  #socketFailed(family: 4 | 6, socket: Socket, error: NodeJS.ErrnoException): void {
    if (this.#closed || this.#sockets[family] !== socket) return;
    // After binding, an error is the echo of some datagram sent.
    if (portOf(socket) !== undefined) return;
    this.#sockets[family] = undefined;
    socket.close();
    if (isFamilyMissing(error) && this.#sockets[family === 4 ? 6 : 4] !== undefined) return;
    this.#failed = bindingError(error);
    this.#report();
  }

  #sendTo(endpoint: UdpEndpoint, address: IpAddress, bytes: Buffer): void {
    const socket = this.#sockets[address.version];
    if (socket === undefined) {
      this.drops.count('no_endpoint');
      this.#setProblem(
        endpoint,
        new TunnelError('ERR_HOST_UNREACHABLE', `This host has no IPv${address.version}.`, {
          leg: 'endpoint',
        }),
      );
      return;
    }
    endpoint.inUse = true;
    socket.send(bytes, endpoint.port, endpoint.host, this.#sent);
  }

  readonly #sent = (error: NodeJS.ErrnoException | null): void => {
    if (error !== null) this.drops.count(error.code === 'EMSGSIZE' ? 'too_big' : 'send_failed');
  };

  /** The next handshake message is five seconds away: better to keep the newest one until there is an address. */
  #hold(endpoint: UdpEndpoint, bytes: Buffer): void {
    if (bytes[0] === TRANSPORT) {
      this.drops.count('unresolved');
      return;
    }
    if (endpoint.held !== undefined) this.drops.count('unresolved');
    endpoint.held = bytes;
    this.#resolveName(endpoint);
  }

  #resolveName(endpoint: UdpEndpoint): void {
    if (endpoint.resolving) return;
    endpoint.resolving = true;
    this.#resolve(endpoint.name!)
      .then((texts) => this.#resolved(endpoint, texts))
      .catch(() => this.#resolved(endpoint, []));
  }

  #resolved(endpoint: UdpEndpoint, texts: readonly string[]): void {
    endpoint.resolving = false;
    if (this.#closed) return;
    const addresses = texts.flatMap((text) => IpAddress.parse(text) ?? []);
    const address = addresses.find(({ version }) => this.#sockets[version] !== undefined);
    if (address === undefined) {
      const message = `The endpoint's name ${endpoint.name} has no address${addresses.length > 0 ? ' that this host can reach' : ''}.`;
      this.#setProblem(
        endpoint,
        new TunnelError('ERR_NAME_NOT_RESOLVED', message, { leg: 'endpoint', retryable: true }),
      );
      return;
    }
    this.#endpoints.resolved(endpoint, address);
    const { held } = endpoint;
    endpoint.held = undefined;
    if (held !== undefined) this.#sendTo(endpoint, address, held as Buffer);
    this.#setProblem(endpoint, undefined);
  }

  /** Collects what one turn of the event loop brings, and hands it over as one batch. */
  #receive(datagram: Uint8Array, { address, port }: RemoteInfo): void {
    if (this.#closed) return;
    const from = this.#endpoints.sourceOf(address, port);
    if (from === undefined) {
      this.drops.count('unknown_source');
      return;
    }
    this.#arrived.push({ datagram, from });
    if (this.#arrived.length === 1) setImmediate(this.#handOver);
  }

  readonly #handOver = (): void => {
    const batch = this.#arrived;
    this.#arrived = [];
    const { bytes, ingress } = this.#memory;
    for (const { datagram, from } of batch) {
      if (this.#closed || this.receiver === undefined) return;
      if (datagram.length > ingress.end - ingress.start) {
        this.drops.count('too_big');
        continue;
      }
      bytes.set(datagram, ingress.start);
      this.#packet.place(ingress.start, ingress.start + datagram.length);
      this.receiver.receiveDatagram(this.#packet, from);
    }
    this.receiver?.endBatch();
  };

  #setProblem(endpoint: UdpEndpoint, problem: TunnelError | undefined): void {
    if (endpoint.problem?.code === problem?.code) return;
    endpoint.problem = problem;
    this.#report();
  }

  /** Later in this turn: binding may finish or fail before the constructor returns and anyone can listen. */
  #report(): void {
    queueMicrotask(() => {
      if (!this.#closed) this.receiver?.transportState(this.#state());
    });
  }

  #state(): TransportState {
    const wanted = [...this.#endpoints.wanted()];
    const problems = wanted.flatMap((endpoint): EndpointProblem[] =>
      endpoint.problem === undefined ? [] : [{ endpoint, error: endpoint.problem }],
    );
    const facts = { via: 'udp', problems };
    if (this.#failed !== undefined) return { ...facts, state: 'failed', error: this.#failed };
    if (this.#listening === 0) return { ...facts, state: 'connecting' };
    const localPorts = new Map<Endpoint, number>();
    for (const endpoint of wanted) {
      const port = endpoint.address && portOf(this.#sockets[endpoint.address.version]);
      if (port !== undefined) localPorts.set(endpoint, port);
    }
    return { ...facts, state: 'open', rtt: undefined, localPorts };
  }
}

function bound(socket: Socket, options: BindOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    // Once it is bound, an error is the echo of some datagram sent.
    socket.on('error', reject);
    socket.bind(options, resolve);
  });
}

function closeAll(sockets: Sockets): void {
  for (const socket of [sockets[4], sockets[6]]) socket?.close();
}

function isFamilyMissing({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL';
}

function bindingError(error: NodeJS.ErrnoException): TunnelError {
  return error.code === 'EADDRINUSE'
    ? new TunnelError(
        'ERR_ADDRESS_IN_USE',
        'The UDP port of ListenPort is in use; choose another or leave it out.',
      )
    : new TunnelError('ERR_UNSUPPORTED', `No UDP socket: ${error.code ?? error.message}.`, { cause: error });
}

function portOf(socket: Socket | undefined): number | undefined {
  try {
    // 0 after a bind that failed.
    return socket?.address().port || undefined;
  } catch {
    return undefined; // not bound yet
  }
}

function resolveBySystem(name: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    lookup(name, { all: true }, (error, found) => {
      if (error) reject(error);
      else resolve(found.map(({ address }) => address));
    });
  });
}
