// Which of a host's addresses to try first (RFC 6724 §6), with the default policy table (§2.1).

import { type IpAddress, IpPrefix } from '../address.ts';

interface Policy {
  readonly prefix: IpPrefix;
  readonly precedence: number;
  readonly label: number;
}

const POLICIES: readonly Policy[] = [
  policy('::1/128', 50, 0),
  policy('::/0', 40, 1),
  policy('::ffff:0:0/96', 35, 4),
  policy('2002::/16', 30, 2),
  policy('2001::/32', 5, 5),
  policy('fc00::/7', 3, 13),
  policy('::/96', 1, 3),
  policy('fec0::/10', 1, 11),
  policy('3ffe::/16', 1, 12),
].sort((a, b) => b.prefix.length - a.prefix.length);

function policy(prefix: string, precedence: number, label: number): Policy {
  return { prefix: IpPrefix.parse(prefix)!, precedence, label };
}

const IPV4_POLICY = POLICIES.find(({ label }) => label === 4)!;

/** RFC 4291 §2.7's numbers, for unicast too. */
const LINK_LOCAL_SCOPE = 2;
const SITE_LOCAL_SCOPE = 5;
const GLOBAL_SCOPE = 14;

/** What the order depends on besides the destinations themselves. */
export interface SelectionContext {
  /** Our address towards the destination. */
  sourceFor(destination: IpAddress): IpAddress | undefined;
  hasRoute(destination: IpAddress): boolean;
}

/** The destinations, the best first; equally good ones stay in their order. */
export function sortDestinations(destinations: readonly IpAddress[], context: SelectionContext): IpAddress[] {
  return destinations
    .map((destination) => candidateOf(destination, context))
    .sort(compare)
    .map(({ destination }) => destination);
}

interface Candidate {
  readonly destination: IpAddress;
  readonly isUsable: boolean;
  readonly isScopeMatched: boolean;
  readonly isLabelMatched: boolean;
  readonly precedence: number;
  readonly scope: number;
  /** Of IPv6 only: DNS load balancing by several IPv4 addresses would be undone otherwise (RFC 6724 §10.3 is blamed). */
  readonly commonBits: number;
}

function candidateOf(destination: IpAddress, context: SelectionContext): Candidate {
  const source = context.sourceFor(destination);
  const scope = scopeOf(destination);
  const { precedence, label } = policyOf(destination);
  return {
    destination,
    isUsable: source !== undefined && context.hasRoute(destination),
    isScopeMatched: source !== undefined && scopeOf(source) === scope,
    isLabelMatched: source !== undefined && policyOf(source).label === label,
    precedence,
    scope,
    commonBits: source && destination.version === 6 ? commonPrefixLength(source, destination) : 0,
  };
}

/** Rules 1, 2, 5, 6, 8, 9 and 10; of 3, 4 and 7 (deprecated, home and tunnelled addresses) we know nothing. */
function compare(a: Candidate, b: Candidate): number {
  return (
    Number(b.isUsable) - Number(a.isUsable) ||
    Number(b.isScopeMatched) - Number(a.isScopeMatched) ||
    Number(b.isLabelMatched) - Number(a.isLabelMatched) ||
    b.precedence - a.precedence ||
    a.scope - b.scope ||
    (a.destination.version === b.destination.version ? b.commonBits - a.commonBits : 0)
  );
}

function policyOf(address: IpAddress): Policy {
  if (address.version === 4) return IPV4_POLICY;
  return POLICIES.find(({ prefix }) => prefix.contains(address))!;
}

/** RFC 6724 §3.1 and, of IPv4, §3.2: private addresses are global. */
function scopeOf({ version, bytes }: IpAddress): number {
  const [first, second] = bytes as unknown as [number, number];
  if (version === 4)
    return first === 127 || (first === 169 && second === 254) ? LINK_LOCAL_SCOPE : GLOBAL_SCOPE;
  if (first === 0xff) return second & 15;
  if (first === 0xfe && (second & 0xc0) === 0x80) return LINK_LOCAL_SCOPE;
  if (first === 0xfe && (second & 0xc0) === 0xc0) return SITE_LOCAL_SCOPE;
  const isLoopback = bytes[15] === 1 && bytes.every((byte, i) => i === 15 || byte === 0);
  return isLoopback ? LINK_LOCAL_SCOPE : GLOBAL_SCOPE;
}

/** RFC 6724 §2.2: of the upper 64 bits, for what is below identifies an interface. */
function commonPrefixLength(a: IpAddress, b: IpAddress): number {
  for (let i = 0; i < 8; i++) {
    const difference = a.bytes[i]! ^ b.bytes[i]!;
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24;
  }
  return 64;
}

/** Families by turns, beginning with `first`, each in its order (RFC 8305 §4, First Address Family Count 1). */
export function interleave(addresses: readonly IpAddress[], first: 4 | 6): IpAddress[] {
  const preferred = addresses.filter(({ version }) => version === first);
  const others = addresses.filter(({ version }) => version !== first);
  const mixed: IpAddress[] = [];
  for (let i = 0; i < Math.max(preferred.length, others.length); i++)
    mixed.push(...preferred.slice(i, i + 1), ...others.slice(i, i + 1));
  return mixed;
}
