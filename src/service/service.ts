// The engine as the page sees it: one tunnel and its sockets, behind the bridge's contract. A host (a Worker, or Node
// itself) gives it a clock, a transport and the WASM module; everything else is the core.
import type {
  AddressFamily,
  CaptureOptions,
  ConfigureReport,
  DnsQueryType,
  DnsRecord,
  EngineApi,
  EngineChange,
  EngineOptions,
  EnginePeer,
  PingOptions,
  PortCheckOptions,
  PortState,
  SocketName,
  SocketStatus,
  TcpConnectOptions,
  TcpListenOptions,
  TcpOpened,
  TcpSocketInfo,
  TcpTuning,
  TraceOptions,
  TunnelStatus,
  UdpBindOptions,
  UdpOpened,
} from '../bridge/api.ts';
import type { Channel, Port } from '../bridge/channel.ts';
import { type Outcome, outcomeOf } from '../bridge/errors.ts';
import { toBase64, wipe } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { StaticIdentity } from '../core/crypto/identity.ts';
import { Driver } from '../core/driver.ts';
import type { Environment } from '../core/environment.ts';
import { TunnelError } from '../core/errors.ts';
import type { DatagramTransport } from '../core/transport.ts';
import { TunnelCore } from '../core/tunnel.ts';
import type { DeviceEvent } from '../core/wireguard/device.ts';
import { Announcer } from './announcer.ts';
import { Captures } from './capture.ts';
import type { KeyClaim, KeyRegistry } from './key-registry.ts';
import { Noted } from './noted.ts';
import type { NewKey } from './reconfigure.ts';
import {
  checkSettings,
  peerConfigOf,
  prefixesOf,
  resolverConfigOf,
  type Settings,
  wipeSecrets,
  withoutSecret,
  withoutSecrets,
} from './settings.ts';
import { socketsOf } from './socket-list.ts';
import { Sockets } from './sockets.ts';
import { peerStatusOf, withMeasures } from './status.ts';

export interface TransportWish {
  relays: string[];
  listenPort: number | undefined;
  /** Gives a token for the relays; undefined where the page has none. */
  token: ((reason: string) => Promise<string>) | undefined;
}

/** What the surroundings must provide. */
export interface EngineHost {
  readonly environment: Environment;
  readonly clock: Clock;
  /**
   * The identity of a private key, whose bytes are wiped. `answered` is called after each answer of its DH that came in a
   * later turn than its question, with what was thrown if that failed. ERR_UNSUPPORTED where the platform cannot use
   * such a key.
   */
  createIdentity(
    privateKey: Uint8Array | CryptoKey,
    answered: (mistake?: unknown) => void,
  ): Promise<StaticIdentity>;
  readonly keys: KeyRegistry;
  /** A transport over the relays; without relays, over UDP sockets where the host has them (else ERR_UNSUPPORTED). */
  createTransport(wish: TransportWish): DatagramTransport | Promise<DatagramTransport>;
  /** A channel to the page, whose far end can go into a message. */
  openChannel(): Channel;
  /** Asks the transport to try again at once, where it waits. */
  retryNow(): void;
  /** The tunnel is closed and all keys are zeroed. */
  finished(): void;
}

const TAKE_IT_OVER = 'Close it, or open this one with `takeOver: true`.';

/** The key that is ours. Once retired it may be taken over without a word. */
interface OwnClaim {
  readonly publicKey: string;
  readonly claim: KeyClaim;
  retire(): Promise<void>;
}

interface Running {
  readonly core: TunnelCore;
  readonly driver: Driver;
  readonly transport: DatagramTransport;
  readonly sockets: Sockets;
  readonly captures: Captures;
}

export class TunnelService implements EngineApi {
  readonly #host: EngineHost;
  readonly #announcer: Announcer;
  #running: Running | undefined;
  /** In force, without any secret. */
  #settings: Settings | undefined;
  /** The end of the last `configure` in the queue. */
  #configured: Promise<unknown> = Promise.resolve();
  #claim: OwnClaim | undefined;
  /** No more calls are taken; what was written may still be on its way. */
  #isClosed = false;
  /** Nothing is left. */
  #isOver = false;

