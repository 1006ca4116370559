import * as v from 'valibot';
import { LEAST_MESSAGE, MAX_CHANNEL, MAX_MESSAGE } from '../src/core/wire/relay.ts';
import { INITIATION_SIZE } from '../src/core/wire/wireguard.ts';
import { isLoopback } from './address.ts';
import type { TrustedProxies } from './client-address.ts';
import type { OriginPolicy } from './origin.ts';
import type { Rule } from './rule.ts';
import type { Tickets } from './tickets.ts';
import type { TokenVerifier } from './tokens.ts';

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
  /** Connections that are no session yet; when there are more, the oldest of the network that has most of them goes. */
  unauthenticated: limit(1024, 1),
  /** How long a client may take to show a token. */
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

/** What a relay goes by. It may be replaced by another while the relay runs. */
export interface RelayConfig {
  readonly rules: readonly Rule[];
  readonly origins: OriginPolicy;
  readonly proxies: TrustedProxies;
  /** Of this host's addresses, the one that a channel to an endpoint of this family leaves from; undefined: as the system has it. */
  readonly sources: { next(family: 4 | 6): string | undefined };
  /** undefined: nobody needs one. */
  readonly tokens: TokenVerifier | undefined;
  readonly tickets: Tickets;
  /** How long a session whose WebSocket broke waits for its client, in ms. */
  readonly parkTime: number;
  /** Of the WebSocket. */
  readonly path: string;
  readonly limits: Readonly<Limits>;
}

/**
 * Without tokens anyone who reaches the relay may use it. That is safe only where just this machine reaches it,
 * or where there is nothing to choose: one endpoint, written down.
 */
export function mayServe({ rules, tokens, proxies }: RelayConfig, listensOn: string): boolean {
  const [rule, ...others] = rules;
  const isOnePort = others.length === 0 && rule!.ports.length === 1;
  if (tokens !== undefined || (isOnePort && rule!.isLiteral)) return true;
  // A proxy on this machine brings everybody to loopback.
  return isLoopback(listensOn) && (proxies.isNobody || (isOnePort && rule!.name !== undefined));
}

export const OPEN_RELAY_REASON =
  'without tokens (--token-key) the relay listens on loopback only (behind a proxy that it trusts: for one HOST:PORT), or allows exactly one literal ADDRESS:PORT';
