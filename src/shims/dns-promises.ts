// Node's `dns/promises` over a tunnel.
import { DnsResolver, type RecordTypeName } from './dns-resolver.ts';
import { checkPort, codedError, invalidArgType } from './errors.ts';
import { isIP } from './ip.ts';

export { getDefaultResultOrder, lookupPromise as lookup, setDefaultResultOrder } from './dns-lookup.ts';

/** An option of `resolve4` and `resolve6`. */
export interface TtlOption {
  /** Whether each address comes with its TTL in seconds; default false. */
  ttl?: boolean;
}

/** Node's dns.promises.Resolver. */
export class Resolver {
  readonly #resolver: DnsResolver;

  /** See ResolverOptions. Throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE. */
  constructor(...options: ConstructorParameters<typeof DnsResolver>) {
    this.#resolver = new DnsResolver(...options);
  }

  /** All questions that are not answered yet fail with ECANCELLED. */
  cancel = (): void => this.#resolver.cancel();
  /** Always empty: who is asked stands in the tunnel's configuration. */
  getServers = (): string[] => this.#resolver.getServers();
  /** Refused, after Node's checks: ERR_FEATURE_UNAVAILABLE_ON_PLATFORM. */
  setServers = (servers: readonly string[]): void => this.#resolver.setServers(servers);
  /** Records of a type, absent A, as they are shown by the methods below; fails with c-ares's codes. */
  resolve = (hostname: string, type?: RecordTypeName) => this.#resolver.resolve(hostname, type);
  /** IPv4 addresses, with `{ ttl: true }` their TTLs in seconds. */
  resolve4 = (hostname: string, { ttl = false }: TtlOption = {}) =>
    this.#resolver.resolveAddresses(hostname, 'A', ttl);
  /** IPv6 addresses, likewise. */
  resolve6 = (hostname: string, { ttl = false }: TtlOption = {}) =>
    this.#resolver.resolveAddresses(hostname, 'AAAA', ttl);
  /** All that a server gives for a name, each with its type. */
  resolveAny = (hostname: string) => this.#resolver.resolve(hostname, 'ANY');
  /** Who may issue certificates. */
  resolveCaa = (hostname: string) => this.#resolver.resolve(hostname, 'CAA');
  /** What a name is an alias of. */
  resolveCname = (hostname: string) => this.#resolver.resolve(hostname, 'CNAME');
  /** Mail exchangers with their priorities. */
  resolveMx = (hostname: string) => this.#resolver.resolve(hostname, 'MX');
  /** Rules for naming services (RFC 3403). */
  resolveNaptr = (hostname: string) => this.#resolver.resolve(hostname, 'NAPTR');
  /** Name servers. */
  resolveNs = (hostname: string) => this.#resolver.resolve(hostname, 'NS');
  /** Names that a name points to. */
  resolvePtr = (hostname: string) => this.#resolver.resolve(hostname, 'PTR');
  /** The start of authority: one object. */
  resolveSoa = (hostname: string) => this.#resolver.resolve(hostname, 'SOA');
  /** Hosts and ports of a service. */
  resolveSrv = (hostname: string) => this.#resolver.resolve(hostname, 'SRV');
  /** Texts, each in its parts, bytes as Latin-1. */
  resolveTxt = (hostname: string) => this.#resolver.resolve(hostname, 'TXT');
  /** The names of an address. */
  reverse = (ip: string) => this.#resolver.reverse(ip);
}

/** Asks the default tunnel. */
const standard = new Resolver();

/** See Resolver.resolve. */
export const resolve = standard.resolve;
/** See Resolver.resolve4. */
export const resolve4 = standard.resolve4;
/** See Resolver.resolve6. */
export const resolve6 = standard.resolve6;
/** See Resolver.resolveAny. */
export const resolveAny = standard.resolveAny;
/** See Resolver.resolveCaa. */
export const resolveCaa = standard.resolveCaa;
/** See Resolver.resolveCname. */
export const resolveCname = standard.resolveCname;
/** See Resolver.resolveMx. */
export const resolveMx = standard.resolveMx;
/** See Resolver.resolveNaptr. */
export const resolveNaptr = standard.resolveNaptr;
/** See Resolver.resolveNs. */
export const resolveNs = standard.resolveNs;
/** See Resolver.resolvePtr. */
export const resolvePtr = standard.resolvePtr;
/** See Resolver.resolveSoa. */
export const resolveSoa = standard.resolveSoa;
/** See Resolver.resolveSrv. */
export const resolveSrv = standard.resolveSrv;
/** See Resolver.resolveTxt. */
export const resolveTxt = standard.resolveTxt;
/** See Resolver.reverse. */
export const reverse = standard.reverse;
/** See Resolver.getServers. */
export const getServers = standard.getServers;
/** See Resolver.setServers. */
export const setServers = standard.setServers;

/** The names of /etc/services that one meets; any other port is its number. */
const SERVICES: Readonly<Record<number, string>> = {
  21: 'ftp',
  22: 'ssh',
  23: 'telnet',
  25: 'smtp',
  53: 'domain',
  80: 'http',
  110: 'pop3',
  143: 'imap2',
  443: 'https',
  993: 'imaps',
  995: 'pop3s',
  3306: 'mysql',
  5432: 'postgresql',
  6379: 'redis',
};

/** What `lookupService` finds. */
export interface NameAndService {
  /** The address itself where it has no name. */
  hostname: string;
  /** As in /etc/services, or the port. */
  service: string;
}

/** getnameinfo(3): the address itself where it has no name. */
export async function lookupService(address: string, port: number): Promise<NameAndService> {
  if (typeof address !== 'string') throw invalidArgType('address', 'of type string', address);
  if (isIP(address) === 0)
    throw codedError(
      TypeError,
      'ERR_INVALID_ARG_VALUE',
      `The argument 'address' is invalid. Received '${address}'`,
    );
  const service = SERVICES[checkPort(port)] ?? String(port);
  const [hostname = address] = await reverse(address).catch(() => []);
  return { hostname, service };
}

/** As of Node's: the module itself. */
export * as default from './dns-promises.ts';
