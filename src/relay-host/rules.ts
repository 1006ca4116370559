import * as v from 'valibot';
import { classOf, normalizeName, parseNetwork } from '../../relay/address.ts';
import { DEFAULT_PORT } from '../../relay/grant.ts';
import { Mac1 } from '../../relay/mac1.ts';
import type { Rule } from '../../relay/rule.ts';
import { RelayConfigError } from './config-error.ts';

/** A rule of what clients may reach, as it is checked. */
export const RULE = v.strictObject({
  /** A host name, or one address. Exactly one of `host` and `cidr`. */
  host: v.optional(v.string()),
  /** A network, such as `192.0.2.0/24`. */
  cidr: v.optional(v.string()),
  /** Default: 51820. */
  ports: v.optional(v.array(v.number())),
  /** A name by which clients may ask for it without knowing the host: needs `host` and one port. */
  alias: v.optional(v.string()),
  /** Allows addresses that are not public (RFC 1918 and the like). Never loopback or link-local. */
  private: v.optional(v.boolean()),
  /** Allows ports below 1024 and those of well-known reflectors. */
  unusualPort: v.optional(v.boolean()),
  /** The endpoint's WireGuard key (base64): only handshakes that are meant for it leave. */
  publicKey: v.optional(v.string()),
  /** Lets clients wait there for the endpoint to call first: OPEN with LISTEN. */
  listen: v.optional(v.boolean()),
  /**
   * What of its endpoint counts as WireGuard. `sized`: whatever the first four bytes are, lengths tell what a message is. `off`:
   * anything, without a handshake; needs `dangerous: true`. Default: `wireguard`.
   */
  shape: v.optional(v.picklist(['wireguard', 'sized', 'off'])),
  /** It is understood what `off` gives up. */
  dangerous: v.optional(v.boolean()),
  /** How many channels to one of its endpoints may be open at a time; a client has one. Default: any number. */
  maxSessions: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
});

/** A rule as the operator writes it: one string, or an object for what a string cannot say. */
export type AllowRule = {
  [Name in keyof typeof RULE.entries]?: v.InferOutput<(typeof RULE.entries)[Name]>;
};

/** UDP services that answer strangers, often with more than they were sent. */
const REFLECTORS = new Set([1900, 3283, 3478, 3702, 5353, 11211, 27015]);

/**
 * `HOST`, `HOST:PORT`, `[V6]:PORT`, `CIDR`, `CIDR:PORT`, `[V6CIDR]:PORT`, or an object. `unusualPort` is what a text
 * cannot say.
 */
export function parseRule(rule: string | AllowRule, unusualPort = false): Rule {
  if (typeof rule === 'string') return makeRule({ ...readDestination(rule), unusualPort }, rule);
  return makeRule(rule, rule.alias ?? rule.host ?? rule.cidr ?? JSON.stringify(rule));
}

/** `HOST`, `HOST:PORT` and so on as a rule object, to which more can be added. */
export function readDestination(text: string): AllowRule {
  const match = /^(?:\[([^\]]+)\]|([^:\s[\]]+)|([0-9a-fA-F:.]+:[0-9a-fA-F:./]*))(?::(\d{1,5}))?$/.exec(text);
  const place = match?.[1] ?? match?.[2] ?? match?.[3];
  if (match === null || place === undefined) {
    throw new RelayConfigError(
      `allow "${text}": expected HOST, HOST:PORT, CIDR or CIDR:PORT (IPv6 with a port in brackets)`,
    );
  }
  const ports = match[4] === undefined ? [DEFAULT_PORT] : [Number(match[4])];
  return place.includes('/') ? { cidr: place, ports } : { host: place, ports };
}

function makeRule(rule: AllowRule, text: string): Rule {
  const fail = (why: string): never => {
    throw new RelayConfigError(`allow "${text}": ${why}`);
  };
  if ((rule.host === undefined) === (rule.cidr === undefined)) fail('needs either host or cidr');
  const { ports = [DEFAULT_PORT], alias, publicKey, shape = 'wireguard' } = rule;
  if (ports.length === 0) fail('needs at least one port');
  for (const port of ports) {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) fail(`port ${port} is not between 1 and 65535`);
    if ((port < 1024 || REFLECTORS.has(port)) && rule.unusualPort !== true)
      fail(`port ${port} belongs to another service; if WireGuard is there, say so by --unusual-ports`);
  }
  if (shape === 'off' && rule.dangerous !== true)
    fail(
      'shape: "off" lets anything through, not only WireGuard; if that is meant, say so by dangerous: true',
    );
  if (alias !== undefined && (rule.host === undefined || ports.length !== 1))
    fail('an alias needs a host and exactly one port');
  const key = publicKey === undefined ? undefined : decodePublicKey(publicKey);
  if (publicKey !== undefined && key === undefined) fail('publicKey is no WireGuard key: 32 bytes in base64');
  const place = rule.cidr === undefined ? readHost(rule.host!, fail) : readNetwork(rule.cidr, fail);
  const allowsPrivate = rule.private === true || place.isLiteral;
  if (place.network !== undefined && classOf(place.network.base) === 'private' && !allowsPrivate)
    fail('a private network needs a rule object with private: true, or name one address and port');
  return {
    ...place,
    ports,
    alias,
    allowsPrivate,
    allowsListen: rule.listen === true,
    maxSessions: rule.maxSessions ?? Number.POSITIVE_INFINITY,
    mac1: key && new Mac1(key),
    shape,
  };
}

type Place = Pick<Rule, 'network' | 'name' | 'isLiteral'>;

function readNetwork(cidr: string, fail: (why: string) => never): Place {
  const network = cidr.includes('/') ? parseNetwork(cidr) : undefined;
  if (network === undefined) return fail('not a network such as 203.0.113.0/24 or 2001:db8::/32');
  if (['forbidden', 'loopback'].includes(classOf(network.base)))
    fail('this network is never allowed; a rule may name one loopback address and port');
  return { network, name: undefined, isLiteral: false };
}

function readHost(host: string, fail: (why: string) => never): Place {
  const network = parseNetwork(host);
  if (network !== undefined && !host.includes('/')) {
    if (classOf(network.base) === 'forbidden') fail('this address is never a WireGuard endpoint');
    return { network, name: undefined, isLiteral: true };
  }
  const name = normalizeName(host);
  if (name === undefined) return fail('neither an address nor a host name');
  if (name === 'localhost' || name.endsWith('.localhost'))
    fail('a name never leads to loopback; write 127.0.0.1 or [::1]');
  return { network: undefined, name, isLiteral: false };
}

/** The 32 bytes of a WireGuard key in base64; undefined for everything else. */
function decodePublicKey(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === 32 && bytes.toString('base64') === text ? bytes : undefined;
}
