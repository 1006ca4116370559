// dns.lookup: the addresses of a host as sockets find them, with literals and the tunnel's `dns.hosts`.
import type { Tunnel } from '../client/tunnel.ts';
import { tunnelOf } from './default-tunnel.ts';
import { codedError, invalidArgType, systemError, toSystemError } from './errors.ts';
import { isIP } from './ip.ts';
import { nextTick } from './next-tick.ts';

/** An address of a host, as `lookup` gives it with `all`. */
export interface LookupAddress {
  /** As text. */
  address: string;
  /** Of the address. */
  family: 4 | 6;
}

/** What `lookup` takes, under Node's names. */
export interface LookupOptions {
  /** Which addresses count; 0 or absent: all. */
  family?: 0 | 4 | 6 | 'IPv4' | 'IPv6';
  /** All addresses instead of the best; default false. */
  all?: boolean;
  /** V4MAPPED counts; the others are taken and not used. */
  hints?: number;
  /** `verbatim`, the default: best first (RFC 6724). */
  order?: 'ipv4first' | 'ipv6first' | 'verbatim';
  /** Node's older word for `order`. */
  verbatim?: boolean;
  /** Instead of the one of `setDefaultTunnel`. */
  tunnel?: Tunnel;
}

/** Who hears what `lookup` found. */
export type LookupCallback = (
  error: Error | null,
  address?: string | LookupAddress[],
  family?: 4 | 6,
) => void;

/** With IPv6 asked for and none there, IPv4 addresses in IPv6's clothes. */
export const V4MAPPED = 8;
/** Only families that we have: always so. A hint for `lookup`. */
export const ADDRCONFIG = 32;
/** With V4MAPPED, both families; taken and not used. */
export const ALL = 16;

let defaultOrder: NonNullable<LookupOptions['order']> = 'verbatim';

/** The order of addresses for who says nothing of it. */
export function getDefaultResultOrder(): NonNullable<LookupOptions['order']> {
  return defaultOrder;
}

/** Throws ERR_INVALID_ARG_VALUE. */
export function setDefaultResultOrder(order: NonNullable<LookupOptions['order']>): void {
  if (!['ipv4first', 'ipv6first', 'verbatim'].includes(order))
    throw codedError(
      TypeError,
      'ERR_INVALID_ARG_VALUE',
      `The argument 'dnsOrder' must be one of: 'verbatim', 'ipv4first', 'ipv6first'. Received '${String(order)}'`,
    );
  defaultOrder = order;
}

/**
 * The address of a host as sockets find it, with literals and `dns.hosts`: (error, address, family), or with `all` (error,
 * addresses). ENOTFOUND; EAI_AGAIN if nobody answered.
 */
export function lookup(
  hostname: string,
  options: LookupOptions | 0 | 4 | 6 | LookupCallback,
  callback?: LookupCallback,
): object {
  const done = typeof options === 'function' ? options : callback;
  if (typeof done !== 'function') throw invalidArgType('callback', 'of type function', done);
  const wish = optionsOf(typeof options === 'function' ? {} : options);
  if (hostname && typeof hostname !== 'string') throw invalidArgType('hostname', 'of type string', hostname);
  lookUp(hostname, wish).then(
    (addresses) => {
      const [first] = addresses;
      // Beside the promise: what the callback throws is not the lookup's failure.
      nextTick(() => (wish.all ? done(null, addresses) : done(null, first!.address, first!.family)));
    },
    (error: Error) => nextTick(() => done(error)),
  );
  return {};
}

/** The same as a promise. */
export async function lookupPromise(
  hostname: string,
  options: LookupOptions | 0 | 4 | 6 = {},
): Promise<LookupAddress | LookupAddress[]> {
  const wish = optionsOf(options);
  const addresses = await lookUp(hostname, wish);
  return wish.all ? addresses : addresses[0]!;
}

