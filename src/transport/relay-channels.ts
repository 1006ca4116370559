// The channels of the connection to a relay, one per endpoint: which are open, which listen, and what is wrong with them.
import type { Endpoint } from '../core/endpoint.ts';
import type { TunnelError } from '../core/errors.ts';
import type { Instant, Millis } from '../core/time.ts';
import type { EndpointProblem } from '../core/transport.ts';
import {
  CHANNEL_DENIED,
  CHANNEL_LISTEN_DENIED,
  CHANNEL_TOO_MANY,
  CLOSE,
  CONTROL_CHANNEL,
  OPEN,
  OPEN_LISTEN,
  writeControl,
} from '../core/wire/relay.ts';
import { type RelayEndpoint, RelayEndpoints } from './relay-endpoints.ts';
import { channelError, listenRefused } from './relay-errors.ts';

/** A channel that the relay closed is tried again by a handshake initiation, not more often than this. */
const REOPEN_AFTER: Millis = 10_000;
/** Who does not answer for so long may have another address by now. */
const RESOLVE_AFTER: Millis = 30_000;
/** One that should listen is tried again without any reason to send. */
const LISTEN_AGAIN_AFTER: Millis = 30_000;

/** What the channels use of their connection. */
export interface ChannelsHost {
  /** Of the relay in use. */
  readonly url: string;
  readonly isConnected: boolean;
  now(): Instant;
  /** One record of the current batch. */
  append(channel: number, body: Uint8Array): void;
  flush(): void;
  /** What the transport's state tells is different now. */
  report(): void;
  /** Our address towards this endpoint changed, and it may not know where to call. */
  callAgain(endpoint: Endpoint): void;
  setTimer(run: () => void, delay: Millis): unknown;
  clearTimer(timer: unknown): void;
}

/**
 * With `listens` every channel is opened as soon as there is a connection, so that the endpoint may call first; otherwise
 * also, but the relay then takes no UDP port before we have called.
 */
export class RelayChannels {
  readonly #host: ChannelsHost;
  readonly #listens: boolean;
  readonly #endpoints = new RelayEndpoints();
  #timer: unknown;

  constructor(host: ChannelsHost, listens: boolean) {
    this.#host = host;
    this.#listens = listens;
  }

  /** Whether there is someone to listen for. */
  get listens(): boolean {
    return this.#listens && this.#endpoints.size > 0;
  }

  endpointFor(host: string, port: number): RelayEndpoint {
    const endpoint = this.#endpoints.endpointFor(host, port);
    const isNew = endpoint.channel > 0 && !endpoint.isOpen && endpoint.closedAt === Number.NEGATIVE_INFINITY;
    // Not at the first initiation: a peer with a session that moves there sends data first.
    if (this.#host.isConnected && isNew) {
      this.#open(endpoint);
      this.#host.flush();
    }
    return endpoint;
  }

  /** Nobody is there any more. The relay has a bound for channels, and keeps a UDP port for each. */
  release(endpoint: RelayEndpoint): void {
    const wasOpen = endpoint.isOpen;
    this.#endpoints.remove(endpoint);
    endpoint.isOpen = false;
    endpoint.held = undefined;
    if (this.#host.isConnected && wasOpen) {
      this.#host.append(CONTROL_CHANNEL, writeControl({ type: CLOSE, channel: endpoint.channel }));
      this.#host.flush();
    }
    this.#host.report();
  }

  atChannel(channel: number): RelayEndpoint | undefined {
    return this.#endpoints.atChannel(channel);
  }

  // ---- the connection comes and goes

