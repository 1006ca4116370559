/// <reference lib="esnext.disposable" preserve="true" />
import { transfer } from 'comlink';
import type {
  AddressFamily,
  ConfigureReport,
  DnsQueryType,
  EngineAnswer,
  EngineEvent,
  EngineNames,
  EngineOptions,
  Hop,
  LogLevel,
  PingReply,
  PortState,
  SocketStatus,
  TransportStatus,
  TunnelStatus,
} from '../bridge/api.ts';
import { fromPlainError } from '../bridge/errors.ts';
import { TunnelError } from '../core/errors.ts';
import type { ConfigIssue, TunnelConfig } from '../core/wireguard/config.ts';
import { type CaptureOptions, capture } from './capture.ts';
import {
  type ConfigSources,
  engineChangeOf,
  engineConfigOf,
  secretBuffersOf,
  wipeSecrets,
} from './config.ts';
import type { Check, DiagnoseOptions } from './diagnose.ts';
import type { CheckPortOptions, PathMtuOptions, TracerouteOptions } from './diagnostics.ts';
import { Dialer } from './dialer.ts';
import { type DnsOptions, engineNamesOf } from './dns-options.ts';
import type { EngineAssets, EngineClient, EngineLauncher } from './engine-client.ts';
import { fetchThrough, type TunnelRequestInit } from './fetch.ts';
import { asciiHost } from './host-name.ts';
import { checkOptions, relaysOf } from './open-options.ts';
import type { PingOptions } from './ping.ts';
import { Readiness } from './readiness.ts';
import { type DnsRecordsOf, resolve } from './resolve.ts';
import { connect, type Socket, type SocketOptions } from './socket.ts';
import type { SocketAddress } from './socket-address.ts';
import { TCPServerSocket, type TCPServerSocketOptions } from './tcp-server-socket.ts';
import { connectTcpSocket, TCPSocket, type TCPSocketOptions } from './tcp-socket.ts';
import type { TlsHook } from './tls.ts';
import { UDPSocket, type UDPSocketOptions } from './udp-socket.ts';
import { WebSocket } from './websocket/websocket.ts';

export type { LogLevel };

/** What `Tunnel.open` takes beside the configuration. */
export interface TunnelOptions {
  /** Relay URLs (`ws:` or `wss:`), tried in order. Needed in a page; in Node, absent means UDP directly. */
  relay?: string | readonly string[];
  /**
   * For relays that want one: a token, or better a function that gets one, asked before every connection. `reason` is
   * `connect`, `reconnect`, or the word with which the relay refused the one before, such as `token_expired`.
   */
  token?: string | ((reason: string) => string | Promise<string>);
  /** In place of the file's PrivateKey: an X25519 CryptoKey, which need not be extractable, or base64 text. */
  privateKey?: string | CryptoKey;
  /** Another tab holds this key: false rejects with ERR_IN_USE, true takes it over. */
  takeOver?: boolean;
  /** Where the worker and the WASM are, where a bundler or a CDN has moved them. */
  assets?: EngineAssets;
  /** What is known of names beside the DNS servers of the configuration; `configure` leaves it as it is. */
  dns?: DnsOptions;
  /** A TLS layer for `https:`, `wss:` and `secureTransport`, which fail with ERR_TLS_UNAVAILABLE without one. */
  tls?: TlsHook;
  /** Aborts opening; afterwards, closes the tunnel. */
  signal?: AbortSignal;
  /** Told every line of the log: what happened, and about whom. Never a secret. */
  logger?: (level: LogLevel, message: string, fields: Record<string, unknown>) => void;
}

/** What `tunnel.configure` takes beside the configuration. */
export interface ConfigureOptions {
  /** Base64, or an X25519 CryptoKey, in place of the file's PrivateKey. */
  privateKey?: string | CryptoKey;
}

