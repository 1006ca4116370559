// The parsers of what people write: addresses, prefixes, endpoints, base64, keys, numbers. Each agrees with somebody
// else's (Node's net, URL and Buffer) or with a plain rule, prints what it parses to itself, and never throws.
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { isIPv4, isIPv6 } from 'node:net';
import { IpAddress, IpPrefix } from '../../../src/core/address.ts';
import { fromBase64, toBase64 } from '../../../src/core/bytes.ts';
import {
  isHostName,
  Problem,
  parseDns,
  parseEndpoint,
  parseFwMark,
  parseInteger,
  parseKeepalive,
  parseKey,
  parsePrefix,
} from '../../../src/core/wireguard/config-values.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'values';

const PIECES = [
  ...[
    '0',
    '1',
    '9',
    '10',
    '25',
    '127',
    '192',
    '255',
    '256',
    '300',
    '00',
    '01',
    '1e3',
    '0x10',
    '-1',
    '+1',
    ' ',
  ],
  ...[
    '.',
    '.',
    '.',
    ':',
    ':',
    '::',
    '/',
    '/24',
    '/32',
    '/33',
    '/128',
    '/129',
    '%eth0',
    '[',
    ']',
    ',',
    '-',
    '_',
  ],
  ...[
    'f',
    'ff',
    'fe80',
    'abcd',
    'ABCD',
    'fffff',
    'a.example',
    'host',
    'localhost',
    'é',
    '\0',
    '\ud800',
    '=',
    '#',
  ],
];

export function run(seed: number): void {
  const random = new SeededRandom(seed);
  for (let n = 0; n < 60; n++) {
    checkAddress(mutate(random, makeAddress(random)));
    checkEndpoint(mutate(random, makeEndpoint(random)));
    checkKnownEndpoint(random);
    checkBase64(mutate(random, toBase64(random.bytes(random.below(3) === 0 ? 32 : random.below(80)))));
    checkNumber(mutate(random, makeNumber(random)));
    checkDns(mutate(random, makeName(random)));
  }
}

// ---- Making them

function pick<T>(random: SeededRandom, list: readonly T[]): T {
  return list[random.below(list.length)]!;
}

function makeIpv4(random: SeededRandom): string {
  return [...random.bytes(4)].map((byte) => (random.below(4) === 0 ? random.below(300) : byte)).join('.');
}

function makeIpv6(random: SeededRandom): string {
  const groups = Array.from({ length: 8 }, () =>
    random.below(3) === 0 ? '0' : random.below(0x10000).toString(16),
  );
  if (random.below(4) === 0) groups.splice(6, 2, makeIpv4(random));
  if (random.below(2) === 0) {
    const from = random.below(groups.length);
    const to = from + 1 + random.below(groups.length - from);
    return `${groups.slice(0, from).join(':')}::${groups.slice(to).join(':')}`;
  }
  return groups.join(random.below(12) === 0 ? '::' : ':');
}

function makeAddress(random: SeededRandom): string {
  const address = random.below(2) === 0 ? makeIpv4(random) : makeIpv6(random);
  return random.below(2) === 0 ? address : `${address}/${random.below(140)}`;
}

function makeName(random: SeededRandom): string {
  return Array.from({ length: 1 + random.below(4) }, () =>
    pick(random, ['a', 'vpn', 'example', 'x-1', '_srv', '7']),
  )
    .join('.')
    .concat(pick(random, ['', '', '.']));
}

function makeEndpoint(random: SeededRandom): string {
  const port = random.below(4) === 0 ? makeNumber(random) : String(random.below(65_536));
  switch (random.below(4)) {
    case 0:
      return `${makeIpv4(random)}:${port}`;
    case 1:
      return `[${makeIpv6(random)}${pick(random, ['', '', '%eth0', '%', '%1'])}]:${port}`;
    case 2:
      return `${makeIpv6(random)}:${port}`;
    default:
      return `${makeName(random)}:${port}`;
  }
}

function makeNumber(random: SeededRandom): string {
  switch (random.below(5)) {
    case 0:
      return String(random.next());
    case 1:
      return `0x${random.next().toString(16)}`;
    case 2:
      return pick(random, [
        'off',
        'OFF',
        '0',
        '00',
        '65535',
        '65536',
        '4294967295',
        '4294967296',
        '9'.repeat(400),
      ]);
    default:
      return String(random.below(70_000));
  }
}

function mutate(random: SeededRandom, text: string): string {
  for (let n = random.below(3); n > 0; n--) {
    const at = random.below(text.length + 1);
    const insert = random.below(2) === 0 ? pick(random, PIECES) : '';
    text = text.slice(0, at) + insert + text.slice(at + random.below(3));
  }
  return text;
}

// ---- Judging them

