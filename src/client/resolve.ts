import type { DnsQueryType, DnsRecord, DnsRecordType } from '../bridge/api.ts';
import type { EngineClient } from './engine-client.ts';
import { asciiHost } from './host-name.ts';

const TYPES: readonly DnsQueryType[] = [
  'A',
  'AAAA',
  'CNAME',
  'MX',
  'TXT',
  'SRV',
  'PTR',
  'NS',
  'SOA',
  'CAA',
  'NAPTR',
  'HTTPS',
  'SVCB',
  'ANY',
];

/** The records that a question of a type is answered with. */
export type DnsRecordsOf<Type extends DnsQueryType> = DnsRecord<
  Type extends DnsRecordType ? Type : DnsRecordType
>[];

export async function resolve<Type extends DnsQueryType>(
  engine: EngineClient,
  name: string,
  type: Type,
): Promise<DnsRecordsOf<Type>> {
  if (!TYPES.includes(type)) throw new TypeError(`type must be one of ${TYPES.join(', ')}.`);
  const records = await engine.call((api) => api.resolve(asciiHost(name), type));
  // That the engine answers with what was asked for, no type can know.
  return records as unknown as DnsRecordsOf<Type>;
}
