import type { PingReply } from '../bridge/api.ts';
import type { EngineClient } from './engine-client.ts';
import { asciiHost } from './host-name.ts';
import { resultsOf } from './results.ts';
import { bytesOf, toOptionalUnsignedLong } from './web-idl.ts';

/** How `tunnel.ping` asks: counts, milliseconds, bytes. A TypeError for what is out of range. */
export interface PingOptions {
  /** How many requests; default: until the iteration is left or `signal` aborts. */
  count?: number;
  /** Milliseconds between requests; default 1000, at least 10. */
  interval?: number;
  /** Payload bytes; default 56. */
  size?: number;
  /** Hop limit of the requests; default 64. */
  ttl?: number;
  /** Milliseconds to wait for each reply; default 5000. */
  timeout?: number;
  /** DSCP and ECN bits of the requests; default 0. */
  tos?: number;
  /** Routers must not fragment the requests, nor do we: what is too big for the path is told. Default false. */
  dontFragment?: boolean;
  /** What the payload repeats, at most 256 bytes; default: it counts up. */
  pattern?: BufferSource;
  /** Ends the iteration, which throws its reason. */
  signal?: AbortSignal;
}

/**
 * ICMP echo through the tunnel: one result for each request, in the order in which they became known. A lost or refused
 * request is a result with `ok: false`, not an error.
 */
export function ping(
  engine: EngineClient,
  host: string,
  options: PingOptions = {},
): AsyncGenerator<PingReply> {
  return resultsOf(engine, (api, port) => api.ping(requestOf(host, options), port), options.signal);
}

function requestOf(host: string, options: PingOptions) {
  return {
    address: asciiHost(host),
    count:
      options.count === undefined
        ? Number.POSITIVE_INFINITY
        : toOptionalUnsignedLong(options.count, 'count', 1)!,
    interval: toOptionalUnsignedLong(options.interval, 'interval', 10) ?? 1000,
    size: toOptionalUnsignedLong(options.size, 'size', 0, 65_527) ?? 56,
    ttl: toOptionalUnsignedLong(options.ttl, 'ttl', 1, 255),
    timeout: toOptionalUnsignedLong(options.timeout, 'timeout', 1) ?? 5000,
    tos: toOptionalUnsignedLong(options.tos, 'tos', 0, 255),
    dontFragment: Boolean(options.dontFragment),
    pattern: patternOf(options.pattern),
  };
}

function patternOf(pattern: BufferSource | undefined): Uint8Array | undefined {
  if (pattern === undefined) return undefined;
  const bytes = bytesOf(pattern);
  if (bytes.length < 1 || bytes.length > 256) throw new TypeError('pattern must have 1 to 256 bytes.');
  return bytes.slice();
}
