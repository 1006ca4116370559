import type { IpAddress } from '../address.ts';
import { TunnelError } from '../errors.ts';
import type { Instant } from '../time.ts';
import type { NameNetwork } from './dns/network.ts';
import type { Resolution } from './dns/resolution.ts';
import { failure, quoted } from './dns/resolve-failure.ts';
import type { Resolver } from './dns/resolver.ts';

/** Direct Sockets' dnsQueryType: which addresses of a name count. Absent: all that we have a way to. */
export type AddressFamily = 'ipv4' | 'ipv6' | undefined;

/** Of each family; a server that gives more gives them in vain. */
export const MAX_ADDRESSES = 64;

/** A host's addresses of both families: two questions, AAAA first and A at once behind it (RFC 8305 §3). */
export class AddressLookup {
  readonly host: string;
  readonly #resolver: Resolver;
  readonly #resolutions = new Map<4 | 6, Resolution>();
  /** Why nothing was asked. */
  #mistake: TunnelError | undefined;

  /** `noted`: called when there is something new, and only to take note. */
  constructor(
    host: string,
    family: AddressFamily,
    { resolver, network }: { resolver: Resolver; network: NameNetwork },
    noted: () => void,
    now: Instant,
  ) {
    this.host = host;
    this.#resolver = resolver;
    for (const version of [6, 4] as const) {
      const isWanted = family === undefined || family === `ipv${version}`;
      if (isWanted && network.hasFamily(version)) this.#ask(version, noted, now);
    }
    if (this.#resolutions.size === 0) this.#mistake = noFamily(host, family);
  }

  /** Whether all is known that ever will be. */
  get isSettled(): boolean {
    return this.isFamilySettled(4) && this.isFamilySettled(6);
  }

  /** True of a family that is not asked for, too. */
  isFamilySettled(version: 4 | 6): boolean {
    const resolution = this.#resolutions.get(version);
    return resolution === undefined || resolution.outcome !== undefined;
  }

  /** Those known by now, in the servers' order. */
  addressesOf(version: 4 | 6): readonly IpAddress[] {
    const outcome = this.#resolutions.get(version)?.outcome;
    if (!outcome || 'error' in outcome) return [];
    return outcome.records
      .flatMap((record) => (record.type === 'A' || record.type === 'AAAA' ? record.address : []))
      .slice(0, MAX_ADDRESSES);
  }

  get addresses(): IpAddress[] {
    return [...this.addressesOf(6), ...this.addressesOf(4)];
  }

  /** Of a settled lookup without addresses: the one of its failures that says most. */
  get error(): TunnelError {
    if (this.#mistake) return this.#mistake;
    const failures = [...this.#resolutions.values()].flatMap(({ outcome }) =>
      outcome && 'error' in outcome ? outcome : [],
    );
    // That nothing is known counts more than that one family has nothing.
    const byReason = (...reasons: string[]) => failures.find(({ reason }) => reasons.includes(reason));
    const telling = byReason('failed') ?? byReason('refused', 'no-name') ?? failures[0]!;
    if (telling.reason !== 'no-record' || failures.length === 1) return telling.error;
    return failure(`${quoted(this.host)} exists, but has neither an IPv6 nor an IPv4 address.`, 'no-record');
  }

  cancel(now: Instant): void {
    for (const resolution of this.#resolutions.values()) resolution.cancel(now);
  }

  #ask(version: 4 | 6, noted: () => void, now: Instant): void {
    const resolution = this.#resolver.resolve(this.host, version === 6 ? 'AAAA' : 'A', now);
    resolution.observer = { settled: noted };
    this.#resolutions.set(version, resolution);
  }
}

function noFamily(host: string, family: AddressFamily): TunnelError {
  const what = family === undefined ? 'IP' : family === 'ipv4' ? 'IPv4' : 'IPv6';
  return new TunnelError(
    'ERR_NO_ROUTE',
    `There is no way to ${quoted(host)}: the tunnel has no ${what} address, or no peer's AllowedIPs cover any.`,
    { leg: 'inside' },
  );
}