/** The `detail` of each event that a Tunnel dispatches. */
export interface TunnelEvents {
  /** A session with this peer was established or renewed. */
  handshake: {
    /** Its public key (base64). */
    peer: string;
  };
  /** Something about a peer is another than before. */
  peer: {
    /** Its public key (base64). */
    peer: string;
    /** Its datagrams come from elsewhere; an initiation was sent to it; nobody answered ninety seconds of them. */
    change: 'roamed' | 'attempt' | 'gave-up';
    /** Of `attempt`: the number of the initiation since the last answer. */
    attempt?: number;
  };
  /** The way out is in another state than before. */
  transport: TransportStatus;
  /** Something went wrong that no call rejects with. */
  error: {
    /** What. */
    error: TunnelError;
  };
  /** The tunnel is closed; after an `error` if nobody asked for it. */
  close: null;
}

/** The constructor `tunnel.WebSocket`, with the standard's constants. */
export type BoundWebSocket = Pick<typeof WebSocket, 'CONNECTING' | 'OPEN' | 'CLOSING' | 'CLOSED'> &
  (new (
    url: string | URL,
    protocols?: string | readonly string[],
  ) => WebSocket);

/** How long `close` waits for what was written to be acknowledged, in milliseconds. */
const CLOSE_TIMEOUT = 2000;

/** A WireGuard tunnel and the network behind it. Made by `Tunnel.open`. */
export class Tunnel extends EventTarget {
  /** Direct Sockets' TCPSocket, for connections inside the tunnel. Throws a TypeError for options that are none. */
  readonly TCPSocket: new (
    remoteAddress: string,
    remotePort: number,
    options?: TCPSocketOptions,
  ) => TCPSocket;
  /** Direct Sockets' UDPSocket, connected or bound, inside the tunnel. Throws a TypeError for options that are none. */
  readonly UDPSocket: new (
    options?: UDPSocketOptions,
  ) => UDPSocket;
  /** Direct Sockets' TCPServerSocket, listening inside the tunnel. Throws a TypeError for options that are none. */
  readonly TCPServerSocket: new (
    localAddress: string,
    options?: TCPServerSocketOptions,
  ) => TCPServerSocket;
  /** The WebSocket standard's, for `ws:` over the tunnel (`wss:` with the TLS layer of `Tunnel.open`). */
  readonly WebSocket: BoundWebSocket;
  /**
   * A TCP connection in the shape of the WinterTC Sockets API: to `host:port`, an IPv6 address in brackets. Returns at once;
   * throws a TypeError for an address or an option that is none. All failures are SocketErrors (TypeErrors) whose `cause`
   * is the TunnelError. It needs no `this`: programs that want a `connect` can be given it.
   */
  readonly connect: (address: string | SocketAddress, options?: SocketOptions) => Socket;
  /**
   * The fetch standard's `fetch`, through the tunnel: `http:`, and `https:` with a TLS layer (`tls` of `Tunnel.open`). URLs
   * are absolute. Rejects with the signal's reason when aborted, else with a TypeError whose `cause`, for a failure of the
   * network, is the TunnelError: ERR_HTTP, ERR_TIMEOUT, ERR_TLS_UNAVAILABLE, those of sockets. There is no origin here, so
   * no CORS, and no cache; `credentials` other than `omit` use the tunnel's cookies. It needs no `this`: programs that want a
   * `fetch` can be given it.
   *
   * A `Request` loses Cookie, Host and some more when it is made: give them as `init.headers`. A `Response` hides
   * Set-Cookie in a browser, and has no informational answers: `init.tunnel.onHead` is told every head. `redirect: 'manual'`
   * gives the redirect itself. `integrity` is refused.
   */
  readonly fetch: (input: RequestInfo | URL, init?: TunnelRequestInit) => Promise<Response>;
  readonly #engine: EngineClient;
  readonly #dialer: Dialer;
  readonly #events: MessagePort;
  readonly #readiness = new Readiness();
  #loggedTurn = '';
  readonly #logger: TunnelOptions['logger'];
  #isRelayed = false;
  #token: TunnelOptions['token'];
  /** Whether the private key was given beside the file, whose own does not count then. */
  #isKeyGiven = false;
  #names: EngineNames | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Opens a tunnel: parses the configuration, starts an engine, initiates to every peer that has an endpoint.
   * Rejects with a TunnelError: ERR_CONFIG, ERR_UNSUPPORTED, ERR_WORKER.
   * @internal The entry points bind `launch` to their surroundings.
   */
  static async openWith<T extends Tunnel>(
    this: new (
      engine: EngineClient,
      events: MessagePort,
      logger: TunnelOptions['logger'],
    ) => T,
    launch: EngineLauncher,
    config: string | TunnelConfig,
    options: TunnelOptions,
    { needsRelay }: { needsRelay: boolean },
  ): Promise<T> {
    checkOptions(options);
    options.signal?.throwIfAborted();
    const relays = relaysOf(options, needsRelay);
    const { privateKey, takeOver = false } = options;
    const isRelayed = relays.length > 0;
    const remark = remarkTo(options.logger);
    const names = engineNamesOf(options.dns);
    const engineConfig = engineConfigOf(config, { privateKey, isRelayed, names, remark });
    try {
      const engine = await launch(options.assets ?? {});
      const { port1, port2 } = new MessageChannel();
      const tunnel = new this(engine, port1, options.logger);
      tunnel.#isRelayed = isRelayed;
      tunnel.#names = names;
      tunnel.#isKeyGiven = privateKey !== undefined;
      tunnel.#token = options.token;
      tunnel.#dialer.tls = options.tls;
      const hasTokens = options.token !== undefined;
      await tunnel.#open({ config: engineConfig, relays, takeOver, hasTokens }, port2, options.signal);
      return tunnel;
    } finally {
      wipeSecrets(engineConfig);
    }
  }

