import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * What an address is, for the question whether a relay may send there:
 * `loopback` and `own` only for a rule that names exactly this address; `private` for rules that say so;
 * `forbidden` for none.
 */
export type AddressClass = 'public' | 'private' | 'loopback' | 'forbidden';

export type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** The address that `text` is, IPv4-mapped ones unwrapped; undefined for everything else, zones included. */
export function parseAddress(text: string): Address | undefined {
  // Strict first: ipaddr.js reads `127.1` and `0x7f.1` as resolvers do; net.isIP does not.
  if (isIP(text) === 0 || text.includes('%')) return undefined;
  return ipaddr.process(text.includes(':') ? inHexadecimal(text) : text);
}

/** As a socket says it, where a zone may follow that means something to this host only. */
export function parseZoned(text: string): Address | undefined {
  return parseAddress(text.replace(/%.*$/, ''));
}

/** Rewrites a dotted tail: ipaddr.js reads `::10.0.0.1` as the IPv4-mapped address, which is another one. */
function inHexadecimal(text: string): string {
  return text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((group) => group.toString(16)).join(':'),
  );
}

/** One spelling for each address: dotted quad, or RFC 5952. */
export function printAddress(address: Address): string {
  return address.kind() === 'ipv4' ? address.toString() : (address as ipaddr.IPv6).toRFC5952String();
}

/** The addresses that have the first `length` bits of `base`. */
export interface Network {
  readonly base: Address;
  readonly length: number;
}

/** An address, or a network as `ADDRESS/LENGTH`; undefined for everything else. */
export function parseNetwork(text: string): Network | undefined {
  const [host = '', bits, ...more] = text.split('/');
  const base = parseAddress(host);
  if (base === undefined || more.length > 0) return undefined;
  const longest = base.kind() === 'ipv4' ? 32 : 128;
  if (bits === undefined) return { base, length: longest };
  return /^\d{1,3}$/.test(bits) && Number(bits) <= longest ? { base, length: Number(bits) } : undefined;
}

/** Whether it has the address; one of another family it never has. */
export function hasAddress({ base, length }: Network, address: Address): boolean {
  return base.kind() === address.kind() && (address as ipaddr.IPv4).match(base as ipaddr.IPv4, length);
}

/** Its least and its greatest address. */
export function endsOf({ base, length }: Network): readonly [Address, Address] {
  const hostBits = (i: number) => 255 >> Math.min(8, Math.max(0, length - i * 8));
  const bytes = base.toByteArray();
  const ends = [bytes.map((byte, i) => byte & ~hostBits(i)), bytes.map((byte, i) => byte | hostBits(i))];
  return ends.map((end) => ipaddr.fromByteArray(end)) as [Address, Address];
}

/** The network of that length that it is in, as `ADDRESS/LENGTH`. */
export function networkOf(base: Address, length: number): string {
  return `${printAddress(endsOf({ base, length })[0])}/${length}`;
}

/** The class of an address, and the worst of those of the IPv4 addresses that it carries inside. */
export function classOf(address: Address): AddressClass {
  if (address.kind() === 'ipv4') return matchFirst(address, V4_CLASSES);
  const own = matchFirst(address, V6_CLASSES);
  // `::1` is no IPv4-compatible address.
  if (own === 'loopback') return own;
  const classes = [own, ...carriedAddresses(address).map((inner) => matchFirst(inner, V4_CLASSES))];
  return WORST_FIRST.find((kind) => classes.includes(kind))!;
}

/** Of a text that may also be a name, of which `localhost` alone is loopback. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const address = parseZoned(host);
  return address !== undefined && classOf(address) === 'loopback';
}

const WORST_FIRST: readonly AddressClass[] = ['forbidden', 'loopback', 'private', 'public'];

type Table<What> = readonly (readonly [Network, What])[];

function networks<What>(table: readonly (readonly [string, What])[]): Table<What> {
  return table.map(([cidr, what]) => [parseNetwork(cidr)!, what]);
}

function matchFirst(address: Address, table: Table<AddressClass>): AddressClass {
  return table.find(([network]) => hasAddress(network, address))?.[1] ?? 'public';
}

const V4_CLASSES = networks<AddressClass>([
  ['0.0.0.0/8', 'forbidden'], // "this network"; Linux delivers 0.0.0.0 to loopback
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'forbidden'], // link-local: the clouds' metadata services
  ['168.63.129.16/32', 'forbidden'], // Azure's
  ['224.0.0.0/4', 'forbidden'], // multicast
  ['240.0.0.0/4', 'forbidden'], // reserved, broadcast
  ['10.0.0.0/8', 'private'],
  ['172.16.0.0/12', 'private'],
  ['192.168.0.0/16', 'private'],
  ['100.64.0.0/10', 'private'], // RFC 6598
  ['192.0.0.0/24', 'private'], // RFC 6890
  ['198.18.0.0/15', 'private'], // RFC 2544
]);

const V6_CLASSES = networks<AddressClass>([
  ['::1/128', 'loopback'],
  ['::/128', 'forbidden'],
  ['fe80::/10', 'forbidden'],
  ['ff00::/8', 'forbidden'],
  ['fd00:ec2::254/128', 'forbidden'], // metadata services: EC2's
  ['fd20:ce::254/128', 'forbidden'], // and Google's
  ['fc00::/7', 'private'],
  ['fec0::/10', 'private'], // site-local, RFC 3879
  ['100::/64', 'forbidden'], // discard-only, RFC 6666
]);

const at = (start: number) => [start, start + 1, start + 2, start + 3];
/** Which bytes of an address in these networks some translator or tunnel takes for an IPv4 address; from 16 on, the same inverted. */
const CARRYING = networks<readonly (readonly number[])[]>([
  ['::/96', [at(12)]], // IPv4-compatible, RFC 4291 §2.5.5.1
  ['::ffff:0:0:0/96', [at(12)]], // SIIT, RFC 2765 §2.1
  ['64:ff9b::/96', [at(12)]], // NAT64, RFC 6052
  // Local NAT64, RFC 8215: any of RFC 6052's prefix lengths from 48 up may be in use.
  ['64:ff9b:1::/48', [at(12), [6, 7, 9, 10], [7, 9, 10, 11], at(9)]],
  ['2002::/16', [at(2)]], // 6to4, RFC 3056
  ['2001::/32', [at(4), at(28)]], // Teredo's server and client, RFC 4380 §4
]);

function carriedAddresses(address: Address): ipaddr.IPv4[] {
  const bytes = address.toByteArray();
  const isIsatap = (bytes[8]! & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe;
  const places = CARRYING.flatMap(([network, all]) => (hasAddress(network, address) ? all : []));
  if (isIsatap) places.push(at(12)); // RFC 5214 §6.1
  bytes.push(...bytes.map((byte) => byte ^ 0xff));
  return places.map((place) => new ipaddr.IPv4(place.map((offset) => bytes[offset]!)));
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
