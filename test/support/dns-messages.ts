import { addressBytes, concat, u16, u32 } from './packets.ts';

// Builds DNS messages field by field, plainly and without the code under test. Names are text with dots, and nothing is
// compressed unless a test writes the pointer itself.

export const DNS_TYPES: Record<string, number> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  OPT: 41,
  HTTPS: 65,
  CAA: 257,
  ANY: 255,
};

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** One string behind its length. */
export function characterString(text: string): Uint8Array {
  return concat(Uint8Array.of(text.length), ascii(text));
}

/** A name, or the bytes that a test puts in its place. */
export function dnsName(name: string | Uint8Array): Uint8Array {
  if (typeof name !== 'string') return name;
  const labels = name.split('.').filter((label) => label !== '');
  return concat(...labels.map(characterString), Uint8Array.of(0));
}

export interface DnsRecordFields {
  name: string | Uint8Array;
  type: string | number;
  class?: number;
  ttl?: number;
  data: Uint8Array;
  /** To lie about. */
  length?: number;
}

export function dnsRecord(fields: DnsRecordFields): Uint8Array {
  const { data } = fields;
  return concat(
    dnsName(fields.name),
    u16(numberOf(fields.type)),
    u16(fields.class ?? 1),
    u32(fields.ttl ?? 300),
    u16(fields.length ?? data.length),
    data,
  );
}

function numberOf(type: string | number): number {
  if (typeof type === 'number') return type;
  return DNS_TYPES[type]!;
}

export interface DnsQuestionFields {
  name: string | Uint8Array;
  type?: string | number;
  class?: number;
}

export interface DnsMessageFields {
  id?: number;
  response?: boolean;
  opcode?: number;
  authoritative?: boolean;
  truncated?: boolean;
  recursionAvailable?: boolean;
  rcode?: number;
  questions?: readonly DnsQuestionFields[];
  answers?: readonly (DnsRecordFields | Uint8Array)[];
  authorities?: readonly (DnsRecordFields | Uint8Array)[];
  additionals?: readonly (DnsRecordFields | Uint8Array)[];
  /** To lie about. */
  counts?: [number, number, number, number];
}

/** A response with recursion desired and available, unless said otherwise. */
export function dnsMessage(fields: DnsMessageFields): Uint8Array {
  const { questions = [], answers = [], authorities = [], additionals = [] } = fields;
  const flags =
    ((fields.response ?? true) ? 0x8000 : 0) |
    ((fields.opcode ?? 0) << 11) |
    (fields.authoritative ? 0x0400 : 0) |
    (fields.truncated ? 0x0200 : 0) |
    0x0100 |
    ((fields.recursionAvailable ?? true) ? 0x0080 : 0) |
    ((fields.rcode ?? 0) & 15);
  const counts = fields.counts ?? [questions.length, answers.length, authorities.length, additionals.length];
  return concat(
    u16(fields.id ?? 0),
    u16(flags),
    ...counts.map(u16),
    ...questions.map(({ name, type = 'A', class: klass = 1 }) =>
      concat(dnsName(name), u16(numberOf(type)), u16(klass)),
    ),
    ...[...answers, ...authorities, ...additionals].map((record) =>
      record instanceof Uint8Array ? record : dnsRecord(record),
    ),
  );
}

/** `rcode`: the upper eight bits of an extended one. */
export function optRecord(rcode = 0, size = 1232): Uint8Array {
  return concat(Uint8Array.of(0), u16(41), u16(size), Uint8Array.of(rcode, 0, 0, 0), u16(0));
}

export function addressRecord(name: string, address: string, ttl?: number): DnsRecordFields {
  const type = address.includes(':') ? 'AAAA' : 'A';
  return { name, type, data: addressBytes(address), ...(ttl !== undefined && { ttl }) };
}

export function aliasRecord(name: string, target: string, ttl?: number): DnsRecordFields {
  return { name, type: 'CNAME', data: dnsName(target), ...(ttl !== undefined && { ttl }) };
}

export function soaRecord(zone: string, minimum: number, ttl?: number): DnsRecordFields {
  const numbers = [2026112601, 3600, 900, 604_800, minimum].map(u32);
  const data = concat(dnsName(`ns.${zone}`), dnsName(`admin.${zone}`), ...numbers);
  return { name: zone, type: 'SOA', data, ...(ttl !== undefined && { ttl }) };
}

export function textRecord(name: string, ...texts: string[]): DnsRecordFields {
  return { name, type: 'TXT', data: concat(...texts.map(characterString)) };
}