  connected(): void {
    for (const endpoint of this.#endpoints) {
      endpoint.problem = undefined;
      endpoint.listening = undefined;
      this.#open(endpoint);
      if (endpoint.held !== undefined) this.#host.append(endpoint.channel, endpoint.held);
      if (!this.#listens) endpoint.held = undefined;
    }
  }

  /** The relay is heard again: what waited for that leaves. */
  answersAgain(): void {
    for (const endpoint of this.#endpoints) {
      if (endpoint.held === undefined || !endpoint.isOpen) continue;
      this.#host.append(endpoint.channel, endpoint.held);
      if (endpoint.listening !== 'asked') endpoint.held = undefined;
    }
    this.#host.flush();
  }

  lost(): void {
    this.#host.clearTimer(this.#timer);
    this.#timer = undefined;
    for (const endpoint of this.#endpoints) {
      endpoint.isOpen = false;
      endpoint.closedAt = Number.NEGATIVE_INFINITY;
    }
  }

  // ---- what the relay says

  opened(channel: number, localPort: number): void {
    const endpoint = this.atChannel(channel);
    if (!endpoint?.isOpen) return;
    endpoint.localPort = localPort;
    const hadPort = endpoint.hasListened;
    if (endpoint.listening === 'asked') {
      endpoint.listening = 'granted';
      endpoint.hasListened = true;
      endpoint.isListenRefused = false;
      endpoint.problem = undefined;
      endpoint.held = undefined;
    }
    this.#host.report();
    if (hadPort) this.#host.callAgain(endpoint);
  }

  closed(channel: number, code: number): void {
    const endpoint = this.atChannel(channel);
    if (endpoint === undefined) return;
    endpoint.isOpen = false;
    endpoint.closedAt = this.#host.now();
    if (code === CHANNEL_LISTEN_DENIED && endpoint.listening === 'asked') {
      this.#openWithoutListening(endpoint);
      return;
    }
    endpoint.held = undefined;
    this.setProblem(endpoint, channelError(this.#host.url, endpoint, code));
    if (this.#listens && code !== CHANNEL_DENIED && code !== CHANNEL_TOO_MANY)
      this.#timer ??= this.#host.setTimer(() => this.#listenAgain(), LISTEN_AGAIN_AFTER);
  }

  // ---- what we want

  /** An initiation to a closed channel asks for it once more: names change, rules change, peers come back. */
  reopen(endpoint: RelayEndpoint): boolean {
    if (endpoint.channel === 0) {
      this.setProblem(endpoint, channelError(this.#host.url, endpoint, CHANNEL_TOO_MANY));
      return false;
    }
    if (this.#host.now() - endpoint.closedAt < REOPEN_AFTER) return false;
    this.#open(endpoint);
    return true;
  }

  /** An initiation is about to leave. The relay looks a name up once per channel: after long silence, it shall do so again. */
  calling(endpoint: RelayEndpoint): void {
    const now = this.#host.now();
    endpoint.callingSince ??= now;
    if (now - endpoint.callingSince < RESOLVE_AFTER || isAddress(endpoint.host)) return;
    endpoint.callingSince = now;
    this.#host.append(CONTROL_CHANNEL, writeControl({ type: CLOSE, channel: endpoint.channel }));
    endpoint.isOpen = false;
    this.#open(endpoint);
  }

  setProblem(endpoint: RelayEndpoint, problem: TunnelError | undefined): void {
    if (endpoint.problem?.code === problem?.code) return;
    endpoint.problem = problem;
    this.#host.report();
  }

  #open(endpoint: RelayEndpoint): void {
    const { channel, host, port } = endpoint;
    const listens = this.#shouldListen(endpoint);
    if (listens) endpoint.listening = 'asked';
    endpoint.isOpen = true;
    endpoint.localPort = undefined;
    const flags = listens ? OPEN_LISTEN : 0;
    this.#host.append(CONTROL_CHANNEL, writeControl({ type: OPEN, channel, flags, port, host }));
  }

  #shouldListen(endpoint: RelayEndpoint): boolean {
    return this.#listens && !endpoint.isOpen && endpoint.channel > 0 && endpoint.listening !== 'refused';
  }

  /** What we sent meanwhile went nowhere. */
  #openWithoutListening(endpoint: RelayEndpoint): void {
    endpoint.listening = 'refused';
    endpoint.isListenRefused = true;
    this.#open(endpoint);
    if (endpoint.held !== undefined) this.#host.append(endpoint.channel, endpoint.held);
    endpoint.held = undefined;
    this.#host.flush();
    this.#host.report();
  }

  #listenAgain(): void {
    this.#timer = undefined;
    for (const endpoint of this.#endpoints) if (this.#shouldListen(endpoint)) this.#open(endpoint);
    this.#host.flush();
  }

  // ---- what the transport's state tells

  get problems(): EndpointProblem[] {
    return [...this.#endpoints].flatMap((endpoint) =>
      endpoint.problem === undefined ? [] : [{ endpoint, error: endpoint.problem }],
    );
  }

  get notices(): EndpointProblem[] {
    return [...this.#endpoints].flatMap((endpoint) =>
      endpoint.isListenRefused ? [{ endpoint, error: listenRefused(this.#host.url, endpoint) }] : [],
    );
  }

  get localPorts(): Map<Endpoint, number> {
    const ports = new Map<Endpoint, number>();
    for (const endpoint of this.#endpoints)
      if (endpoint.localPort !== undefined) ports.set(endpoint, endpoint.localPort);
    return ports;
  }
}

/** An IPv4 or IPv6 address: not worth asking for twice. */
function isAddress(host: string): boolean {
  return host.includes(':') || /^[\d.]+$/.test(host);
}
