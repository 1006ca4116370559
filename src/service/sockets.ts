// What the page has open in the tunnel: TCP connections, listeners, UDP sockets, pings.
import type {
  AddressFamily,
  DnsQueryType,
  DnsRecord,
  PingOptions,
  PortCheckOptions,
  PortState,
  SocketName,
  TcpConnectOptions,
  TcpListenOptions,
  TcpOpened,
  TcpSocketInfo,
  TcpTuning,
  TraceOptions,
  UdpBindOptions,
  UdpOpened,
} from '../bridge/api.ts';
import type { Channel, Port } from '../bridge/channel.ts';
import type { SocketAddress } from '../core/address.ts';
import type { Driver } from '../core/driver.ts';
import { TunnelError } from '../core/errors.ts';
import type { NetStack } from '../core/netstack/netstack.ts';
import type { TcpConnection } from '../core/netstack/tcp/connection.ts';
import type { TcpListener } from '../core/netstack/tcp/listener.ts';
import type { ConnectOptions } from '../core/netstack/tcp/state.ts';
import { type Instant, type Millis, NEVER, SECOND } from '../core/time.ts';
import type { Diagnostics } from './diagnostics.ts';
import { ListenerPipe } from './listener-pipe.ts';
import { Lookups, literalOf, type Patience } from './lookups.ts';
import type { Noted } from './noted.ts';
import { PingRun } from './ping-run.ts';
import { tcpInfoOf } from './socket-list.ts';
import { TcpOpening } from './tcp-opening.ts';
import { type PipeHost, TcpPipe } from './tcp-pipe.ts';
import { nameOf, UdpPipe } from './udp-pipe.ts';

/** For a name and all its addresses together: TCP's patience with each, so that it can say why, and a minute more. */
const NAMED_OPEN_TIMEOUT = 240 * SECOND;
const MAX_SOCKETS = 65_536;

export class Sockets {
  readonly #stack: NetStack;
  readonly #driver: Driver;
  readonly #noted: Noted;
  readonly #openChannel: () => Channel;
  /** One for all pipes: there may be many. */
  readonly #pipeHost: PipeHost;
  readonly #tcpPipes = new Map<number, TcpPipe>();
  readonly #others = new Set<ListenerPipe | UdpPipe | PingRun | TcpOpening>();
  readonly #lookups: Lookups;
  /** Loaded by the first question. */
  #diagnostics: Diagnostics | undefined;
  #isClosed = false;
  #nextId = 1;
  /** Ends the wait for what was written. */
  #stopWaiting = () => {};

