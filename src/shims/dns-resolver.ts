import type { DnsQueryType, DnsRecord } from '../bridge/api.ts';
import type { Tunnel } from '../client/tunnel.ts';
import { unavailable } from './connect-options.ts';
import { tunnelOf } from './default-tunnel.ts';
import { queryError, toQueryError } from './dns-error.ts';
import { shownAll, shownRecord } from './dns-records.ts';
import { checkInteger, codedError, invalidArgType } from './errors.ts';
import { isIP } from './ip.ts';

/** What a Resolver takes. */
export interface ResolverOptions {
  /** Milliseconds for the first try; each has twice as long as the one before, as in Node. */
  timeout?: number;
  /**
   * With `timeout`, how long an answer is waited for (default 4; 2 s without a `timeout`); how often a query is sent meanwhile,
   * the tunnel decides. Without both, it decides all.
   */
  tries?: number;
  /** Instead of the one of `setDefaultTunnel`. */
  tunnel?: Tunnel;
}

/** What a timer takes, and Node. */
const MOST_MILLISECONDS = 0x7fffffff;

/** What can be asked for by `resolve`. */
export type RecordTypeName = Exclude<DnsQueryType, 'HTTPS' | 'SVCB'>;

const TYPES: readonly RecordTypeName[] = [
  ...(['A', 'AAAA', 'ANY', 'CAA', 'CNAME', 'MX', 'NAPTR', 'NS', 'PTR', 'SOA', 'SRV', 'TXT'] as const),
];

/** Who asks the tunnel's DNS servers, as promises, and can be told to stop. Hosts that are known without asking do not count. */
export class DnsResolver {
  readonly #options: ResolverOptions;
  readonly #asked = new Set<() => void>();

  constructor(options: ResolverOptions = {}) {
    const { timeout = -1, tries = 1 } = options;
    checkInteger(timeout, 'options.timeout', -1);
    checkInteger(tries, 'options.tries', 1);
    this.#options = options;
  }

  /** All questions that are not answered yet fail with ECANCELLED. */
  cancel(): void {
    for (const cancel of [...this.#asked]) cancel();
  }

  /** Always empty: who is asked stands in the tunnel's configuration. */
  getServers(): string[] {
    return [];
  }

  /**
   * Checks them as Node does, and then refuses with ERR_FEATURE_UNAVAILABLE_ON_PLATFORM: the questions go to the servers
   * that the tunnel's configuration names, and `tunnel.configure` changes those.
   */
  setServers(servers: readonly string[]): void {
    if (!Array.isArray(servers)) throw invalidArgType('servers', 'an instance of Array', servers);
    for (const server of servers as readonly string[])
      if (isIP(hostOf(server)) === 0)
        throw codedError(TypeError, 'ERR_INVALID_IP_ADDRESS', `Invalid IP address: ${server}`);
    throw unavailable("setServers: DNS servers stand in the tunnel's configuration");
  }

  async resolve(hostname: string, type: RecordTypeName = 'A'): Promise<unknown> {
    if (typeof type !== 'string' || !TYPES.includes(type))
      throw codedError(
        TypeError,
        'ERR_INVALID_ARG_VALUE',
        `The argument 'rrtype' is invalid. Received '${String(type)}'`,
      );
    const records = await this.#ask(hostname, type, `query${type[0]}${type.slice(1).toLowerCase()}`);
    if (type === 'ANY') return shownAll(records);
    const values = records.filter((record) => record.type === type).map(shownRecord);
    return type === 'SOA' ? values[0] : values;
  }

  async resolveAddresses(hostname: string, type: 'A' | 'AAAA', withTtl: boolean): Promise<unknown[]> {
    const records = await this.#ask(hostname, type, type === 'A' ? 'queryA' : 'queryAaaa');
    return records.flatMap((record) =>
      record.type !== 'A' && record.type !== 'AAAA'
        ? []
        : [withTtl ? { address: record.address, ttl: record.ttl } : record.address],
    );
  }

  async reverse(ip: string): Promise<string[]> {
    if (typeof ip !== 'string') throw invalidArgType('name', 'of type string', ip);
    if (isIP(ip) === 0) throw queryError('EINVAL', 'getHostByAddr', ip);
    const records = await this.#ask(ip, 'PTR', 'getHostByAddr');
    return records.flatMap((record) => (record.type === 'PTR' ? [record.target] : []));
  }

  #ask(hostname: string, type: DnsQueryType, syscall: string): Promise<DnsRecord[]> {
    if (typeof hostname !== 'string') throw invalidArgType('name', 'of type string', hostname);
    const tunnel = tunnelOf(this.#options);
    const patience = patienceOf(this.#options);
    return new Promise((resolve, reject) => {
      const timer = patience && setTimeout(() => fail(queryError('ETIMEOUT', syscall, hostname)), patience);
      const settled = () => {
        clearTimeout(timer);
        this.#asked.delete(cancelled);
      };
      const fail = (error: Error) => {
        settled();
        reject(error);
      };
      const cancelled = () => fail(queryError('ECANCELLED', syscall, hostname));
      this.#asked.add(cancelled);
      tunnel.resolve(hostname, type).then(
        (records) => {
          settled();
          resolve(records);
        },
        (reason: unknown) => fail(toQueryError(reason, syscall, hostname)),
      );
    });
  }
}

/** Milliseconds for all tries together; undefined: as long as the tunnel takes. */
function patienceOf({ timeout = -1, tries }: ResolverOptions): number | undefined {
  if (timeout <= 0 && tries === undefined) return undefined;
  const first = timeout > 0 ? timeout : 2000;
  return Math.min(first * (2 ** (tries ?? 4) - 1), MOST_MILLISECONDS);
}

/** Without the port that may stand behind it: `8.8.8.8:53`, `[::1]:53`. */
function hostOf(server: unknown): string {
  const text = String(server);
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(text) ?? [];
  if (bracketed !== undefined) return bracketed;
  return isIP(text) === 0 ? text.replace(/:\d+$/, '') : text;
}
