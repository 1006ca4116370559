// What the page says about names beside the servers of the configuration: those it knows, and which answers it believes.
import type { EngineNames } from '../bridge/api.ts';
import { IpAddress, IpPrefix, unmapped } from '../core/address.ts';
import { TunnelError } from '../core/errors.ts';
import type { ResolverConfig } from '../core/netstack/dns/resolver.ts';
import { hostNameFault, nameFaultText } from '../core/netstack/dns/special-names.ts';
import { canonicalName, encodeName, isInDomain } from '../core/wire/dns-name.ts';

/** Addresses that mean something else in each network (RFC 6890): what a name of the world has no business to have. */
const PRIVATE: readonly IpPrefix[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::/127',
  'fc00::/7',
  'fe80::/10',
].map((text) => IpPrefix.parse(text)!);

/** Throws ERR_CONFIG for what is no name or no address. */
export function checkNames({ hosts, allowPrivate }: EngineNames): void {
  for (const [name, addresses] of hosts) {
    checkName(name, 'dns.hosts');
    for (const text of addresses)
      if (!IpAddress.parse(text))
        throw refused(`dns.hosts: "${text.slice(0, 100)}", of ${name}, is not an IP address.`);
  }
  if (typeof allowPrivate !== 'boolean')
    for (const domain of allowPrivate) checkName(domain, 'dns.allowPrivate');
}

/** Of names that were checked. */
export function namePolicyOf(names: EngineNames | undefined): Pick<ResolverConfig, 'hosts' | 'accepts'> {
  if (!names) return {};
  const hosts = new Map(
    names.hosts.map(([name, addresses]) => [name, addresses.map((text) => IpAddress.parse(text)!)]),
  );
  const { allowPrivate } = names;
  if (allowPrivate === true) return { hosts };
  const domains = allowPrivate === false ? [] : allowPrivate.map(canonicalOf);
  const accepts = (name: string, address: IpAddress) =>
    !isPrivate(address) || domains.some((domain) => isInDomain(name, domain));
  return { hosts, accepts };
}

function isPrivate(address: IpAddress): boolean {
  const meant = unmapped(address);
  return PRIVATE.some((prefix) => prefix.contains(meant));
}

function canonicalOf(name: string): string {
  return canonicalName(encodeName(name) as Uint8Array);
}

function checkName(name: string, option: string): void {
  const encoded = encodeName(name);
  const fault = hostNameFault(name) || (typeof encoded === 'string' && nameFaultText(encoded));
  if (fault) throw refused(`${option}: "${name.slice(0, 100)}" is not a name: ${fault}.`);
}

function refused(message: string): TunnelError {
  return new TunnelError('ERR_CONFIG', message);
}