/** What a socket wants to know of a host. */
export interface SocketQuestion {
  family: 0 | 4 | 6;
  /** All addresses, or the best. */
  all: boolean;
  tunnel?: Tunnel | undefined;
}

/**
 * What a socket with a `lookup` of its own asks that for; `told` hears of each answer, as 'lookup' does. At least one address,
 * or it rejects.
 */
export async function addressesOf(
  host: string,
  { family, all, tunnel }: SocketQuestion,
  ask: typeof lookup,
  told: (error: Error | null, address?: string) => void,
): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const wish: LookupOptions = {
    ...(family !== 0 && { family }),
    hints: family === 0 ? ADDRCONFIG : 0,
    ...(all && { all }),
    ...(tunnel && { tunnel }),
  };
  const addresses = await new Promise<string[]>((resolve, reject) =>
    ask(host, wish, (error, answer) => {
      if (error) {
        told(error);
        reject(error);
      } else {
        // One that knows no `all` answers with one address.
        resolve(Array.isArray(answer) ? answer.map(({ address }) => address) : [String(answer)]);
      }
    }),
  );
  for (const address of addresses) told(null, address);
  const [first] = addresses;
  if (first === undefined) throw systemError('ENOTFOUND', 'getaddrinfo', { hostname: host });
  const valid = addresses.filter((address) => isIP(address) !== 0);
  if (valid.length === 0)
    throw codedError(TypeError, 'ERR_INVALID_IP_ADDRESS', `Invalid IP address: ${first}`);
  return valid;
}

type Wish = Required<Pick<LookupOptions, 'family' | 'all' | 'order'>> & { hints: number; tunnel?: Tunnel };

function optionsOf(options: LookupOptions | 0 | 4 | 6): Wish {
  const given: LookupOptions = typeof options === 'number' ? { family: options } : (options ?? {});
  const { family = 0, all = false, hints = 0, verbatim, tunnel } = given;
  if (![0, 4, 6, 'IPv4', 'IPv6'].includes(family))
    throw codedError(
      TypeError,
      'ERR_INVALID_ARG_VALUE',
      `The argument 'family' must be one of: 0, 4, 6. Received ${String(family)}`,
    );
  const order = given.order ?? (verbatim === undefined ? defaultOrder : verbatim ? 'verbatim' : 'ipv4first');
  return { family, all, hints, order, ...(tunnel && { tunnel }) };
}

async function lookUp(hostname: string, wish: Wish): Promise<LookupAddress[]> {
  // As Node does: no name is the address of nothing.
  if (!hostname)
    return wish.all ? [] : [{ address: null as unknown as string, family: wish.family === 6 ? 6 : 4 }];
  const literal = isIP(hostname);
  if (literal !== 0) return [{ address: hostname, family: literal }];
  const family = wish.family === 'IPv4' ? 4 : wish.family === 'IPv6' ? 6 : wish.family;
  const addresses = await ask(hostname, family, wish);
  return ordered(
    addresses.map((address) => ({ address, family: isIP(address) as 4 | 6 })),
    wish.order,
  );
}

async function ask(hostname: string, family: 0 | 4 | 6, wish: Wish): Promise<string[]> {
  const tunnel = tunnelOf(wish);
  try {
    return await tunnel.lookUp(hostname, family === 0 ? undefined : `ipv${family}`);
  } catch (reason) {
    if (family !== 6 || (wish.hints & V4MAPPED) === 0)
      throw toSystemError(reason, 'getaddrinfo', { hostname });
  }
  return (await ask(hostname, 4, wish)).map((address) => `::ffff:${address}`);
}

/** Of one family among each other they stay as they are. */
function ordered(addresses: LookupAddress[], order: Wish['order']): LookupAddress[] {
  if (order === 'verbatim') return addresses;
  const first = order === 'ipv4first' ? 4 : 6;
  return [...addresses].sort((a, b) => Number(b.family === first) - Number(a.family === first));
}
