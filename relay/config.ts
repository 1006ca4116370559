import * as v from 'valibot';
import { LEAST_MESSAGE, MAX_CHANNEL, MAX_MESSAGE, RECORD_HEADER } from '../src/core/wire/relay.ts';
import { INITIATION_SIZE } from '../src/core/wire/wireguard.ts';
import { classOf, parseZoned } from './address.ts';
import { TrustedProxies } from './client-address.ts';
import { describeIssue, RelayConfigError } from './config-error.ts';
import { DRAIN, type DrainOptions, type DrainTimes } from './drain.ts';
import type { LogSink } from './log.ts';
import { OriginPolicy } from './origin.ts';
import type { ResolveName } from './resolver.ts';
import { type AllowRule, parseRule, type Rule } from './rules.ts';
import { SourceAddresses } from './source-addresses.ts';
import { type TicketOptions, Tickets } from './tickets.ts';
import { type TokenOptions, TokenVerifier } from './tokens.ts';

const limit = (usual: number, least = 0, most = Number.POSITIVE_INFINITY) =>
  v.optional(v.pipe(v.number(), v.minValue(least), v.maxValue(most)), usual);

/** With what holds where the options say nothing. Times in ms, sizes in bytes. */
export const LIMITS = v.strictObject({
  /** WebSockets in this process. */
  sessions: limit(10_000),
  /** Of those, from one client address; an IPv6 /64 is one. */
  sessionsPerClient: limit(64),
  /** Of those, of one token's subject. */
  sessionsPerSubject: limit(8),
  /** WebSockets whose token has not been judged yet. */
  unauthenticated: limit(256),
  /** How long judging a token may take. */
  authTimeout: limit(5000),
  /** New WebSockets of one client, after a burst. */
  upgradesPerSecond: limit(5),
  /** How many new WebSockets of one client may come at once. */
  upgradeBurst: limit(20),
  /** Destinations of one session at a time. */
  channels: limit(4, 1, MAX_CHANNEL),
  /** The largest datagram in either direction. */
  maxDatagram: limit(2048, INITIATION_SIZE),
  /** The largest WebSocket message in either direction. */
  maxMessage: limit(MAX_MESSAGE, LEAST_MESSAGE, MAX_MESSAGE),
  /** Per session and direction. */
  datagramsPerSecond: limit(100_000),
  /** Per session and direction. */
  bytesPerSecond: limit(125_000_000),
  /** Handshake initiations of one channel: one per interval, after a burst. */
  initiationInterval: limit(4000),
  /** How many handshake initiations of one channel may come at once. */
  initiationBurst: limit(3),
  /** A channel that listens is not closed after `unansweredInitiations`: from then on it lets one pass per this. */
  listeningInitiationInterval: limit(60_000),
  /** Handshake initiations of one client address, over all its sessions. */
  initiationsPerSecondOfClient: limit(5),
  /** Together. An endpoint under load takes 20 from one address; what is more waits, parties taking turns. */
  initiationsPerSecondToDestination: limit(18),
  /** So many initiations without any answer close the channel. */
  unansweredInitiations: limit(20),
  /** Control messages of one session. */
  controlsPerSecond: limit(20),
  /** Pings of one session; what is more is not answered. */
  pingsPerSecond: limit(1),
  /** Datagrams that are not WireGuard's, within 10 s. */
  shapeFailures: limit(100),
  /** What may wait for one slow client. */
  queueBytes: limit(256 * 1024),
  /** What may wait for all slow clients together. */
  totalQueueBytes: limit(128 * 1024 * 1024),
  /** From the upgrade to the first OPEN. */
  openTimeout: limit(5000),
  /** Without any datagram. */
  idleTimeout: limit(600_000),
  /** After which a session is closed, however busy. */
  sessionLifetime: limit(12 * 3_600_000),
  /** Between two pings to a client. */
  pingInterval: limit(20_000),
  /** How long a stop waits for clients to say goodbye. */
  stopTimeout: limit(2000),
  /** Requested from the system for each UDP socket; it may grant less (net.core.rmem_max). */
  receiveBuffer: limit(1024 * 1024),
});

/** Bounds of a relay. Times in ms, sizes in bytes. */
export type Limits = { [Name in keyof typeof LIMITS.entries]: number };
/** What holds where the options say nothing. */
export const DEFAULT_LIMITS: Readonly<Limits> = v.parse(LIMITS, {});

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
  /** This host's addresses that datagrams leave from, in turns, where one has not ports enough. Default: as the system chooses. */
  udpAddresses?: readonly string[];
  /** Clients need a token. Without this, anyone who may connect at all may use everything that is allowed. */
  auth?: TokenOptions;
  /** For clients whose connection broke. */
  tickets?: TicketOptions;
  /** How `drain()` sends clients elsewhere. */
  drain?: DrainOptions;
  /** The path of the WebSocket; default `/v1`. */
  path?: string;
  /** Those that are not given are DEFAULT_LIMITS. */
  limits?: Partial<Limits>;
  /** Told each line of the log. Default: nobody. */
  log?: LogSink;
  /** The log names the networks of clients (/24, or /48 of IPv6) instead of their addresses. */
  logNetworks?: boolean;
  /** A monotonic clock in ms: for tests. */
  now?: () => number;
  /** The time of day in ms: for tests. */
  wallClock?: () => number;
  /** A resolver of names: for tests. */
  resolve?: ResolveName;
}

/** Where to listen: a host and a port, 0 for a free one. */
export interface ListenAddress {
  /** A name or an address. */
  readonly host: string;
  /** 0: any that is free. */
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
  readonly sources: SourceAddresses;
  readonly tokens: TokenVerifier | undefined;
  readonly tickets: Tickets;
  readonly drain: Readonly<DrainTimes>;
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
    sources: new SourceAddresses(options.udpAddresses),
    tokens: options.auth && new TokenVerifier(options.auth),
    tickets: new Tickets(options.tickets),
    drain: v.parse(DRAIN, options.drain ?? {}),
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
  const address = parseZoned(host);
  return address !== undefined && classOf(address) === 'loopback';
}

function readLimits(given: Partial<Limits>): Limits {
  const { issues, output } = v.safeParse(LIMITS, given);
  if (issues) throw new RelayConfigError(`limits.${describeIssue(issues[0])}`);
  const largest = output.maxMessage - RECORD_HEADER;
  if (output.maxDatagram <= largest) return output;
  throw new RelayConfigError(`limits.maxDatagram: expected ${INITIATION_SIZE} to ${largest}`);
}
