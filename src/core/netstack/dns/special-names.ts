// Names that are never asked of a server: addresses, localhost, and the domains that other protocols own.

import { IpAddress } from '../../address.ts';
import type { RecordType } from '../../wire/dns.ts';
import { isInDomain, type NameFault } from '../../wire/dns-name.ts';

const LOOPBACK_V4 = IpAddress.parse('127.0.0.1')!;
const LOOPBACK_V6 = IpAddress.parse('::1')!;

/** Top-level domains that no DNS server is asked about, and why not. */
const NOT_IN_DNS: Readonly<Record<string, string>> = {
  invalid: 'names under .invalid never exist (RFC 6761)',
  onion: 'names under .onion belong to Tor and are never looked up in DNS (RFC 7686)',
  local: 'names under .local belong to multicast DNS, which does not pass a tunnel (RFC 6762)',
};

/** Both of localhost's addresses, for it and all names below it (RFC 6761 §6.3). */
export function loopbackOf(name: string): readonly IpAddress[] | undefined {
  return isInDomain(name, 'localhost') ? [LOOPBACK_V4, LOOPBACK_V6] : undefined;
}

/**
 * Why no server is asked about a canonical name, or undefined where one is. A network that searches a domain under
 * .local serves it by unicast, whatever RFC 6762 says: many do.
 */
export function reasonNotInDns(name: string, searchDomains: readonly string[]): string | undefined {
  const reason = NOT_IN_DNS[name.slice(name.lastIndexOf('.') + 1)];
  return reason && !searchDomains.some((domain) => isInDomain(name, domain)) ? reason : undefined;
}

/** Where an address has its names: in-addr.arpa (RFC 1035 §3.5), or ip6.arpa by nibbles (RFC 3596 §2.5). */
export function reverseName(address: IpAddress): string {
  if (address.version === 4) return `${[...address.bytes].reverse().join('.')}.in-addr.arpa`;
  const nibbles = [...address.bytes].flatMap((byte) => [byte >> 4, byte & 15]);
  return `${nibbles
    .reverse()
    .map((nibble) => nibble.toString(16))
    .join('.')}.ip6.arpa`;
}

/** What is wrong with a text as the name of a host, beyond what makes it no domain name at all; for a sentence. */
export function hostNameFault(text: string): string | undefined {
  const foreign = /[^A-Za-z0-9_.-]/.exec(text)?.[0];
  if (foreign !== undefined) return `it contains ${JSON.stringify(foreign)}`;
  // Whoever writes four numbers means an address (URL Standard, "ends in a number").
  return /(^|\.)[0-9]+\.?$/.test(text) ? 'it ends in a number, but is no IPv4 address' : undefined;
}

export function nameFaultText(fault: NameFault): string {
  switch (fault) {
    case 'empty label':
      return 'there is nothing before, after or between its dots';
    case 'label longer than 63':
      return 'a part between its dots is longer than 63 characters';
    case 'name longer than 253':
      return 'it is longer than 253 characters';
    case 'bad character':
      return 'it contains a character that must be escaped';
  }
}

/** Whether records of the type are addresses, which only hosts have. */
export function isAddressType(type: RecordType): type is 'A' | 'AAAA' {
  return type === 'A' || type === 'AAAA';
}
