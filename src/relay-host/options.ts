import { randomBytes } from 'node:crypto';
import * as v from 'valibot';
import { type Address, type Network, parseAddress, parseNetwork } from '../../relay/address.ts';
import { TrustedProxies } from '../../relay/client-address.ts';
import { LIMITS, type Limits, type RelayConfig } from '../../relay/config.ts';
import type { ResolveName } from '../../relay/policy.ts';
import { Tickets } from '../../relay/tickets.ts';
import { RECORD_HEADER } from '../core/wire/relay.ts';
import { INITIATION_SIZE } from '../core/wire/wireguard.ts';
import { describeIssue, RelayConfigError } from './config-error.ts';
import { DRAIN, type DrainOptions, type DrainTimes } from './drain.ts';
import type { LogSink } from './log.ts';
import { readOrigins } from './origins.ts';
import { type AllowRule, parseRule } from './rules.ts';
import { SourceAddresses } from './source-addresses.ts';
import { readTokens, type TokenOptions } from './tokens.ts';

/** Tickets with which a session goes on after its WebSocket broke. */
export interface TicketOptions {
  /** 32 random bytes or more each, the same for all relays that shall take each other's tickets; the first seals. Default: one that dies with the process. */
  keys?: readonly Uint8Array[];
  /** Seconds for which a ticket counts; default 180, at most 180. */
  ttl?: number;
  /** Seconds for which a session whose WebSocket broke waits for its client; default 20, 0 for not at all. */
  park?: number;
}

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

/** What the process around a relay goes by. */
export interface HostConfig extends RelayConfig {
  readonly listen: ListenAddress;
  readonly admin: ListenAddress | undefined;
  readonly drain: Readonly<DrainTimes>;
  readonly sources: SourceAddresses;
}

/** Checks everything that can be checked before the first connection. Throws RelayConfigError. */
export function readOptions(options: RelayOptions): HostConfig {
  const rules = options.allow.map((rule) => parseRule(rule, options.unusualPorts));
  if (rules.length === 0)
    throw new RelayConfigError('nothing is allowed: name at least one destination with --allow HOST:PORT');
  const path = options.path ?? '/v1';
  if (!/^\/[A-Za-z0-9._~/-]*$/.test(path)) throw new RelayConfigError(`path "${path}": expected /name`);
  const { park = 20 } = options.tickets ?? {};
  return {
    listen: parseListen(options.listen ?? '127.0.0.1:8080'),
    admin: options.admin === undefined ? undefined : parseListen(options.admin),
    rules,
    origins: readOrigins(options.origins, options.allowNoOrigin ?? false),
    proxies: new TrustedProxies((options.trustedProxies ?? []).map(readProxy)),
    sources: new SourceAddresses((options.udpAddresses ?? []).map(readSource)),
    tokens: options.auth && readTokens(options.auth),
    tickets: readTickets(options.tickets),
    parkTime: 1000 * park,
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

function readProxy(text: string): Network {
  const network = parseNetwork(text);
  if (network !== undefined) return network;
  throw new RelayConfigError(`trustedProxies "${text}": expected an address or a network such as 10.0.0.0/8`);
}

function readSource(text: string): Address {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  throw new RelayConfigError(`udpAddresses "${text}": expected an address`);
}

const MIN_SECRET = 32;

function readTickets({ keys = [], ttl }: TicketOptions = {}): Tickets {
  if (keys.some((key) => key.length < MIN_SECRET))
    throw new RelayConfigError(`tickets: a key is ${MIN_SECRET} random bytes or more`);
  return new Tickets(keys.length > 0 ? keys : [randomBytes(MIN_SECRET)], ttl);
}

function readLimits(given: Partial<Limits>): Limits {
  const { issues, output } = v.safeParse(LIMITS, given);
  if (issues) throw new RelayConfigError(`limits.${describeIssue(issues[0])}`);
  const largest = output.maxMessage - RECORD_HEADER;
  if (output.maxDatagram <= largest) return output;
  throw new RelayConfigError(`limits.maxDatagram: expected ${INITIATION_SIZE} to ${largest}`);
}