  constructor(host: EngineHost) {
    this.#host = host;
    this.#announcer = new Announcer(host.clock, host.environment.wallClock);
  }

  open(options: EngineOptions, events: Port): Promise<Outcome<void>> {
    return outcomeOf(async () => {
      if (this.#announcer.isStarted || this.#isClosed)
        throw new TunnelError('ERR_IN_USE', 'This engine already runs a tunnel.');
      this.#announcer.start(events);
      try {
        await this.#start(options);
      } catch (error) {
        await this.#end();
        throw error;
      }
    });
  }

  async #start({ config, relays, takeOver, hasTokens }: EngineOptions): Promise<void> {
    checkSettings(config);
    const wish: TransportWish = {
      relays,
      listenPort: config.listenPort,
      token: hasTokens ? this.#announcer.tokens.ask : undefined,
    };
    // A relay is connected to while the browser looks up the key; a UDP port may be held by whom the key is taken from.
    const begun = relays.length > 0 ? this.#beginTransport(wish, config) : undefined;
    begun?.catch(() => {});
    let identity: StaticIdentity | undefined;
    try {
      identity = await this.#host.createIdentity(config.privateKey, this.#answered);
      this.#settings = withoutSecrets({ ...config, peers: [] });
      this.#claim = await this.#claimKey(toBase64(identity.publicKey), takeOver, TAKE_IT_OVER);
      const transport = await (begun ?? this.#openTransport(wish));
      const { core, driver } = this.#assemble(identity, config, transport);
      for (const peer of config.peers) this.addPeer(peer);
      core.device.up(this.#host.clock.now());
      driver.settle();
    } catch (error) {
      identity?.destroy();
      begun?.then(
        (transport) => transport.close(),
        () => {},
      );
      throw error;
    }
  }

  /** The core went on in the identity's own turn. A mistake of ours there is told, and the tunnel goes on. */
  readonly #answered = (mistake?: unknown): void => {
    if (mistake !== undefined) this.#announcer.error(mistake);
    try {
      this.#running?.driver.settle();
    } catch (error) {
      this.#announcer.error(error);
    }
  };

  /** The key is this engine's alone, or there is no tunnel: two with one key would throw each other out again and again. */
  async #claimKey(publicKey: string, takeOver: boolean, advice: string): Promise<OwnClaim> {
    const { keys } = this.#host;
    let isRetired = false;
    const claim = await keys.claim(publicKey, takeOver, {
      lost: () => {
        if (!isRetired) this.#keyTakenOver();
      },
      warn: (message) => this.#announcer.log('warn', message),
    });
    if (!claim)
      throw new TunnelError(
        'ERR_IN_USE',
        `A tunnel with this private key is already open ${keys.scope}. ${advice}`,
        { retryable: true },
      );
    if (!this.#isClosed) {
      const retire = () => {
        isRetired = true;
        return claim.release();
      };
      return { publicKey, claim, retire };
    }
    await claim.release();
    throw new TunnelError('ERR_CLOSED', 'The tunnel is closed.');
  }

