import type { Hop, PortState } from '../bridge/api.ts';
import type { EngineClient } from './engine-client.ts';
import { asciiHost } from './host-name.ts';
import { answerOf, resultsOf } from './results.ts';
import { toOptionalUnsignedLong } from './web-idl.ts';

/** How `tunnel.traceroute` probes: hop limits, milliseconds, bytes. A TypeError for what is out of range. */
export interface TracerouteOptions {
  /** Echo requests, or UDP messages to ports where nobody is expected; default `icmp`. */
  method?: 'icmp' | 'udp';
  /** The greatest hop limit; default 30. */
  maxHops?: number;
  /** The first hop limit; default 1. */
  firstHop?: number;
  /** For each hop, 1 to 10; default 3. */
  probes?: number;
  /** Milliseconds to wait for each answer; default 1000. */
  timeout?: number;
  /** Payload bytes of each probe, at most 1200; default 32. */
  size?: number;
  /** DSCP and ECN bits of the probes; default 0. */
  tos?: number;
  /** Ends the iteration, which throws its reason. */
  signal?: AbortSignal;
}

/** What `tunnel.pathMtu` takes beside the host. */
export interface PathMtuOptions {
  /** Ends the search, which rejects with its reason. */
  signal?: AbortSignal;
}

/** How long `tunnel.checkPort` waits, in milliseconds. */
export interface CheckPortOptions {
  /** Milliseconds after which a port that is silent counts as filtered; default 5000. */
  timeout?: number;
  /** Ends the search, which rejects with its reason. */
  signal?: AbortSignal;
}

/** The way to a host: one result for each hop, in order, the host's own last. A silent router is a result, too. */
export function traceroute(
  engine: EngineClient,
  host: string,
  options: TracerouteOptions = {},
): AsyncGenerator<Hop> {
  return resultsOf(engine, (api, port) => api.traceroute(traceOf(host, options), port), options.signal);
}

/** What the way to a host carries, in bytes of whole IP packet. */
export function pathMtu(
  engine: EngineClient,
  host: string,
  { signal }: PathMtuOptions = {},
): Promise<number> {
  const address = asciiHost(host);
  return answerOf(engine, (api, port) => api.pathMtu(address, port), signal);
}

/** Whether somebody listens on a TCP port. */
export async function checkPort(
  engine: EngineClient,
  host: string,
  port: number,
  { timeout, signal }: CheckPortOptions = {},
): Promise<PortState> {
  const question = {
    address: asciiHost(host),
    port: toOptionalUnsignedLong(port, 'port', 1, 65_535) ?? Number.NaN,
    timeout: toOptionalUnsignedLong(timeout, 'timeout', 1) ?? 5000,
  };
  if (Number.isNaN(question.port)) throw new TypeError('port must be a number from 1 to 65535.');
  return answerOf(engine, (api, channel) => api.checkPort(question, channel), signal);
}

function traceOf(host: string, options: TracerouteOptions) {
  const { method = 'icmp' } = options;
  if (method !== 'icmp' && method !== 'udp') throw new TypeError('method must be "icmp" or "udp".');
  const firstHop = toOptionalUnsignedLong(options.firstHop, 'firstHop', 1, 255) ?? 1;
  return {
    address: asciiHost(host),
    method,
    firstHop,
    maxHops: toOptionalUnsignedLong(options.maxHops, 'maxHops', firstHop, 255) ?? Math.max(30, firstHop),
    probes: toOptionalUnsignedLong(options.probes, 'probes', 1, 10) ?? 3,
    timeout: toOptionalUnsignedLong(options.timeout, 'timeout', 1) ?? 1000,
    size: toOptionalUnsignedLong(options.size, 'size', 0, 1200) ?? 32,
    tos: toOptionalUnsignedLong(options.tos, 'tos', 0, 255),
  };
}
