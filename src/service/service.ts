// The engine as the page sees it: one tunnel and its sockets, behind the bridge's contract. A host (a Worker, or Node
// itself) gives it a clock, a transport and the WASM module; everything else is the core.
import type {
  ConfigureReport,
  EngineApi,
  EngineChange,
  EngineEvent,
  EngineOptions,
  EnginePeer,
  LogLevel,
  PingOptions,
  SocketName,
  TcpConnectOptions,
  TcpListenOptions,
  TcpOpened,
  TcpSocketInfo,
  TunnelStatus,
  UdpBindOptions,
  UdpOpened,
} from '../bridge/api.ts';
import { type Outcome, outcomeOf, toPlainError } from '../bridge/errors.ts';
import { toBase64, wipe } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { StaticIdentity } from '../core/crypto/identity.ts';
import { Driver } from '../core/driver.ts';
import { printEndpoint } from '../core/endpoint.ts';
import type { Environment } from '../core/environment.ts';
import { TunnelError } from '../core/errors.ts';
import type { TcpConnection } from '../core/netstack/tcp/connection.ts';
import { type Instant, SECOND } from '../core/time.ts';
import type { DatagramTransport, EndpointProblem, TransportState } from '../core/transport.ts';
import { TunnelCore } from '../core/tunnel.ts';
import type { DeviceEvent } from '../core/wireguard/device.ts';
import { KeyConflict } from './key-conflict.ts';
import type { KeyClaim, KeyRegistry } from './key-registry.ts';
import { ListenerPipe } from './listener-pipe.ts';
import { logLinesOf } from './log-lines.ts';
import { Noted } from './noted.ts';
import { PingRun } from './ping-run.ts';
import {
  checkSettings,
  type NewKey,
  peerConfigOf,
  prefixesOf,
  Reconfiguration,
  type Settings,
  wipeSecrets,
  withoutSecret,
  withoutSecrets,
} from './reconfigure.ts';
import { peerStatusOf, transportStatusOf } from './status.ts';
import { TcpPipe } from './tcp-pipe.ts';
import { addressOf, nameOf, socketAddressOf, UdpPipe } from './udp-pipe.ts';

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
  createTransport(relays: string[], listenPort: number | undefined): DatagramTransport;
  /** Asks the transport to try again at once, where it waits. */
  retryNow(): void;
  /** The tunnel is closed and all keys are zeroed. */
  finished(): void;
}

/** After this many unanswered initiations (10 s) we say that there is no answer; the handshake goes on trying. */
const ATTEMPTS_BEFORE_SILENCE = 3;
const TAKE_IT_OVER = 'Close it, or open this one with `takeOver: true`.';
const DEFAULT_OPEN_TIMEOUT = 180 * SECOND;
const MAX_SOCKETS = 65_536;

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
}

export class TunnelService implements EngineApi {
  readonly #host: EngineHost;
  readonly #noted = new Noted();
  readonly #tcpPipes = new Map<number, TcpPipe>();
  readonly #others = new Set<ListenerPipe | UdpPipe | PingRun>();
  #nextId = 1;
  #running: Running | undefined;
  /** In force, without any secret. */
  #settings: Settings | undefined;
  /** The end of the last `configure` in the queue. */
  #configured: Promise<unknown> = Promise.resolve();
  #events: MessagePort | undefined;
  #claim: OwnClaim | undefined;
  /** By peer: signs that another device uses our key. */
  readonly #conflicts = new Map<string, KeyConflict>();
  #transportState: TransportState | undefined;
  /** No more calls are taken; what was written may still be on its way. */
  #isClosed = false;
  /** Nothing is left. */
  #isOver = false;
  /** Ends the wait for what was written. */
  #stopWaiting = () => {};

  constructor(host: EngineHost) {
    this.#host = host;
  }

