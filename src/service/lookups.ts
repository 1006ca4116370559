// Names, for sockets and for whoever asks: the stack's lookups as promises.
import type { AddressFamily, DnsQueryType, DnsRecord } from '../bridge/api.ts';
import type { Port } from '../bridge/channel.ts';
import { IpAddress } from '../core/address.ts';
import type { Driver } from '../core/driver.ts';
import { TunnelError } from '../core/errors.ts';
import type { ResolveOutcome } from '../core/netstack/dns/resolution.ts';
import type { Names } from '../core/netstack/names.ts';
import type { Instant, Pollable } from '../core/time.ts';
import type { DnsRecord as CoreRecord } from '../core/wire/dns.ts';
import type { Drainable, Noted } from './noted.ts';

/** Something in the core that will have a result, and then says so. */
interface Pending {
  observer: { settled(): void } | undefined;
  cancel(now: Instant): void;
}

/** How long an address is waited for: until `by`, and not after the page said `close` on `port`. */
export interface Patience {
  readonly by: Instant;
  readonly port: Port;
}

export class Lookups {
  readonly #names: Names;
  readonly #driver: Driver;
  readonly #noted: Noted;
  readonly #waiting = new Set<{ fail: (error: TunnelError) => void }>();

  constructor(names: Names, driver: Driver, noted: Noted) {
    this.#names = names;
    this.#driver = driver;
    this.#noted = noted;
  }

  async resolve(name: string, type: DnsQueryType): Promise<DnsRecord[]> {
    const resolution = this.#names.resolve(name, type, this.#driver.now());
    const records = await this.#resultOf(resolution, () => {
      const { outcome } = resolution;
      return outcome && resultOf(outcome);
    });
    return records.map(recordOf);
  }

  /** The addresses of a host, best first; itself, if it is one. */
  async addressesOf(host: string, family: AddressFamily): Promise<string[]> {
    const literal = literalOf(host, family);
    const addresses = literal ? [literal] : await this.#addressesOf(host, family);
    return addresses.map(String);
  }

  /** The best address of a host: at once, if it is one. */
  addressOf(host: string, family: AddressFamily, patience?: Patience): IpAddress | Promise<IpAddress> {
    return literalOf(host, family) ?? this.#bestAddressOf(host, family, patience);
  }

  /** Nobody is waited for any more. */
  close(): void {
    for (const { fail } of [...this.#waiting]) fail(new TunnelError('ERR_CLOSED', 'The tunnel is closed.'));
  }

  async #bestAddressOf(host: string, family: AddressFamily, patience?: Patience): Promise<IpAddress> {
    return (await this.#addressesOf(host, family, patience))[0]!;
  }

  #addressesOf(host: string, family: AddressFamily, patience?: Patience): Promise<readonly IpAddress[]> {
    const lookup = this.#names.lookUp(host, family, this.#driver.now());
    const read = () => (lookup.isSettled ? (lookup.error ?? lookup.addresses) : undefined);
    return this.#resultOf(lookup, read, patience && ((fail) => this.#watch(host, patience, fail)));
  }

  /** Fails when the patience is over; what comes back ends the watch. */
  #watch(host: string, { by, port }: Patience, fail: (error: TunnelError) => void): () => void {
    const watch: Pollable = {
      pollAt: () => by,
      poll: (now) => {
        if (now >= by) fail(tooLate(host));
      },
    };
    this.#driver.add(watch);
    port.onmessage = ({ data }: MessageEvent<{ type: string }>) => {
      if (data.type === 'close')
        fail(new TunnelError('ERR_CLOSED', 'The socket was closed before it was open.'));
    };
    return () => this.#driver.remove(watch);
  }

  /** `read`: what has come of it, if anything has. `watch`: who else may end it; gives back how to end that. */
  #resultOf<T>(
    pending: Pending,
    read: () => T | TunnelError | undefined,
    watch?: (fail: (error: TunnelError) => void) => () => void,
  ): Promise<T> {
    const result = new Promise<T>((resolve, reject) => {
      const waiting = {
        fail: (error: TunnelError) => {
          if (!this.#waiting.delete(waiting)) return;
          endWatch?.();
          pending.cancel(this.#driver.now());
          reject(error);
        },
      };
      const endWatch = watch?.(waiting.fail);
      const drainable: Drainable = {
        drain: () => {
          const value = read();
          if (value === undefined || !this.#waiting.delete(waiting)) return;
          endWatch?.();
          if (value instanceof TunnelError) reject(value);
          else resolve(value);
        },
      };
      this.#waiting.add(waiting);
      pending.observer = { settled: () => this.#noted.note(drainable) };
      // It may have been known from the beginning.
      this.#noted.note(drainable);
    });
    this.#driver.settle();
    return result;
  }
}

/** The address that a host is, or undefined for a name. Throws ERR_NAME_NOT_RESOLVED for one of the wrong family. */
export function literalOf(host: string, family: AddressFamily): IpAddress | undefined {
  const address = IpAddress.parse(host);
  if (!address || family === undefined || family === `ipv${address.version}`) return address;
  const wanted = family === 'ipv4' ? 'IPv4' : 'IPv6';
  throw new TunnelError(
    'ERR_NAME_NOT_RESOLVED',
    `${host} is not an ${wanted} address, which dnsQueryType asks for.`,
    {
      leg: 'inside',
    },
  );
}

function tooLate(host: string): TunnelError {
  const message = `No address of ${host} within the given time.`;
  return new TunnelError('ERR_TIMEOUT', message, { retryable: true, leg: 'inside' });
}

function resultOf(outcome: ResolveOutcome): readonly CoreRecord[] | TunnelError {
  return 'error' in outcome ? outcome.error : outcome.records;
}

const utf8 = new TextDecoder();

/** Plain data: what can cross the thread. */
function recordOf(record: CoreRecord): DnsRecord {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return { ...record, type: record.type, address: record.address.toString() };
    case 'TXT':
      return { ...record, data: [...record.data], strings: record.data.map((bytes) => utf8.decode(bytes)) };
    case 'SVCB':
    case 'HTTPS':
      return { ...record, type: record.type, params: [...record.params] };
    default:
      return record as DnsRecord;
  }
}
