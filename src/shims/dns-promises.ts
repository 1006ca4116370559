// Node's `dns/promises` over a tunnel.
import { DnsResolver, type RecordTypeName } from './dns-resolver.ts';
import { checkPort, codedError, invalidArgType } from './errors.ts';
import { isIP } from './ip.ts';

export { getDefaultResultOrder, lookupPromise as lookup, setDefaultResultOrder } from './dns-lookup.ts';

export interface TtlOption {
  ttl?: boolean;
}

/** Node's dns.promises.Resolver. */
export class Resolver {
  readonly #resolver: DnsResolver;

  constructor(...options: ConstructorParameters<typeof DnsResolver>) {
    this.#resolver = new DnsResolver(...options);
  }

  cancel = (): void => this.#resolver.cancel();
  getServers = (): string[] => this.#resolver.getServers();
  setServers = (servers: readonly string[]): void => this.#resolver.setServers(servers);
  resolve = (hostname: string, type?: RecordTypeName) => this.#resolver.resolve(hostname, type);
  resolve4 = (hostname: string, { ttl = false }: TtlOption = {}) =>
    this.#resolver.resolveAddresses(hostname, 'A', ttl);
  resolve6 = (hostname: string, { ttl = false }: TtlOption = {}) =>
    this.#resolver.resolveAddresses(hostname, 'AAAA', ttl);
  resolveAny = (hostname: string) => this.#resolver.resolve(hostname, 'ANY');
  resolveCaa = (hostname: string) => this.#resolver.resolve(hostname, 'CAA');
  resolveCname = (hostname: string) => this.#resolver.resolve(hostname, 'CNAME');
  resolveMx = (hostname: string) => this.#resolver.resolve(hostname, 'MX');
  resolveNaptr = (hostname: string) => this.#resolver.resolve(hostname, 'NAPTR');
  resolveNs = (hostname: string) => this.#resolver.resolve(hostname, 'NS');
  resolvePtr = (hostname: string) => this.#resolver.resolve(hostname, 'PTR');
  resolveSoa = (hostname: string) => this.#resolver.resolve(hostname, 'SOA');
  resolveSrv = (hostname: string) => this.#resolver.resolve(hostname, 'SRV');
  resolveTxt = (hostname: string) => this.#resolver.resolve(hostname, 'TXT');
  reverse = (ip: string) => this.#resolver.reverse(ip);
}

export const {
  getServers,
  setServers,
  resolve,
  resolve4,
  resolve6,
  resolveAny,
  resolveCaa,
  resolveCname,
  resolveMx,
  resolveNaptr,
  resolveNs,
  resolvePtr,
  resolveSoa,
  resolveSrv,
  resolveTxt,
  reverse,
} = new Resolver();

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

/** getnameinfo(3): the address itself where it has no name. */
export async function lookupService(
  address: string,
  port: number,
): Promise<{ hostname: string; service: string }> {
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