  /** @internal Use `Tunnel.open`. */
  constructor(engine: EngineClient, events: MessagePort, logger: TunnelOptions['logger']) {
    super();
    this.#engine = engine;
    this.#dialer = new Dialer(engine);
    this.fetch = fetchThrough(this.#dialer);
    this.connect = (address, options) => connect(this.#dialer, address, options);
    this.#events = events;
    this.#logger = logger;
    events.onmessage = ({ data }: MessageEvent<EngineEvent>) => this.#receive(data);
    engine.onDeath((error) => this.#ended(error));
    // Each constructor is bound to this tunnel, so that code written for the global classes works with these.
    this.TCPSocket = boundConstructor(
      TCPSocket,
      (remoteAddress: string, remotePort: number, options?: TCPSocketOptions) =>
        connectTcpSocket(engine, remoteAddress, remotePort, options),
    );
    this.UDPSocket = boundConstructor(
      UDPSocket,
      (options?: UDPSocketOptions) => new UDPSocket(engine, options),
    );
    this.TCPServerSocket = boundConstructor(
      TCPServerSocket,
      (localAddress: string, options?: TCPServerSocketOptions) =>
        new TCPServerSocket(engine, localAddress, options),
    );
    this.WebSocket = boundConstructor(
      WebSocket,
      (url: string | URL, protocols?: string | readonly string[]) =>
        new WebSocket(this.#dialer, url, protocols),
    ) as BoundWebSocket;
  }

  async #open(options: EngineOptions, events: MessagePort, signal: AbortSignal | undefined): Promise<void> {
    const secrets = secretBuffersOf(options.config);
    try {
      await this.#engine.call((api) => api.open(transfer(options, secrets), transfer(events, [events])));
      signal?.throwIfAborted();
    } catch (error) {
      this.#ended(
        error instanceof TunnelError ? error : new TunnelError('ERR_CLOSED', 'Opening was aborted.'),
      );
      throw error;
    }
    signal?.addEventListener('abort', () => void this.close(), { once: true });
  }

  /**
   * Resolves with the first handshake with any peer. A rejection whose error is `retryable` is not the end: the tunnel
   * goes on trying, and `ready`, read again, is a new promise.
   */
  get ready(): Promise<undefined> {
    return this.#readiness.any;
  }

  /** Resolves with the first handshake with this peer (base64 public key). Rejects as `ready` does, or with ERR_CONFIG. */
  peerReady(publicKey: string, { signal }: { signal?: AbortSignal } = {}): Promise<undefined> {
    return this.#readiness.of(publicKey, signal);
  }

  /** What `wg show` shows, and the transport beside it. Rejects with ERR_CLOSED when the tunnel is closed. */
  status(): Promise<TunnelStatus> {
    return this.#engine.call((api) => api.status());
  }

  /**
   * What `ss` shows: every socket of this tunnel, with TCP's state, round trip, window and retransmissions. Rejects with
   * ERR_CLOSED when the tunnel is closed.
   */
  sockets(): Promise<SocketStatus[]> {
    return this.#engine.call((api) => api.sockets());
  }

  /**
   * Brings the running tunnel to another configuration, as `wg syncconf` does: peers that it does not list are removed,
   * new ones added, changed ones changed; all others keep their sessions, endpoints and counters, and lose no packet.
   * All of it or nothing: ERR_CONFIG (a ConfigError for a line of the file), ERR_IN_USE (the new key is another
   * tunnel's), ERR_ADDRESS_IN_USE (the new ListenPort is taken), ERR_CLOSED. Calls are served one after the other.
   *
   * Without PrivateKey the present key stays; and where a key was given beside the file, the file's never counts. A
   * peer that has roamed stays where it is unless its Endpoint is another than in the configuration before. A preshared
   * key counts from the next handshake on. The report says what a changed key, address, MTU or port has reset.
   */
  async configure(config: string | TunnelConfig, options: ConfigureOptions = {}): Promise<ConfigureReport> {
    const { privateKey } = options;
    const change = engineChangeOf(config, {
      privateKey,
      isRelayed: this.#isRelayed,
      names: this.#names,
      remark: remarkTo(this.#logger),
    });
    if (privateKey === undefined && this.#isKeyGiven && change.privateKey !== undefined) {
      wipeSecrets({ ...change, peers: [] });
      delete change.privateKey;
      this.#log(
        'warn',
        'PrivateKey of the configuration is not used: this tunnel was given its key beside it',
        {},
      );
    }
    try {
      const secrets = secretBuffersOf(change);
      const report = await this.#engine.call((api) => api.configure(transfer(change, secrets)));
      this.#isKeyGiven ||= privateKey !== undefined;
      for (const peer of report.peers.removed) this.#readiness.removed(peer);
      return report;
    } finally {
      wipeSecrets(change);
    }
  }

  /**
   * Looks a name up at the DNS servers of the configuration, through the tunnel. Of an address, PTR gives the names.
   * Rejects with ERR_NAME_NOT_RESOLVED, which says who said what, or ERR_LIMIT.
   */
  resolve<Type extends DnsQueryType = 'A'>(
    name: string,
    type: Type = 'A' as Type,
  ): Promise<DnsRecordsOf<Type>> {
    return resolve(this.#engine, name, type);
  }

  /** @internal The TLS layer that it was opened with, for the Node stand-ins. */
  get tls(): TlsHook | undefined {
    return this.#dialer.tls;
  }

  /**
   * @internal The addresses of a host, best first, as the sockets find them: with `dns.hosts`, where `resolve` always asks.
   * For the Node stand-ins' dns.lookup.
   */
  lookUp(host: string, family?: AddressFamily): Promise<string[]> {
    return this.#engine.call((api) => api.lookUp(asciiHost(host), family));
  }

  /**
   * ICMP echo to a host inside the tunnel, by address or name (RFC 792, RFC 4443 §4). A request that is lost or refused is a
   * result. The iteration throws a TypeError for an option out of range, ERR_NAME_NOT_RESOLVED, ERR_NO_ROUTE where no
   * peer's AllowedIPs have the address, ERR_MESSAGE_TOO_LONG for `size` or for what `dontFragment` keeps from leaving,
   * ERR_LIMIT beyond 1024 pings at a time, ERR_CLOSED, and the signal's reason.
   */
  async *ping(host: string, options: PingOptions = {}): AsyncGenerator<PingReply> {
    const { ping } = await import('./ping.ts');
    yield* ping(this.#engine, host, options);
  }

  /**
   * The way to a host inside the tunnel, hop by hop: probes with growing hop limits, and the Time Exceeded messages that
   * they bring back (RFC 792, RFC 4443 §3.3). A silent router is a result, too. The iteration throws a TypeError for an
   * option out of range, ERR_NAME_NOT_RESOLVED, ERR_NO_ROUTE, ERR_LIMIT where too many of these, of `pathMtu` and of
   * `checkPort` run, ERR_CLOSED, and the signal's reason.
   */
  async *traceroute(host: string, options: TracerouteOptions = {}): AsyncGenerator<Hop> {
    const { traceroute } = await import('./diagnostics.ts');
    yield* traceroute(this.#engine, host, options);
  }

  /**
   * What the way to a host inside the tunnel carries, in bytes of whole IP packet (RFC 8899 §5, RFC 1191, RFC 8201). The host
   * must answer pings: rejects with ERR_TIMEOUT if it does not, ERR_HOST_UNREACHABLE if there is no way; and with
   * ERR_NAME_NOT_RESOLVED, ERR_NO_ROUTE, ERR_LIMIT, ERR_CLOSED, or the signal's reason.
   */
  async pathMtu(host: string, options: PathMtuOptions = {}): Promise<number> {
    const { pathMtu } = await import('./diagnostics.ts');
    return pathMtu(this.#engine, host, options);
  }

  /**
   * Whether somebody listens on a TCP port of a host inside the tunnel: a connection is begun (RFC 9293 §3.5), and reset once
   * there is one. Silence is an answer, `filtered`. Rejects with a TypeError for an argument out of range,
   * ERR_NAME_NOT_RESOLVED, ERR_NO_ROUTE, ERR_LIMIT, ERR_CLOSED, or the signal's reason.
   */
  async checkPort(host: string, port: number, options: CheckPortOptions = {}): Promise<PortState> {
    const { checkPort } = await import('./diagnostics.ts');
    return checkPort(this.#engine, host, port, options);
  }

  /**
   * The inner packets from now on, as a pcapng file that Wireshark opens, until the stream is cancelled or the tunnel ends.
   * Reading rejects with a TypeError for a filter that is none, with ERR_LIMIT if too many captures run.
   */
  capture(options: CaptureOptions = {}): ReadableStream<Uint8Array<ArrayBuffer>> {
    return capture(this.#engine, options);
  }

  /**
   * Looks at the way leg by leg: browser, relay, each peer's endpoint and handshake, a host inside. `ok` is what was seen
   * to work; what could not be seen is not ok, and `detail` says so. The iteration throws the signal's reason, or
   * ERR_CLOSED when the tunnel is closed meanwhile.
   */
  async *diagnose(options: DiagnoseOptions = {}): AsyncGenerator<Check> {
    const { diagnose } = await import('./diagnose.ts');
    yield* diagnose(this, options);
  }

  /**
   * Sends what was written, for at most `timeout` ms, then ends every socket and zeroes all keys. Idempotent. It never
   * rejects: a tunnel that ended by itself is closed.
   */
  close({ timeout = CLOSE_TIMEOUT }: { timeout?: number } = {}): Promise<void> {
    this.#closing ??= this.#engine
      .call((api) => api.close(timeout))
      .catch(() => {})
      .finally(() => this.#ended(new TunnelError('ERR_CLOSED', 'The tunnel is closed.')));
    return this.#closing;
  }

  /** As an EventTarget does it; `detail` of each of TunnelEvents has its type. */
  override addEventListener<Type extends keyof TunnelEvents>(
    type: Type,
    listener: (event: CustomEvent<TunnelEvents[Type]>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: ((event: never) => void) | EventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListener | EventListenerObject | null, options);
  }

  /** For `await using`: closes the tunnel, as `close()` does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #receive(event: EngineEvent): void {
    switch (event.type) {
      case 'log':
        this.#log(event.level, event.message, event.fields);
        break;
      case 'handshake':
        this.#readiness.handshake(event.peer);
        this.#dispatch('handshake', { peer: event.peer });
        break;
      case 'peer': {
        const { type: _, ...detail } = event;
        this.#dispatch('peer', detail);
        break;
      }
      case 'transport':
        this.#logTransport(event.transport);
        if (event.transport.state === 'open') this.#readiness.reachesRelay();
        this.#dispatch('transport', event.transport);
        break;
      case 'error': {
        const error = fromPlainError(event.error);
        this.#readiness.failed(error);
        this.#log('warn', error.message, { code: error.code });
        this.#dispatch('error', { error });
        break;
      }
      case 'token':
        void this.#answerToken(event.id, event.reason);
        break;
      case 'close':
        if (event.error) this.#ended(fromPlainError(event.error));
        break;
      default:
        event satisfies never;
    }
  }

  async #answerToken(id: number, reason: string): Promise<void> {
    const answer: EngineAnswer = { id };
    try {
      answer.token = await (typeof this.#token === 'function' ? this.#token(reason) : this.#token!);
    } catch (error) {
      answer.error = error instanceof Error ? error.message : String(error);
    }
    // A closed tunnel's port takes it and says nothing.
    this.#events.postMessage(answer);
  }

  /** The engine is gone, by our wish or not. */
  #ended(error: TunnelError): void {
    if (!this.#events.onmessage) return;
    this.#events.onmessage = null;
    this.#events.close();
    this.#engine.end(error);
    this.#readiness.ended(error);
    if (error.code !== 'ERR_CLOSED') {
      this.#log('error', error.message, { code: error.code });
      this.#dispatch('error', { error });
    }
    this.#dispatch('close', null);
  }

  #dispatch<Type extends keyof TunnelEvents>(type: Type, detail: TunnelEvents[Type]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Once for each turn: a round trip or a port that became known is none. */
  #logTransport({ state, via }: TransportStatus): void {
    const turn = `${state} ${via}`;
    if (turn !== this.#loggedTurn) this.#log('debug', `transport: ${state}`, { via });
    this.#loggedTurn = turn;
  }

  #log(level: LogLevel, message: string, fields: Record<string, unknown>): void {
    this.#logger?.(level, message, fields);
  }
}

function remarkTo(logger: TunnelOptions['logger']): ConfigSources['remark'] {
  return ({ severity, line, key, message }: ConfigIssue) =>
    logger?.(severity === 'info' ? 'info' : 'warn', message, { line, key });
}

/**
 * `made` as a program sees it: its name, its prototype, so that `instanceof` says what one expects, and classes can extend
 * it; but `new` gives what `make` makes, of as many arguments as its `length` says at least.
 */
function boundConstructor<Args extends unknown[], Made extends object>(
  made: abstract new (...args: never[]) => Made,
  make: (...args: Args) => Made,
): new (
  ...args: Args
) => Made {
  const bound = new Proxy(made, {
    construct(_made, args, newTarget) {
      if (args.length < made.length)
        throw new TypeError(`${made.name} needs ${made.length} arguments, not ${args.length}.`);
      const instance = make(...(args as Args));
      if (newTarget !== (bound as unknown)) Object.setPrototypeOf(instance, newTarget.prototype as object);
      return instance;
    },
  });
  return bound as unknown as new (
    ...args: Args
  ) => Made;
}