  constructor(stack: NetStack, driver: Driver, noted: Noted, openChannel: () => Channel) {
    this.#stack = stack;
    this.#driver = driver;
    this.#noted = noted;
    this.#openChannel = openChannel;
    this.#pipeHost = {
      noted,
      settle: driver.settle,
      finished: (finished) => {
        this.#tcpPipes.delete(finished.id);
        driver.remove(finished);
      },
    };
    this.#lookups = new Lookups(stack.names, driver, noted);
  }

  async connectTcp(options: TcpConnectOptions, port: Port): Promise<TcpOpened> {
    const driver = this.#driver;
    const now = driver.now();
    const { timeout } = options;
    const address = literalOf(options.remoteAddress, options.dnsQueryType);
    if (!address) return this.#connectByName(options, now + (timeout ?? NAMED_OPEN_TIMEOUT), port);
    // TCP has a patience of its own, at whose end it knows what the network said meanwhile.
    const openBy = timeout === undefined ? NEVER : now + timeout;
    const connection = this.#stack.connectTcp(
      { address, port: options.remotePort },
      stackOptionsOf(options),
      now,
    );
    const pipe = this.#addPipe(connection, port);
    driver.add(pipe);
    const opened = pipe.opened(openBy);
    driver.settle();
    await opened;
    driver.remove(pipe);
    return openedOf(pipe);
  }

  async #connectByName(options: TcpConnectOptions, openBy: Instant, port: Port): Promise<TcpOpened> {
    const driver = this.#driver;
    const { remoteAddress, remotePort } = options;
    const race = this.#stack.names.connectTcp(
      remoteAddress,
      remotePort,
      { ...stackOptionsOf(options), ...(options.dnsQueryType && { dnsQueryType: options.dnsQueryType }) },
      driver.now(),
    );
    const opening = new TcpOpening(race, `${remoteAddress} port ${remotePort}`, port, openBy, {
      noted: this.#noted,
      settle: driver.settle,
      now: () => driver.now(),
      openingFinished: (finished) => {
        driver.remove(finished);
        this.#others.delete(finished);
      },
    });
    this.#others.add(opening);
    driver.add(opening);
    const adopted = opening.opened((connection) => openedOf(this.#addPipe(connection, port)));
    driver.settle();
    const opened = await adopted;
    // The pipe came to be while others were drained: its own turn is the next.
    driver.settle();
    return opened;
  }

  resolve(name: string, type: DnsQueryType): Promise<DnsRecord[]> {
    return this.#lookups.resolve(name, type);
  }

  lookUp(host: string, family: AddressFamily): Promise<string[]> {
    return this.#lookups.addressesOf(host, family);
  }

  listenTcp(options: TcpListenOptions, port: Port): SocketName {
    const listener = this.#stack.listenTcp(
      {
        address: literalOf(options.localAddress, undefined)!,
        ...(options.localPort !== undefined && { port: options.localPort }),
        ...(options.backlog !== undefined && { backlog: options.backlog }),
        ...(options.noDelay !== undefined && { noDelay: options.noDelay }),
        ...(options.ipv6Only !== undefined && { ipv6Only: options.ipv6Only }),
        ...(options.ttl !== undefined && { ttl: options.ttl }),
        ...(options.tos !== undefined && { tos: options.tos }),
      },
      this.#driver.now(),
    );
    this.accept(listener, port);
    return { address: options.localAddress, port: listener.local.port };
  }

  async bindUdp(options: UdpBindOptions, port: Port): Promise<UdpOpened> {
    const by = options.timeout === undefined ? NEVER : this.#driver.now() + options.timeout;
    const { dnsQueryType } = options;
    const remote = options.remote && (await this.#remoteOf(options.remote, dnsQueryType, { by, port }));
    const binding = this.#stack.bindUdp({
      ...(options.local && { address: literalOf(options.local.address, undefined)! }),
      ...(options.local?.port !== undefined && { port: options.local.port }),
      ...(remote && { remote }),
      ...(options.ipv6Only !== undefined && { ipv6Only: options.ipv6Only }),
      ...(options.ttl !== undefined && { ttl: options.ttl }),
      ...(options.tos !== undefined && { tos: options.tos }),
      ...(options.multicastTtl !== undefined && { multicastTtl: options.multicastTtl }),
      multicastLoopback: options.multicastLoopback ?? true,
      sharesAddress: options.sharesAddress ?? false,
      dontFragment: options.dontFragment ?? false,
      broadcast: options.broadcast ?? false,
    });
    this.#others.add(
      new UdpPipe(binding, port, {
        noted: this.#noted,
        settle: this.#driver.settle,
        addressOf: (host, family) => this.#lookups.addressOf(host, family),
        udpFinished: (pipe) => this.#others.delete(pipe),
      }),
    );
    return { local: nameOf(binding.local), ...(binding.remote && { remote: nameOf(binding.remote) }) };
  }

  async ping(options: PingOptions, port: Port): Promise<void> {
    const driver = this.#driver;
    const { address } = await this.#remoteOf({ address: options.address, port: 0 }, undefined);
    const run = new PingRun(this.#stack.openPing(address), options, port, {
      noted: this.#noted,
      now: () => driver.now(),
      settle: driver.settle,
      pingFinished: (finished) => {
        driver.remove(finished);
        this.#others.delete(finished);
      },
    });
    this.#others.add(run);
    driver.add(run);
    driver.settle();
  }

  async traceroute(options: TraceOptions, port: Port): Promise<void> {
    const { address } = await this.#remoteOf({ address: options.address, port: 0 }, undefined);
    (await this.#diagnose()).trace(address, options, port);
  }

  async pathMtu(host: string, port: Port): Promise<number> {
    const { address } = await this.#remoteOf({ address: host, port: 0 }, undefined);
    return (await this.#diagnose()).pathMtu(address, port);
  }

  async checkPort(options: PortCheckOptions, port: Port): Promise<PortState> {
    const { address } = await this.#remoteOf({ address: options.address, port: 0 }, undefined);
    return (await this.#diagnose()).checkPort(address, options, port);
  }

  tcpInfo(id: number): TcpSocketInfo {
    return tcpInfoOf(this.#connectionOf(id));
  }

  tuneTcp(id: number, options: TcpTuning): void {
    this.#connectionOf(id).setOptions(options);
    this.#driver.settle();
  }

  /** Lets TCP finish what was written; resolves when it has, or when the time is over. */
  finish(timeout: Millis): Promise<void> {
    const driver = this.#driver;
    const connections = [...this.#tcpPipes.values()].map(({ connection }) => connection);
    for (const pipe of [...this.#tcpPipes.values()]) pipe.endOfTunnel();
    for (const other of [...this.#others]) other.close();
    this.#isClosed = true;
    this.#lookups.close();
    this.#diagnostics?.close();
    return new Promise((resolve) => {
      this.#stopWaiting = resolve;
      const giveUpAt = driver.now() + timeout;
      const isDone = () => this.#tcpPipes.size === 0 && connections.every(isQuiet);
      const watch = {
        pollAt: (): Instant => (isDone() ? 0 : giveUpAt),
        poll: () => {
          driver.remove(watch);
          resolve();
        },
      };
      driver.add(watch);
      driver.settle();
    });
  }

  /** Nothing more will come: whoever waits in `finish` need not. */
  abandon(): void {
    this.#stopWaiting();
  }

  /** Waits for a lookup only where there is one, and not beyond the tunnel's end. */
  async #remoteOf(
    { address: host, port }: SocketName,
    family: AddressFamily,
    patience?: Patience,
  ): Promise<SocketAddress> {
    const address = await this.#lookups.addressOf(host, family, patience);
    if (this.#isClosed) throw closed();
    return { address, port };
  }

  /** What it hears arrives on `port` as ListenerMessages. */
  accept(listener: TcpListener, port: Port): void {
    this.#others.add(
      new ListenerPipe(listener, port, {
        noted: this.#noted,
        settle: this.#driver.settle,
        openChannel: this.#openChannel,
        adopt: (connection, pipePort) => openedOf(this.#addPipe(connection, pipePort)),
        listenerFinished: (pipe) => this.#others.delete(pipe),
      }),
    );
  }

  async #diagnose(): Promise<Diagnostics> {
    const { Diagnostics } = await import('./diagnostics.ts');
    if (this.#isClosed) throw closed();
    this.#diagnostics ??= new Diagnostics(this.#stack, this.#driver, this.#noted);
    return this.#diagnostics;
  }

  #connectionOf(id: number): TcpConnection {
    const pipe = this.#tcpPipes.get(id);
    if (!pipe) throw new TunnelError('ERR_CLOSED', 'The socket is closed.');
    return pipe.connection;
  }

  #addPipe(connection: TcpConnection, port: Port): TcpPipe {
    if (this.#tcpPipes.size >= MAX_SOCKETS) {
      connection.abort();
      throw new TunnelError('ERR_LIMIT', `At most ${MAX_SOCKETS} TCP sockets can be open at once.`, {
        retryable: true,
      });
    }
    const pipe = new TcpPipe(this.#nextId++, connection, port, this.#pipeHost);
    this.#tcpPipes.set(pipe.id, pipe);
    return pipe;
  }
}

function closed(): TunnelError {
  return new TunnelError('ERR_CLOSED', 'The tunnel is closed.');
}

function stackOptionsOf({ localAddress, localPort, ...options }: TcpConnectOptions): ConnectOptions {
  return {
    ...(options as ConnectOptions),
    ...(localAddress !== undefined && { localAddress: literalOf(localAddress, undefined)! }),
    ...(localPort !== undefined && { localPort }),
  };
}

function openedOf(pipe: TcpPipe): TcpOpened {
  const { local, remote } = pipe.connection;
  return { id: pipe.id, local: nameOf(local), remote: nameOf(remote) };
}

/** Nothing of what was accepted is still to be delivered. */
function isQuiet(connection: TcpConnection): boolean {
  return ['CLOSED', 'TIME-WAIT', 'FIN-WAIT-2'].includes(connection.state);
}