  open(options: EngineOptions, events: MessagePort): Promise<Outcome<void>> {
    return outcomeOf(async () => {
      if (this.#events || this.#isClosed)
        throw new TunnelError('ERR_IN_USE', 'This engine already runs a tunnel.');
      this.#events = events;
      try {
        await this.#start(options);
      } catch (error) {
        await this.#end();
        throw error;
      }
    });
  }

  async #start({ config, relays, takeOver }: EngineOptions): Promise<void> {
    checkSettings(config);
    const identity = await this.#host.createIdentity(config.privateKey, this.#answered);
    this.#settings = withoutSecrets({ ...config, peers: [] });
    try {
      this.#claim = await this.#claimKey(toBase64(identity.publicKey), takeOver, TAKE_IT_OVER);
      const { core, driver } = this.#assemble(identity, config, relays);
      for (const peer of config.peers) this.addPeer(peer);
      core.device.up(this.#host.clock.now());
      driver.settle();
    } catch (error) {
      identity.destroy();
      throw error;
    }
  }

  /** The core went on in the identity's own turn. A mistake of ours there is told, and the tunnel goes on. */
  readonly #answered = (mistake?: unknown): void => {
    if (mistake !== undefined) this.#post({ type: 'error', error: toPlainError(mistake) });
    try {
      this.#running?.driver.settle();
    } catch (error) {
      this.#post({ type: 'error', error: toPlainError(error) });
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
      warn: (message) => this.#log('warn', message),
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

  #assemble(identity: StaticIdentity, config: Settings, relays: string[]): Running {
    const { environment, clock } = this.#host;
    const transport = this.#host.createTransport(relays, config.listenPort);
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
      },
    );
    const driver = new Driver(clock, transport, core, {
      afterPoll: (now) => this.#noted.drain(now),
      transportState: (state) => this.#transportChanged(state),
      slept: () => this.#host.retryNow(),
    });
    this.#running = { core, driver, transport };
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
    this.#conflicts.delete(name);
    const settings = this.#settings!;
    settings.peers = settings.peers.filter((peer) => toBase64(peer.publicKey) !== name);
  }

  configure(change: EngineChange): Promise<Outcome<ConfigureReport>> {
    return outcomeOf(() => {
      const turn = this.#configured.then(() => this.#configure(change)).finally(() => wipeSecrets(change));
      this.#configured = turn.catch(() => {});
      return turn;
    });
  }

  async #configure(change: EngineChange): Promise<ConfigureReport> {
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
    if (key) this.#conflicts.clear();
    for (const name of report.peers.removed) this.#conflicts.delete(name);
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
        transport: this.#transportState
          ? transportStatusOf(this.#transportState, now, this.#host.environment.wallClock())
          : { state: 'connecting', via: '', problems: [], localPorts: [] },
        drops: {
          wireguard: device.drops,
          netstack: { ...core.stack.drops.toRecord(), ...core.stack.tcp.drops.toRecord() },
          transport: transport.drops.toRecord(),
        },
      };
    });
  }

  connectTcp(options: TcpConnectOptions, port: MessagePort): Promise<Outcome<TcpOpened>> {
    return outcomeOf(async () => {
      const { core, driver } = this.#require();
      const now = driver.now();
      const remote = socketAddressOf({ address: options.remoteAddress, port: options.remotePort });
      const connection = core.stack.connectTcp(remote, options, now);
      const pipe = this.#addPipe(connection, port);
      driver.add(pipe);
      const opened = pipe.opened(now + (options.timeout ?? DEFAULT_OPEN_TIMEOUT));
      driver.settle();
      await opened;
      driver.remove(pipe);
      return openedOf(pipe);
    });
  }

  listenTcp(options: TcpListenOptions, port: MessagePort): Promise<Outcome<SocketName>> {
    return outcomeOf(() => {
      const { core, driver } = this.#require();
      const listener = core.stack.listenTcp(
        {
          address: addressOf(options.localAddress),
          ...(options.localPort !== undefined && { port: options.localPort }),
          ...(options.backlog !== undefined && { backlog: options.backlog }),
          ...(options.ipv6Only !== undefined && { ipv6Only: options.ipv6Only }),
        },
        driver.now(),
      );
      this.#others.add(
        new ListenerPipe(listener, port, {
          noted: this.#noted,
          settle: driver.settle,
          adopt: (connection, pipePort) => openedOf(this.#addPipe(connection, pipePort)),
          listenerFinished: (pipe) => this.#others.delete(pipe),
        }),
      );
      return { address: options.localAddress, port: listener.local.port };
    });
  }

  bindUdp(options: UdpBindOptions, port: MessagePort): Promise<Outcome<UdpOpened>> {
    return outcomeOf(() => {
      const { core, driver } = this.#require();
      const binding = core.stack.bindUdp({
        ...(options.local && { address: addressOf(options.local.address) }),
        ...(options.local?.port !== undefined && { port: options.local.port }),
        ...(options.remote && { remote: socketAddressOf(options.remote) }),
        ...(options.ipv6Only !== undefined && { ipv6Only: options.ipv6Only }),
        ...(options.ttl !== undefined && { ttl: options.ttl }),
        ...(options.tos !== undefined && { tos: options.tos }),
      });
      this.#others.add(
        new UdpPipe(binding, port, {
          noted: this.#noted,
          settle: driver.settle,
          udpFinished: (pipe) => this.#others.delete(pipe),
        }),
      );
      return { local: nameOf(binding.local), remote: options.remote };
    });
  }

  ping(options: PingOptions, port: MessagePort): Promise<Outcome<void>> {
    return outcomeOf(() => {
      const { core, driver } = this.#require();
      const run = new PingRun(core.stack.openPing(addressOf(options.address)), options, port, {
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
    });
  }

  tcpInfo(id: number): Promise<Outcome<TcpSocketInfo>> {
    return outcomeOf(() => {
      const pipe = this.#tcpPipes.get(id);
      if (!pipe) throw new TunnelError('ERR_CLOSED', 'The socket is closed.');
      return pipe.connection.info();
    });
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
      if (this.#running) await this.#closeSockets(timeout);
      await this.#end();
    });
  }

  /** Ends everything and zeroes all keys before it returns; what it resolves with is only the registry's good-bye. */
  async #end(error?: TunnelError): Promise<void> {
    if (this.#isOver) return;
    this.#isClosed = this.#isOver = true;
    this.#stopWaiting();
    this.#running?.core.close();
    this.#running?.driver.close();
    this.#running = undefined;
    this.#host.environment.crypto.wipe();
    await this.#claim?.retire();
    this.#post({ type: 'close', ...(error && { error: toPlainError(error) }) });
    this.#host.finished();
  }

  /** Lets TCP finish what was written; resolves when it has, or when the time is over. */
  #closeSockets(timeout: number): Promise<void> {
    const { driver } = this.#running!;
    const connections = [...this.#tcpPipes.values()].map(({ connection }) => connection);
    for (const pipe of [...this.#tcpPipes.values()]) pipe.endOfTunnel();
    for (const other of [...this.#others]) other.close();
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

  #addPipe(connection: TcpConnection, port: MessagePort): TcpPipe {
    if (this.#tcpPipes.size >= MAX_SOCKETS) {
      connection.abort();
      throw new TunnelError('ERR_LIMIT', `At most ${MAX_SOCKETS} TCP sockets can be open at once.`, {
        retryable: true,
      });
    }
    const { driver } = this.#require();
    const pipe = new TcpPipe(this.#nextId++, connection, port, {
      noted: this.#noted,
      settle: driver.settle,
      finished: (finished) => {
        this.#tcpPipes.delete(finished.id);
        driver.remove(finished);
      },
    });
    this.#tcpPipes.set(pipe.id, pipe);
    return pipe;
  }

  #notify(event: DeviceEvent): void {
    const peer = 'publicKey' in event ? toBase64(event.publicKey) : undefined;
    for (const { level, message } of logLinesOf(event)) this.#log(level, message, peer ? { peer } : {});
    if (peer === undefined) return;
    this.#notifyOfPeer(event, peer);
    if (this.#conflictWith(peer).take(event, this.#host.clock.now())) this.#postError(inUseElsewhere(peer));
  }

  #conflictWith(peer: string): KeyConflict {
    let conflict = this.#conflicts.get(peer);
    if (!conflict) this.#conflicts.set(peer, (conflict = new KeyConflict()));
    return conflict;
  }

  #notifyOfPeer(event: DeviceEvent, peer: string): void {
    switch (event.type) {
      case 'handshake':
        this.#post({ type: 'handshake', peer });
        break;
      case 'handshake-attempt':
        this.#keepTimestamp();
        this.#post({ type: 'peer', peer, change: 'attempt', attempt: event.attempt });
        if (event.attempt === ATTEMPTS_BEFORE_SILENCE) this.#postError(silence(peer));
        break;
      case 'gave-up':
        this.#post({ type: 'peer', peer, change: 'gave-up' });
        break;
      case 'roamed':
        this.#post({ type: 'peer', peer, change: 'roamed' });
        break;
      case 'psk-mismatch':
        this.#postError(
          new TunnelError('ERR_PSK_MISMATCH', 'The peer answered, but the preshared key differs from ours.', {
            retryable: true,
            leg: 'peer',
            peer,
          }),
        );
        break;
      default:
        break;
    }
  }

  /** So that the next engine with this key goes on from there, even if the clock was set back meanwhile. */
  #keepTimestamp(): void {
    const last = this.#running?.core.device.lastTimestamp;
    if (last) this.#claim?.claim.saveTimestamp(last);
  }

  #transportChanged(state: TransportState): void {
    const known = new Set(this.#transportState?.problems.map(keyOf));
    const noticed = new Set(this.#transportState?.notices?.map(keyOf));
    const wasError = errorOf(this.#transportState);
    this.#transportState = state;
    const { clock, environment } = this.#host;
    this.#post({
      type: 'transport',
      transport: transportStatusOf(state, clock.now(), environment.wallClock()),
    });
    const error = errorOf(state);
    if (error && error.code !== wasError?.code) this.#postError(error);
    for (const problem of state.problems) if (!known.has(keyOf(problem))) this.#postError(problem.error);
    for (const notice of state.notices ?? [])
      if (!noticed.has(keyOf(notice))) this.#log('info', notice.error.message, { code: notice.error.code });
  }

  #log(level: LogLevel, message: string, fields: Record<string, unknown> = {}): void {
    this.#post({ type: 'log', level, message, fields });
  }

  #postError(error: TunnelError): void {
    this.#post({ type: 'error', error: toPlainError(error) });
  }

  #post(event: EngineEvent): void {
    this.#events?.postMessage(event);
  }

  #require(): Running {
    if (this.#running && !this.#isClosed) return this.#running;
    throw new TunnelError('ERR_CLOSED', 'The tunnel is closed.');
  }
}