function checkAddress(text: string): void {
  const [host = '', ...rest] = text.split('/');
  const address = IpAddress.parse(host);
  // A zone is no part of an address here.
  const wanted = isIPv4(host) ? 4 : isIPv6(host) && !host.includes('%') ? 6 : undefined;
  strictEqual(address?.version, wanted, host);
  if (address) {
    const printed = address.toString();
    const url = new URL(address.version === 4 ? `http://${host}/` : `http://[${host}]/`);
    strictEqual(printed, url.hostname.replace(/[[\]]/g, ''), host);
    deepStrictEqual(IpAddress.parse(printed), address);
  }
  const limit = wanted === 4 ? 32 : 128;
  const length = rest.length === 0 ? limit : /^[0-9]+$/.test(rest.join('/')) ? Number(rest.join('/')) : -1;
  const isPrefix = address !== undefined && length >= 0 && length <= limit;
  const prefix = parsePrefix(text);
  strictEqual(!(prefix instanceof Problem), isPrefix, text);
  strictEqual(IpPrefix.parse(text)?.length, isPrefix ? length : undefined);
  if (prefix instanceof Problem) return;
  deepStrictEqual(IpPrefix.parse(prefix.toString()), prefix);
  const masked = prefix.masked();
  deepStrictEqual(masked.masked(), masked);
  ok(masked.contains(prefix.address));
  strictEqual(bitsOf(masked.address), bitsOf(prefix.address).slice(0, length).padEnd(limit, '0'));
}

function bitsOf({ bytes }: IpAddress): string {
  return [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
}

function checkEndpoint(text: string): void {
  const endpoint = parseEndpoint(text);
  if (endpoint instanceof Problem) return;
  const match = /^(?:\[([0-9a-f:.]+)(%[A-Za-z0-9_.-]{1,32})?\]|([^[\]:]+)):([0-9]+)$/.exec(endpoint.text);
  ok(match, text);
  const [, ipv6, , host, port] = match;
  ok(Number(port) >= 1 && Number(port) <= 65_535 && String(Number(port)) === port, text);
  if (ipv6 !== undefined) ok(isIPv6(ipv6), text);
  else ok(isIPv4(host!) || isHostName(host!), text);
  deepStrictEqual(parseEndpoint(endpoint.text), { text: endpoint.text, lacksBrackets: false });
}

/** Whole ones, whose meaning is known. */
function checkKnownEndpoint(random: SeededRandom): void {
  const port = 1 + random.below(65_535);
  const ipv4 = [1 + random.below(223), ...random.bytes(3)].join('.');
  deepStrictEqual(parseEndpoint(`${ipv4}:${port}`), { text: `${ipv4}:${port}`, lacksBrackets: false });
  const ipv6 = new IpAddress(random.bytes(16)).toString();
  deepStrictEqual(parseEndpoint(`[${ipv6}]:${port}`), { text: `[${ipv6}]:${port}`, lacksBrackets: false });
}

function checkBase64(text: string): void {
  const bytes = fromBase64(text);
  const theirs = Buffer.from(text, 'base64');
  const isCanonical = theirs.toString('base64') === text;
  strictEqual(bytes !== undefined, isCanonical, text);
  if (bytes) {
    deepStrictEqual(Buffer.from(bytes), theirs);
    strictEqual(toBase64(bytes), text);
  }
  const key = parseKey(text);
  strictEqual(!(key instanceof Problem), isCanonical && theirs.length === 32, text);
}

function checkNumber(text: string): void {
  const decimal = /^[0-9]+$/.test(text) ? BigInt(text) : undefined;
  const hexadecimal = /^0x[0-9a-fA-F]+$/.test(text) ? BigInt(text) : undefined;
  const off = text.toLowerCase() === 'off' ? 0n : undefined;
  const agree = (got: number | Problem, value: bigint | undefined, least: bigint, most: bigint) => {
    const wanted = value !== undefined && value >= least && value <= most ? Number(value) : undefined;
    strictEqual(got instanceof Problem ? undefined : got, wanted, text.slice(0, 80));
  };
  agree(parseInteger(text, 576, 65_535, 'size'), decimal, 576n, 65_535n);
  agree(parseFwMark(text), off ?? decimal ?? hexadecimal, 0n, 0xffff_ffffn);
  agree(parseKeepalive(text), off ?? decimal, 0n, 65_535n);
}

function checkDns(text: string): void {
  const dns = parseDns(text);
  if (dns instanceof Problem) return;
  if ('server' in dns) ok(isIPv4(text) || isIPv6(text), text);
  else ok(/^[A-Za-z0-9_.-]{1,253}$/.test(dns.domain) && !/[.]{2}|^[.-]/.test(dns.domain), text);
}
