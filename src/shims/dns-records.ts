// Records as Node shows them.
import { Buffer } from 'buffer';
import type { DnsRecord, DnsRecordType } from '../bridge/api.ts';

type Of<Type extends DnsRecordType> = DnsRecord<Type>;

/** One entry of what `resolveMx` and its like give. */
const shown: { [Type in DnsRecordType]: (record: Of<Type>) => unknown } = {
  A: ({ address }) => address,
  AAAA: ({ address }) => address,
  CNAME: ({ target }) => nameOf(target),
  NS: ({ target }) => nameOf(target),
  PTR: ({ target }) => nameOf(target),
  MX: ({ preference, exchange }) => ({ exchange: nameOf(exchange), priority: preference }),
  // Node's are bytes as Latin-1, whatever they mean.
  TXT: ({ data }) => data.map((bytes) => Buffer.from(bytes).toString('latin1')),
  SRV: ({ target, port, priority, weight }) => ({ name: nameOf(target), port, priority, weight }),
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
    replacement: nameOf(replacement),
    order,
    preference,
  }),
  SVCB: ({ priority, target, params }) => ({ priority, target, params }),
  HTTPS: ({ priority, target, params }) => ({ priority, target, params }),
  OTHER: ({ code, data }) => ({ code, data: Buffer.from(data) }),
};

/** The root, which says that there is none (RFC 7505), is empty in Node. */
function nameOf(name: string): string {
  return name === '.' ? '' : name;
}

/** The order in which Node has the records of one answer; others than these it leaves out. */
const ANY_ORDER: readonly (readonly DnsRecordType[])[] = [
  ['A', 'CNAME'],
  ['AAAA'],
  ['MX'],
  ['NS'],
  ['TXT'],
  ['SRV'],
  ['PTR'],
  ['NAPTR'],
  ['SOA'],
  ['CAA'],
];

/** As `resolveAny` has them. */
export function shownAll(records: readonly DnsRecord[]): object[] {
  return ANY_ORDER.flatMap((types) => records.filter(({ type }) => types.includes(type)).map(shownAny));
}

export function shownRecord(record: DnsRecord): unknown {
  return (shown[record.type] as (record: DnsRecord) => unknown)(record);
}

function shownAny(record: DnsRecord): object {
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
