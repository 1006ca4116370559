import type { Tunnel } from '../client/tunnel.ts';
import {
  attemptTimeoutOf,
  checkAutoSelectFamily,
  getDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout,
} from './auto-select-family.ts';
import type { lookup } from './dns-lookup.ts';
import { checkCallback, checkPort, codedError, invalidArgType } from './errors.ts';
import { isIP } from './ip.ts';

/** What `socket.connect` takes, under Node's names. */
export interface ConnectOptions {
  /** 1 to 65535; at 0, which is a port to Node, nobody is reached. */
  port?: number | string;
  /** Default: localhost. */
  host?: string;
  /** Which addresses of a name count; 0 or absent: all. */
  family?: 0 | 4 | 6 | 'IPv4' | 'IPv6';
  /** Asked for the addresses of a name instead of the tunnel, as Node asks it. */
  lookup?: typeof lookup;
  /** See setNoDelay. */
  noDelay?: boolean;
  /** See setKeepAlive. */
  keepAlive?: boolean;
  /** Milliseconds. */
  keepAliveInitialDelay?: number;
  /** Milliseconds of silence until 'timeout'. */
  timeout?: number;
  /** Default false: when the other side ends, so do we. */
  allowHalfOpen?: boolean;
  /** Destroys the socket. */
  signal?: AbortSignal;
  /** One of the tunnel's addresses. */
  localAddress?: string;
  /** 1 to 65535; absent or 0: any. */
  localPort?: number;
  /** False: of a name, the first address only. Default: see setDefaultAutoSelectFamily. */
  autoSelectFamily?: boolean;
  /** Milliseconds for each address but the last that a `lookup` of the caller gave. */
  autoSelectFamilyAttemptTimeout?: number;
  /** Refused: there are no Unix sockets inside a tunnel. */
  path?: string;
  /** Instead of the one of `setDefaultTunnel`. */
  tunnel?: Tunnel;
}

/** Who hears 'connect'. */
export type ConnectListener = () => void;

/** Node's three ways of saying it: (options, listener), (port, host, listener), (path, listener). */
export function connectArguments(args: readonly unknown[]): [ConnectOptions, ConnectListener | undefined] {
  const last = args.at(-1);
  const listener = typeof last === 'function' ? (last as ConnectListener) : undefined;
  const [first, second] = args;
  if (args.length === 0 || first === listener) return [{}, listener];
  if (typeof first === 'object' && first !== null) return [first as ConnectOptions, listener];
  if (typeof first === 'string' && !isPort(first)) return [{ path: first }, listener];
  return [{ port: first as number, ...(typeof second === 'string' && { host: second }) }, listener];
}

/** Where to, checked as Node checks it. */
export interface Destination {
  host: string;
  port: number;
  family: 0 | 4 | 6;
  /** All addresses of a name, of both families, until one answers. */
  triesAll: boolean;
  /** Of each but the last, in milliseconds. */
  attemptTimeout: number;
  /** Our end, as far as it was chosen. With an address, one of a name's is tried only, as in Node. */
  local: { localAddress?: string; localPort?: number };
}

/** Throws what Node throws, and ERR_FEATURE_UNAVAILABLE_ON_PLATFORM for what only a machine of one's own has. */
export function destinationOf(options: ConnectOptions): Destination {
  const { host, localAddress, localPort } = options;
  if (options.path !== undefined) throw unavailable('A path: there are no Unix sockets inside a tunnel');
  if (options.port === undefined)
    throw codedError(
      TypeError,
      'ERR_MISSING_ARGS',
      'The "options" or "port" or "path" argument must be specified',
    );
  if (typeof options.port !== 'number' && typeof options.port !== 'string')
    throw invalidArgType('options.port', 'one of type number or string', options.port);
  if (host !== undefined && host !== null && typeof host !== 'string')
    throw invalidArgType('options.host', 'of type string', host);
  if (localAddress && isIP(localAddress) === 0)
    throw codedError(TypeError, 'ERR_INVALID_IP_ADDRESS', `Invalid IP address: ${localAddress}`);
  if (localPort && typeof localPort !== 'number')
    throw invalidArgType('options.localPort', 'of type number', localPort);
  checkCallback(options.lookup, 'options.lookup');
  const { autoSelectFamily = getDefaultAutoSelectFamily(), autoSelectFamilyAttemptTimeout: patience } =
    options;
  checkAutoSelectFamily(autoSelectFamily, 'options.autoSelectFamily');
  const family = familyOf(options.family);
  return {
    host: host || 'localhost',
    port: checkPort(options.port),
    family,
    triesAll: family === 0 && autoSelectFamily && !localAddress,
    local: {
      ...(localAddress && !isUnspecified(localAddress) && { localAddress }),
      ...(localPort && { localPort: checkPort(localPort, 'options.localPort') }),
    },
    attemptTimeout:
      patience === undefined
        ? getDefaultAutoSelectFamilyAttemptTimeout()
        : attemptTimeoutOf(patience, 'options.autoSelectFamilyAttemptTimeout'),
  };
}

function familyOf(family: ConnectOptions['family'] | null): 0 | 4 | 6 {
  if (family === 'IPv4' || family === 4) return 4;
  if (family === 'IPv6' || family === 6) return 6;
  if (family === undefined || family === null || family === 0) return 0;
  throw codedError(
    TypeError,
    'ERR_INVALID_ARG_VALUE',
    `The property 'options.family' must be one of: 0, 4, 6. Received ${String(family)}`,
  );
}

function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function isPort(text: string): boolean {
  return text.trim() !== '' && Number(text) >= 0;
}

export function unavailable(what: string): Error {
  return codedError(TypeError, 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', `${what}.`);
}
