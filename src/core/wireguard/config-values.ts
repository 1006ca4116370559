import { IpAddress, IpPrefix } from '../address.ts';
import { hostAndPort } from '../host-port.ts';
import { decodeKey } from './keys.ts';

/** What is wrong with a value: one clause that says what is expected, and nothing of the value. */
export class Problem {
  readonly expectation: string;

  constructor(expectation: string) {
    this.expectation = expectation;
  }
}

/** 32 bytes; all-zero is for the caller to judge. */
export function parseKey(text: string): Uint8Array | Problem {
  return decodeKey(text) ?? new Problem('must be 44 base64 characters (32 bytes)');
}

/** A decimal integer; leading zeros are decimal, never octal. */
export function parseInteger(text: string, least: number, most: number, what: string): number | Problem {
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  return value >= least && value <= most ? value : new Problem(`${what} must be ${least}–${most}`);
}

/** `off`, decimal or 0x hexadecimal, 32 bits. */
export function parseFwMark(text: string): number | Problem {
  if (text.toLowerCase() === 'off') return 0;
  const value = /^0x[0-9a-f]+$/i.test(text) && text[1] === 'x' ? Number(text) : decimal(text);
  return value <= 0xffff_ffff ? value : new Problem('must be off, or 0–4294967295, or 0x0–0xffffffff');
}

/** Seconds; `off` is 0. */
export function parseKeepalive(text: string): number | Problem {
  if (text.toLowerCase() === 'off') return 0;
  const value = decimal(text);
  return value <= 65535 ? value : new Problem('must be off or 0–65535 seconds');
}

function decimal(text: string): number {
  return /^[0-9]+$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
}

/** `IP` or `IP/length`; host bits are kept. */
export function parsePrefix(text: string): IpPrefix | Problem {
  const prefix = IpPrefix.parse(text);
  if (prefix) return prefix;
  const slash = text.indexOf('/');
  const address = IpAddress.parse(slash < 0 ? text : text.slice(0, slash));
  if (!address)
    return new Problem('expected an IP address or prefix, such as 10.0.0.2, 10.0.0.0/24 or fd00::/64');
  return new Problem(`prefix length must be 0–${address.version === 4 ? 32 : 128}`);
}

/** `+` and `-` mark changes to a running interface (wireguard-tools since 2025); a file is the whole. */
export function parseAllowedIp(text: string): IpPrefix | Problem {
  if (text === '') return new Problem('empty element; expected an IP address or prefix');
  if (text.startsWith('-')) return new Problem('"-" removes a prefix, which a whole file cannot do');
  return parsePrefix(text.startsWith('+') ? text.slice(1) : text);
}

/** A DNS server, or a search domain; wg-quick(8) tells them apart by their characters. */
export function parseDns(text: string): { server: IpAddress } | { domain: string } | Problem {
  if (/^[0-9.]+$/.test(text) || text.includes(':')) {
    const server = IpAddress.parse(text);
    return server ? { server } : new Problem('expected the IP address of a DNS server, without a port');
  }
  return isHostName(text)
    ? { domain: text }
    : new Problem('expected the IP address of a DNS server or a search domain');
}

export interface EndpointText {
  /** Canonical: `host:port`, or `[v6]:port`. */
  readonly text: string;
  /** An IPv6 address written without its brackets, as wg(8) allows. */
  readonly lacksBrackets: boolean;
}

/** `host:port`, `a.b.c.d:port` or `[v6]:port`; the last colon splits. Names stay names: who sends resolves them. */
export function parseEndpoint(text: string): EndpointText | Problem {
  if (text.includes('://')) return new Problem('this is a URL, expected host:port');
  const bracket = text.startsWith('[') ? text.indexOf(']') : -1;
  if (text.startsWith('[') && bracket < 0) return new Problem('"]" missing, expected [IPv6]:port');
  const colon = bracket < 0 ? text.lastIndexOf(':') : text[bracket + 1] === ':' ? bracket + 1 : -1;
  if (colon < 0 || colon === text.length - 1) return new Problem('port missing, expected host:port');
  const port = parseInteger(text.slice(colon + 1), 1, 65535, 'port');
  if (port instanceof Problem) return port;
  const host = canonicalHost(bracket < 0 ? text.slice(0, colon) : text.slice(1, bracket));
  if (host instanceof Problem) return host;
  return { text: hostAndPort(host, port), lacksBrackets: host.includes(':') && bracket < 0 };
}

function canonicalHost(host: string): string | Problem {
  if (host === '') return new Problem('host missing, expected host:port');
  if (host.includes(':')) return canonicalIpv6(host);
  const address = IpAddress.parse(host);
  if (address) return usableHost(address);
  // Resolvers read 1 as 0.0.0.1 and 192.0.2 as 192.0.0.2 (inet_aton): nobody means that.
  if (/(^|\.)(0x[0-9a-f]*|[0-9]+)\.?$/i.test(host))
    return new Problem('not an IPv4 address: four numbers are needed');
  return isHostName(host) ? host : new Problem('expected a host name or IP address before the port');
}

function canonicalIpv6(host: string): string | Problem {
  const percent = host.indexOf('%');
  const address = IpAddress.parse(percent < 0 ? host : host.slice(0, percent));
  const zone = percent < 0 ? '' : host.slice(percent);
  if (address?.version !== 6 || !/^(%[A-Za-z0-9_.-]{1,32})?$/.test(zone))
    return new Problem('not an IPv6 address');
  const usable = usableHost(address);
  return usable instanceof Problem ? usable : usable + zone;
}

function usableHost(address: IpAddress): string | Problem {
  const text = address.toString();
  if (text === '0.0.0.0' || text === '::') return new Problem('the unspecified address cannot be sent to');
  if (text === '255.255.255.255') return new Problem('the broadcast address cannot be a peer');
  return text;
}

/** RFC 1123 §2.1 with underscores, which DNS allows and people use. */
export function isHostName(text: string): boolean {
  return (
    text.length <= 253 &&
    /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i.test(text)
  );
}
