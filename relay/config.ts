import { LEAST_MESSAGE, MAX_CHANNEL, MAX_MESSAGE, RECORD_HEADER } from '../src/core/wire/relay.ts';
import { INITIATION_SIZE } from '../src/core/wire/wireguard.ts';
import { classOf, parseAddress } from './address.ts';
import { TrustedProxies } from './client-address.ts';
import { RelayConfigError } from './config-error.ts';
import { DEFAULT_DRAIN, type DrainOptions } from './drain.ts';
import type { LogSink } from './log.ts';
import { OriginPolicy } from './origin.ts';
import type { ResolveName } from './resolver.ts';
import { type AllowRule, parseRule, type Rule } from './rules.ts';
import { type TicketOptions, Tickets } from './tickets.ts';
import { type TokenOptions, TokenVerifier } from './tokens.ts';

/** Times in ms, sizes in bytes. */
export interface Limits {
  /** WebSockets in this process, from one client address (an IPv6 /64 is one), and of one token's subject. */
  sessions: number;
  sessionsPerClient: number;
  sessionsPerSubject: number;
  /** WebSockets whose token has not been judged yet, and for how long that may take. */
  unauthenticated: number;
  authTimeout: number;
  upgradesPerSecond: number;
  upgradeBurst: number;
  channels: number;
  /** The largest datagram in either direction. */
  maxDatagram: number;
  /** The largest WebSocket message in either direction; 16,384 to 65,535. */
  maxMessage: number;
  /** Per session and direction. */
  datagramsPerSecond: number;
  bytesPerSecond: number;
  /** Handshake initiations of one channel: one per interval, after a burst. */
  initiationInterval: number;
  initiationBurst: number;
  /** A channel that listens is not closed after `unansweredInitiations`: from then on it lets one pass per this. */
  listeningInitiationInterval: number;
  initiationsPerSecondOfClient: number;
  /** Together. An endpoint under load takes 20 from one address; what is more waits, parties taking turns. */
  initiationsPerSecondToDestination: number;
  /** So many initiations without any answer close the channel. */
  unansweredInitiations: number;
  controlsPerSecond: number;
  pingsPerSecond: number;
  /** Datagrams that are not WireGuard's, within 10 s. */
  shapeFailures: number;
  /** What may wait for a slow client, and for all of them. */
  queueBytes: number;
  totalQueueBytes: number;
  /** From the upgrade to the first OPEN. */
  openTimeout: number;
  /** Without any datagram. */
  idleTimeout: number;
  sessionLifetime: number;
  pingInterval: number;
  /** How long a stop waits for clients to say goodbye. */
  stopTimeout: number;
  /** Requested from the system for each UDP socket; it may grant less (net.core.rmem_max). */
  receiveBuffer: number;
}

/** What holds where `limits` say nothing; units are in Limits. */
export const DEFAULT_LIMITS: Readonly<Limits> = {
  sessions: 10_000,
  sessionsPerClient: 64,
  sessionsPerSubject: 8,
  unauthenticated: 256,
  authTimeout: 5000,
  upgradesPerSecond: 5,
  upgradeBurst: 20,
  channels: 4,
  maxDatagram: 2048,
  maxMessage: MAX_MESSAGE,
  datagramsPerSecond: 100_000,
  bytesPerSecond: 125_000_000,
  initiationInterval: 4000,
  initiationBurst: 3,
  listeningInitiationInterval: 60_000,
  initiationsPerSecondOfClient: 5,
  initiationsPerSecondToDestination: 18,
  unansweredInitiations: 20,
  controlsPerSecond: 20,
  pingsPerSecond: 1,
  shapeFailures: 100,
  queueBytes: 256 * 1024,
  totalQueueBytes: 128 * 1024 * 1024,
  openTimeout: 5000,
  idleTimeout: 600_000,
  sessionLifetime: 12 * 3_600_000,
  pingInterval: 20_000,
  stopTimeout: 2000,
  receiveBuffer: 1024 * 1024,
};

/**
 * What a relay is told; the file of `tabwire relay --config` has the same members. A RelayConfigError for what is
 * none.
 */