function openedOf(pipe: TcpPipe): TcpOpened {
  const { local, remote } = pipe.connection;
  return { id: pipe.id, local: nameOf(local), remote: nameOf(remote) };
}

/** Nothing of what was accepted is still to be delivered. */
function isQuiet(connection: TcpConnection): boolean {
  return ['CLOSED', 'TIME-WAIT', 'FIN-WAIT-2'].includes(connection.state);
}

/** The same for the same thing said again. */
function keyOf({ endpoint, error }: EndpointProblem): string {
  return printEndpoint(endpoint) + error.code;
}

function errorOf(state: TransportState | undefined): TunnelError | undefined {
  return state?.state === 'waiting' || state?.state === 'failed' ? state.error : undefined;
}

function inUseElsewhere(peer: string): TunnelError {
  return new TunnelError(
    'ERR_IN_USE',
    'This key is probably in use elsewhere: good connections are lost again and again as if another device had taken them over. Give each device a private key of its own.',
    { retryable: true, leg: 'peer', peer },
  );
}

function silence(peer: string): TunnelError {
  return new TunnelError(
    'ERR_HANDSHAKE_TIMEOUT',
    'The peer does not answer. WireGuard answers a wrong key with silence: the address, the port and both public keys must be right.',
    { retryable: true, leg: 'peer', peer },
  );
}
