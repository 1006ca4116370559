// Records as Node shows them.
import { Buffer } from 'buffer';
import type { DnsRecord, DnsRecordType } from '../bridge/api.ts';

type Of<Type extends DnsRecordType> = DnsRecord<Type>;

/** One entry of what `resolveMx` and its like give. */
const shown: { [Type in DnsRecordType]: (record: Of<Type>) => unknown } = {
  A: ({ address }) => address,
  AAAA: ({ address }) => address,
  CNAME: ({ target }) => target,
  NS: ({ target }) => target,
  PTR: ({ target }) => target,
  MX: ({ preference, exchange }) => ({ exchange, priority: preference }),
  TXT: ({ strings }) => strings,
  SRV: ({ target, port, priority, weight }) => ({ name: target, port, priority, weight }),
  SOA: ({ mname, rname, serial, refresh, retry, expire, minimum }) => ({
    nsname: mname,
    hostmaster: rname,
    serial,
    refresh,
    retry,
    expire,
    minttl: minimum,
  }),
  CAA: ({ critical, tag, value }) => ({ critical: critical ? 128 : 0, [tag]: value }),
  NAPTR: ({ flags, services, regexp, replacement, order, preference }) => ({
    flags,
    service: services,
    regexp,
    replacement,
    order,
    preference,
  }),
  SVCB: ({ priority, target, params }) => ({ priority, target, params }),
  HTTPS: ({ priority, target, params }) => ({ priority, target, params }),
  OTHER: ({ code, data }) => ({ code, data: Buffer.from(data) }),
};

export function shownRecord(record: DnsRecord): unknown {
  return (shown[record.type] as (record: DnsRecord) => unknown)(record);
}

/** As `resolveAny` has it: with its type. */
export function shownAny(record: DnsRecord): object {
  const value = shownRecord(record);
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return { address: value, ttl: record.ttl, type: record.type };
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return { value, type: record.type };
    case 'TXT':
      return { entries: value, type: 'TXT' };
    default:
      return { ...(value as object), type: record.type };
  }
}