  async #beginTransport(wish: TransportWish, { peers }: Settings): Promise<DatagramTransport> {
    const transport = await this.#openTransport(wish);
    if (peers.some(({ endpoint }) => endpoint !== undefined)) transport.begin?.();
    return transport;
  }

  async #openTransport(wish: TransportWish): Promise<DatagramTransport> {
    const transport = await this.#host.createTransport(wish);
    if (!this.#isClosed) return transport;
    transport.close();
    throw new TunnelError('ERR_CLOSED', 'The tunnel is closed.');
  }

  #assemble(identity: StaticIdentity, config: Settings, transport: DatagramTransport): Running {
    const { environment, clock } = this.#host;
    const lastTimestamp = this.#claim?.claim.lastTimestamp;
    const core = new TunnelCore(
      {
        identity,
        addresses: prefixesOf(config.addresses),
        mtu: config.mtu,
        ...(lastTimestamp && { lastTimestamp }),
      },
      environment,
      {
        sendDatagram: (datagram, endpoint) => transport.send(datagram, endpoint),
        notify: (event) => this.#notify(event),
        get congested() {
          return transport.congested;
        },
        get takesShort() {
          return transport.takesShort ?? false;
        },
      },
    );
    core.stack.names.configure(resolverConfigOf(config), clock.now());
    const noted = new Noted();
    const driver = new Driver(clock, transport, core, {
      afterPoll: (now) => noted.drain(now),
      transportState: (state) => this.#announcer.transportChanged(state),
      slept: () => this.#host.retryNow(),
    });
    this.#running = {
      core,
      driver,
      transport,
      sockets: new Sockets(core.stack, driver, noted, this.#host.openChannel),
      captures: new Captures(core, noted, environment.wallClock() - clock.now()),
    };
    return this.#running;
  }

  /** Silent from this turn on: no more datagrams, no more keys. */
  #keyTakenOver(): void {
    const { scope } = this.#host.keys;
    void this.#end(new TunnelError('ERR_IN_USE', `Another tunnel ${scope} has taken over this private key.`));
  }

  /** Adds a peer to the running tunnel; takes its preshared key over and wipes it. */
  addPeer(peer: EnginePeer): void {
    const { core, transport } = this.#require();
    core.device.addPeer(peerConfigOf(peer, transport), this.#host.clock.now());
    if (peer.presharedKey) wipe(peer.presharedKey);
    this.#settings!.peers.push(withoutSecret(peer));
  }

  /** Removes a peer and everything it had; the others do not notice. */
  removePeer(publicKey: Uint8Array): void {
    this.#require().core.device.removePeer(publicKey);
    const name = toBase64(publicKey);
    this.#announcer.forgetSuspicions(name);
    const settings = this.#settings!;
    settings.peers = settings.peers.filter((peer) => toBase64(peer.publicKey) !== name);
  }

  /** For a host that builds more on them than sockets: a gateway. */
  get parts(): Pick<Running, 'core' | 'driver' | 'sockets'> {
    return this.#require();
  }

  configure(change: EngineChange): Promise<Outcome<ConfigureReport>> {
    return outcomeOf(() => {
      const turn = this.#configured.then(() => this.#configure(change)).finally(() => wipeSecrets(change));
      this.#configured = turn.catch(() => {});
      return turn;
    });
  }

  async #configure(change: EngineChange): Promise<ConfigureReport> {
    const { Reconfiguration } = await import('./reconfigure.ts');
    const running = this.#require();
    checkSettings(change);
    const reconfiguration = new Reconfiguration(running, this.#settings!, change);
    const key = change.privateKey && (await this.#newKey(change.privateKey));
    try {
      this.#require();
      await reconfiguration.moveToPort();
      this.#require();
    } catch (error) {
      key?.identity.destroy();
      await key?.own.retire();
      throw error;
    }
    // From here on nothing fails, and nothing comes in between.
    const former = key && this.#claim;
    if (key) this.#claim = key.own;
    const report = reconfiguration.apply(key, running.driver.now());
    this.#settings = withoutSecrets(change);
    if (key) this.#announcer.forgetSuspicions();
    for (const name of report.peers.removed) this.#announcer.forgetSuspicions(name);
    running.driver.settle();
    await former?.retire();
    return report;
  }

  /** Undefined if it is the key that we have. */
  async #newKey(privateKey: Uint8Array | CryptoKey): Promise<(NewKey & { own: OwnClaim }) | undefined> {
    const identity = await this.#host.createIdentity(privateKey, this.#answered);
    const publicKey = toBase64(identity.publicKey);
    try {
      if (publicKey === this.#claim?.publicKey) {
        identity.destroy();
        return undefined;
      }
      const own = await this.#claimKey(publicKey, false, 'Close it first.');
      return { identity, own, lastTimestamp: own.claim.lastTimestamp };
    } catch (error) {
      identity.destroy();
      throw error;
    }
  }

  status(): Promise<Outcome<TunnelStatus>> {
    return outcomeOf(() => {
      const { core, transport } = this.#require();
      const now = this.#host.clock.now();
      const device = core.device.status(now);
      return {
        publicKey: device.publicKey,
        listenPort: transport.localPort,
        fwmark: this.#settings!.fwMark ?? 0,
        addresses: this.#settings!.addresses,
        mtu: this.#settings!.mtu,
        peers: device.peers.map(peerStatusOf),
        transport: withMeasures(this.#announcer.transport, transport),
        tcp: {
          connections: core.stack.tcp.connectionCount,
          retransmits: core.stack.tcp.retransmits,
          blackHoles: core.stack.tcp.blackHoles,
        },
        drops: {
          wireguard: device.drops,
          netstack: { ...core.stack.drops.toRecord(), ...core.stack.tcp.drops.toRecord() },
          transport: transport.drops.toRecord(),
        },
      };
    });
  }

  connectTcp(options: TcpConnectOptions, port: Port): Promise<Outcome<TcpOpened>> {
    return outcomeOf(() => this.#require().sockets.connectTcp(options, port));
  }

  listenTcp(options: TcpListenOptions, port: Port): Promise<Outcome<SocketName>> {
    return outcomeOf(() => this.#require().sockets.listenTcp(options, port));
  }

  bindUdp(options: UdpBindOptions, port: Port): Promise<Outcome<UdpOpened>> {
    return outcomeOf(() => this.#require().sockets.bindUdp(options, port));
  }

  resolve(name: string, type: DnsQueryType): Promise<Outcome<DnsRecord[]>> {
    return outcomeOf(() => this.#require().sockets.resolve(name, type));
  }

  ping(options: PingOptions, port: Port): Promise<Outcome<void>> {
    return outcomeOf(() => this.#require().sockets.ping(options, port));
  }

  traceroute(options: TraceOptions, port: Port): Promise<Outcome<void>> {
    return outcomeOf(() => this.#require().sockets.traceroute(options, port));
  }

  pathMtu(address: string, port: Port): Promise<Outcome<number>> {
    return outcomeOf(() => this.#require().sockets.pathMtu(address, port));
  }

  checkPort(options: PortCheckOptions, port: Port): Promise<Outcome<PortState>> {
    return outcomeOf(() => this.#require().sockets.checkPort(options, port));
  }

  capture(options: CaptureOptions, port: Port): Promise<Outcome<void>> {
    return outcomeOf(() => this.#require().captures.open(options, port));
  }

  tcpInfo(id: number): Promise<Outcome<TcpSocketInfo>> {
    return outcomeOf(() => this.#require().sockets.tcpInfo(id));
  }

  sockets(): Promise<Outcome<SocketStatus[]>> {
    return outcomeOf(() => socketsOf(this.#require().core.stack));
  }

  lookUp(host: string, family: AddressFamily): Promise<Outcome<string[]>> {
    return outcomeOf(() => this.#require().sockets.lookUp(host, family));
  }

  tuneTcp(id: number, options: TcpTuning): Promise<Outcome<void>> {
    return outcomeOf(() => this.#require().sockets.tuneTcp(id, options));
  }

  retryNow(): Promise<Outcome<void>> {
    return outcomeOf(() => {
      // We may have slept: what is overdue comes before whatever waits to be read.
      this.#running?.driver.settle();
      this.#host.retryNow();
    });
  }

  close(timeout: number): Promise<Outcome<void>> {
    return outcomeOf(async () => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      await this.#running?.sockets.finish(timeout);
      await this.#end();
    });
  }

  /** Ends everything and zeroes all keys before it returns; what it resolves with is only the registry's good-bye. */
  async #end(error?: TunnelError): Promise<void> {
    if (this.#isOver) return;
    this.#isClosed = this.#isOver = true;
    this.#running?.sockets.abandon();
    this.#running?.captures.close();
    this.#running?.core.close();
    this.#running?.driver.close();
    this.#running = undefined;
    this.#host.environment.crypto.wipe();
    await this.#claim?.retire();
    this.#announcer.close(error);
    this.#host.finished();
  }

  #notify(event: DeviceEvent): void {
    if (event.type === 'handshake-attempt') this.#keepTimestamp();
    this.#announcer.deviceEvent(event);
  }

  /** So that the next engine with this key goes on from there, even if the clock was set back meanwhile. */
  #keepTimestamp(): void {
    const last = this.#running?.core.device.lastTimestamp;
    if (last) this.#claim?.claim.saveTimestamp(last);
  }

  #require(): Running {
    if (this.#running && !this.#isClosed) return this.#running;
    throw new TunnelError('ERR_CLOSED', 'The tunnel is closed.');
  }
}