export interface RelayOptions {
  /** `HOST:PORT`; default `127.0.0.1:8080`. Port 0 takes a free one. */
  listen?: string;
  /** `HOST:PORT` for health, readiness and metrics. Not for the public. Default: none. */
  admin?: string;
  /** Where clients may send. Without a rule the relay does not start. */
  allow: readonly (string | AllowRule)[];
  /** Lets rules given as texts name ports of other services, such as 53 or 443. */
  unusualPorts?: boolean;
  /** Origins of pages that may connect. Default: pages that come from the relay's own address. */
  origins?: readonly string[];
  /** Also serve clients that state no Origin: programs other than browsers. */
  allowNoOrigin?: boolean;
  /** Addresses and networks of proxies whose X-Forwarded-For says who the client is. They must overwrite or append. */
  trustedProxies?: readonly string[];
  /** Clients need a token. Without this, anyone who may connect at all may use everything that is allowed. */
  auth?: TokenOptions;
  /** For clients whose connection broke. */
  tickets?: TicketOptions;
  /** How `drain()` sends clients elsewhere. */
  drain?: DrainOptions;
  /** The path of the WebSocket; default `/v1`. */
  path?: string;
  limits?: Partial<Limits>;
  log?: LogSink;
  /** A monotonic clock in ms: for tests. */
  now?: () => number;
  /** The time of day in ms: for tests. */
  wallClock?: () => number;
  /** A resolver of names: for tests. */
  resolve?: ResolveName;
}

/** Where to listen: a host and a port, 0 for a free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface RelayConfig {
  readonly listen: ListenAddress;
  readonly admin: ListenAddress | undefined;
  readonly rules: readonly Rule[];
  /** undefined: same origin as the address that was reached. */
  readonly origins: OriginPolicy | undefined;
  readonly allowsNoOrigin: boolean;
  readonly proxies: TrustedProxies;
  readonly tokens: TokenVerifier | undefined;
  readonly tickets: Tickets;
  readonly drain: Readonly<Required<DrainOptions>>;
  readonly path: string;
  readonly limits: Readonly<Limits>;
}

/** Checks everything that can be checked before the first connection. Throws RelayConfigError. */
export function readOptions(options: RelayOptions): RelayConfig {
  const rules = options.allow.map((rule) => parseRule(rule, options.unusualPorts));
  if (rules.length === 0)
    throw new RelayConfigError('nothing is allowed: name at least one destination with --allow HOST:PORT');
  const path = options.path ?? '/v1';
  if (!/^\/[A-Za-z0-9._~/-]*$/.test(path)) throw new RelayConfigError(`path "${path}": expected /name`);
  const allowsNoOrigin = options.allowNoOrigin ?? false;
  return {
    listen: parseListen(options.listen ?? '127.0.0.1:8080'),
    admin: options.admin === undefined ? undefined : parseListen(options.admin),
    rules,
    origins: options.origins && new OriginPolicy(options.origins, allowsNoOrigin),
    allowsNoOrigin,
    proxies: new TrustedProxies(options.trustedProxies ?? []),
    tokens: options.auth && new TokenVerifier(options.auth),
    tickets: new Tickets(options.tickets),
    drain: { ...DEFAULT_DRAIN, ...options.drain },
    path,
    limits: readLimits(options.limits ?? {}),
  };
}

/** `HOST:PORT` with a literal host or a name; IPv6 in brackets. */
export function parseListen(text: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new RelayConfigError(`listen "${text}": expected HOST:PORT, such as 127.0.0.1:8080`);
  return { host: (match[1] ?? match[2])!, port };
}

/**
 * Without tokens anyone who reaches the relay may use it. That is safe only where just this machine reaches it,
 * or where there is nothing to choose: one endpoint, written down.
 */
export function mayServe({ rules, tokens }: RelayConfig, listensOn: string): boolean {
  if (tokens !== undefined) return true;
  const isOneLiteral = rules.length === 1 && rules[0]!.kind === 'literal' && rules[0]!.ports.length === 1;
  return isOneLiteral || isLoopback(listensOn);
}

export const OPEN_RELAY_REASON =
  'without tokens (--token-key) the relay listens on loopback only, or allows exactly one literal ADDRESS:PORT';

export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const address = parseAddress(host.replace(/%.*$/, ''));
  return address !== undefined && classOf(address) === 'loopback';
}

function readLimits(given: Partial<Limits>): Limits {
  for (const [name, value] of Object.entries(given)) {
    if (!(name in DEFAULT_LIMITS)) throw new RelayConfigError(`limits: there is no limit "${name}"`);
    if (typeof value !== 'number' || !(value >= 0))
      throw new RelayConfigError(`limits.${name}: not a number of 0 or more`);
  }
  const limits = { ...DEFAULT_LIMITS, ...given };
  if (limits.channels < 1 || limits.channels > MAX_CHANNEL)
    throw new RelayConfigError(`limits.channels: expected 1 to ${MAX_CHANNEL}`);
  if (limits.maxMessage < LEAST_MESSAGE || limits.maxMessage > MAX_MESSAGE)
    throw new RelayConfigError(`limits.maxMessage: expected ${LEAST_MESSAGE} to ${MAX_MESSAGE}`);
  const largest = limits.maxMessage - RECORD_HEADER;
  if (limits.maxDatagram < INITIATION_SIZE || limits.maxDatagram > largest)
    throw new RelayConfigError(`limits.maxDatagram: expected ${INITIATION_SIZE} to ${largest}`);
  return limits;
}
