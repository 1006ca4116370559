import * as v from 'valibot';
import { type Address, classOf, hasAddress, parseAddress, parseNetwork, printAddress } from './address.ts';
import { RelayConfigError } from './config-error.ts';
import { decodePublicKey, Mac1 } from './mac1.ts';

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
  /** How many channels to one of its endpoints may be open at a time; a client has one. Default: any number. */
  maxSessions: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
});

/** A rule as the operator writes it: one string, or an object for what a string cannot say. */
export type AllowRule = {
  [Name in keyof typeof RULE.entries]?: v.InferOutput<(typeof RULE.entries)[Name]>;
};

export const DEFAULT_PORT = 51820;

/** UDP services that answer strangers, often with more than they were sent. */
const REFLECTORS = new Set([1900, 3283, 3478, 3702, 5353, 11211, 27015]);

interface RuleBase {
  /** How it was written; for messages to the operator. */
  readonly text: string;
  readonly ports: readonly number[];
  readonly allowsPrivate: boolean;
  readonly allowsListen: boolean;
  readonly maxSessions: number;
  readonly alias: string | undefined;
  readonly mac1: Mac1 | undefined;
}

export type Rule = RuleBase &
  (
    | /** One address, written down: may also be loopback or one of this host's own. */ {
        readonly kind: 'literal';
        readonly address: Address;
      }
    | { readonly kind: 'network'; readonly network: Address; readonly length: number }
    | { readonly kind: 'name'; readonly name: string }
  );

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
  const ports = rule.ports ?? [DEFAULT_PORT];
  if (ports.length === 0) fail('needs at least one port');
  for (const port of ports) {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) fail(`port ${port} is not between 1 and 65535`);
    if ((port < 1024 || REFLECTORS.has(port)) && rule.unusualPort !== true)
      fail(`port ${port} belongs to another service; if WireGuard is there, say so by --unusual-ports`);
  }
  if (rule.alias !== undefined && (rule.host === undefined || ports.length !== 1))
    fail('an alias needs a host and exactly one port');
  const publicKey = rule.publicKey === undefined ? undefined : decodePublicKey(rule.publicKey);
  if (rule.publicKey !== undefined && publicKey === undefined)
    fail('publicKey is no WireGuard key: 32 bytes in base64');
  const base = {
    mac1: publicKey && new Mac1(publicKey),
    text,
    ports,
    alias: rule.alias,
    allowsPrivate: rule.private === true,
    allowsListen: rule.listen === true,
    maxSessions: rule.maxSessions ?? Number.POSITIVE_INFINITY,
  };
  if (rule.cidr !== undefined) return { ...base, ...readNetwork(rule.cidr, base.allowsPrivate, fail) };
  const host = rule.host!.toLowerCase();
  const address = parseAddress(host);
  if (address !== undefined) {
    if (classOf(address) === 'forbidden') fail('this address is never a WireGuard endpoint');
    return { ...base, kind: 'literal', address, allowsPrivate: true };
  }
  const name = normalizeName(host);
  if (name === undefined) return fail('neither an address nor a host name');
  if (name === 'localhost' || name.endsWith('.localhost'))
    fail('a name never leads to loopback; write 127.0.0.1 or [::1]');
  return { ...base, kind: 'name', name };
}

function readNetwork(cidr: string, allowsPrivate: boolean, fail: (why: string) => never) {
  const network = cidr.includes('/') ? parseNetwork(cidr) : undefined;
  if (network === undefined) return fail('not a network such as 203.0.113.0/24 or 2001:db8::/32');
  const kind = classOf(network.base);
  if (kind === 'forbidden' || kind === 'loopback')
    fail('this network is never allowed; a rule may name one loopback address and port');
  if (kind === 'private' && !allowsPrivate)
    fail('a private network needs a rule object with private: true, or name one address and port');
  return { kind: 'network', network: network.base, length: network.length } as const;
}

/**
 * Lower case, without the trailing dot; undefined unless it is letters, digits and hyphens in labels of 1–63
 * (RFC 1123 §2.1), and so written that no resolver takes it for an address (`127.1`, `0x7f.1`, `2130706433`).
 */
export function normalizeName(host: string): string | undefined {
  const name = host.toLowerCase().replace(/\.$/, '');
  if (name.length === 0 || name.length > 253) return undefined;
  const labels = name.split('.');
  if (!labels.every((label) => /^(?!-)[a-z0-9-]{1,63}(?<!-)$/.test(label))) return undefined;
  // WHATWG URL's "ends in a number" test: what decides whether parsers try IPv4.
  return /^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1)!) ? undefined : name;
}

/** Whether the rule covers this address and port; whether its class may be reached is another question. */
export function coversAddress(rule: Rule, address: Address, port: number): boolean {
  if (!rule.ports.includes(port)) return false;
  if (rule.kind === 'literal') return printAddress(rule.address) === printAddress(address);
  return rule.kind === 'network' && hasAddress({ base: rule.network, length: rule.length }, address);
}
