// DNS messages (RFC 1035 §4.1, with EDNS: RFC 6891). The library writes queries and reads record data; around it stands
// what it leaves out: it escapes nothing, checks no length of a label, and believes every count and length that it reads.
//
//   |  ID   | flags | questions | answers | authorities | additionals |   a header of twelve bytes
//   |  name, type, class  |                                              a question
//   |  name, type, class, ttl (32 bits), length  |  data  |              a record

import { type Answer, encode, RECURSION_DESIRED, answer as recordCodec } from '@leichtgewicht/dns-packet';
import { IpAddress } from '../address.ts';
import { readName } from './dns-name.ts';

export const DNS_PORT = 53;
/** The largest answer over UDP that we ask for: it passes everywhere unfragmented (RFC 9715 permits 1400). */
export const EDNS_UDP_SIZE = 1232;

const HEADER_LENGTH = 12;
const FLAGS = 2;
/** Type and class of a question, behind its name. */
const QUESTION_TAIL = 4;
/** Type, class, TTL and length of a record, behind its name. */
const RECORD_TAIL = 10;

const RESPONSE = 0x8000;
const AUTHORITATIVE = 0x0400;
const TRUNCATED = 0x0200;
const RECURSION_AVAILABLE = 0x0080;

/** Five numbers of 32 bits behind the names of an SOA record. */
const SOA_NUMBERS = 20;

const CLASS_IN = 1;
const TYPE_OPT = 41;

/** Types that a question can have, and their numbers. */
export const RECORD_TYPES = {
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
  SVCB: 64,
  HTTPS: 65,
  CAA: 257,
  ANY: 255,
} as const;

export type RecordType = keyof typeof RECORD_TYPES;

const TYPE_NAMES = new Map<number, RecordType>(
  Object.entries(RECORD_TYPES).map(([name, code]) => [code, name as RecordType]),
);

/** RFC 1035 §4.1.1 and RFC 6891 §9: those that a resolver treats each in its own way. */
export const NOERROR = 0;
export const FORMERR = 1;
export const SERVFAIL = 2;
export const NXDOMAIN = 3;
export const NOTIMP = 4;
export const REFUSED = 5;
export const BADVERS = 16;

/** What a record says, apart from whose it is. Names as `readName` prints them. */
export type RecordData =
  | { readonly type: 'A' | 'AAAA'; readonly address: IpAddress }
  | { readonly type: 'CNAME' | 'NS' | 'PTR'; readonly target: string }
  | { readonly type: 'MX'; readonly preference: number; readonly exchange: string }
  | { readonly type: 'TXT'; readonly data: readonly Uint8Array[] }
  | {
      readonly type: 'SRV';
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | {
      readonly type: 'SOA';
      readonly mname: string;
      readonly rname: string;
      readonly serial: number;
      readonly refresh: number;
      readonly retry: number;
      readonly expire: number;
      readonly minimum: number;
    }
  | { readonly type: 'CAA'; readonly critical: boolean; readonly tag: string; readonly value: string }
  | {
      readonly type: 'NAPTR';
      readonly order: number;
      readonly preference: number;
      readonly flags: string;
      readonly services: string;
      readonly regexp: string;
      readonly replacement: string;
    }
  /** RFC 9460: `params` by their numbers (1 is alpn, 4 ipv4hint …), uninterpreted. */
  | {
      readonly type: 'SVCB' | 'HTTPS';
      readonly priority: number;
      readonly target: string;
      readonly params: readonly { readonly key: number; readonly value: Uint8Array }[];
    }
  | { readonly type: 'OTHER'; readonly code: number; readonly data: Uint8Array };

/** A record of class IN. `ttl` in seconds, at most 2³¹ − 1. */
export type DnsRecord = RecordData & { readonly name: string; readonly ttl: number };

export interface DnsQuestion {
  readonly name: string;
  /** Numbers, because what was asked may be none of ours. */
  readonly type: number;
  readonly class: number;
}

export interface DnsMessage {
  readonly id: number;
  readonly isResponse: boolean;
  readonly opcode: number;
  readonly isAuthoritative: boolean;
  readonly isTruncated: boolean;
  readonly recursionAvailable: boolean;
  /** With EDNS's upper bits, where the message has them. */
  readonly rcode: number;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
}

/** `name`: on the wire, in the case in which it is to be asked. */
export interface DnsQuery {
  readonly id: number;
  readonly name: Uint8Array;
  readonly type: RecordType;
  /** Whether to say that answers may be larger than 512 bytes. */
  readonly edns: boolean;
}

/** A standard query with recursion desired. */
export function writeQuery({ id, name, type, edns }: DnsQuery): Uint8Array {
  const message = encode({
    id,
    type: 'query',
    flags: RECURSION_DESIRED,
    questions: [{ type: `UNKNOWN_${RECORD_TYPES[type]}`, class: 'IN', name: placeholder(name) }],
    additionals: edns ? [OPT] : [],
  });
  // The library writes text as it is, dots within labels too: it makes room, and the name is put there.
  message.set(name, HEADER_LENGTH);
  return message;
}

// The library's types know no OPT record's own fields; on the wire the class is where the UDP size stands.
const OPT = Object.assign({ type: 'OPT' as const, name: '.', data: [] }, { udpPayloadSize: EDNS_UDP_SIZE });

/** A name with as many bytes, made of labels that need no escape. */
function placeholder(name: Uint8Array): string {
  const labels: string[] = [];
  for (let at = 0; name[at] !== 0; at += 1 + name[at]!) labels.push('x'.repeat(name[at]!));
  return labels.join('.') || '.';
}

/**
 * The name with its letters in a case that `bits` choose (one bit each, from the lowest of the first byte on): whoever
 * forges an answer has to guess them (draft-vixie-dnsext-dns0x20).
 */
export function mixCase(name: Uint8Array, bits: Uint8Array): Uint8Array {
  const mixed = name.slice();
  for (let label = 0; name[label] !== 0; label += 1 + name[label]!) {
    for (let i = label + 1; i <= label + name[label]!; i++) {
      const lower = name[i]! | 0x20;
      if (lower < 0x61 || lower > 0x7a) continue;
      mixed[i] = ((bits[(i >> 3) % bits.length]! >> (i & 7)) & 1) === 1 ? lower & ~0x20 : lower;
    }
  }
  return mixed;
}

/** A message, or undefined for anything that is not one from its first byte to its last. Never throws. */
export function readMessage(message: Uint8Array): DnsMessage | undefined {
  if (message.length < HEADER_LENGTH) return undefined;
  const view = viewOf(message);
  const flags = view.getUint16(FLAGS);
  const counts = [4, 6, 8, 10].map((at) => view.getUint16(at));
  const reader = new Reader(message, view);
  const questions = reader.questions(counts[0]!);
  const answers = questions && reader.records(counts[1]!);
  const authorities = answers && reader.records(counts[2]!);
  if (!authorities || !reader.records(counts[3]!)) return undefined;
  return {
    id: view.getUint16(0),
    isResponse: (flags & RESPONSE) !== 0,
    opcode: (flags >> 11) & 15,
    isAuthoritative: (flags & AUTHORITATIVE) !== 0,
    isTruncated: (flags & TRUNCATED) !== 0,
    recursionAvailable: (flags & RECURSION_AVAILABLE) !== 0,
    rcode: (reader.extendedRcode << 4) | (flags & 15),
    questions,
    answers,
    authorities,
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Goes through a message once, from front to back. */
class Reader {
  extendedRcode = 0;
  readonly #message: Uint8Array;
  readonly #view: DataView;
  #at = HEADER_LENGTH;

  constructor(message: Uint8Array, view: DataView) {
    this.#message = message;
    this.#view = view;
  }

  questions(count: number): DnsQuestion[] | undefined {
    const questions: DnsQuestion[] = [];
    for (let i = 0; i < count; i++) {
      const name = readName(this.#message, this.#at);
      if (!name || name.end + QUESTION_TAIL > this.#message.length) return undefined;
      const type = this.#view.getUint16(name.end);
      questions.push({ name: name.text, type, class: this.#view.getUint16(name.end + 2) });
      this.#at = name.end + QUESTION_TAIL;
    }
    return questions;
  }

  records(count: number): DnsRecord[] | undefined {
    const records: DnsRecord[] = [];
    for (let i = 0; i < count; i++) {
      const at = this.#at;
      const name = readName(this.#message, at);
      if (!name || name.end + RECORD_TAIL > this.#message.length) return undefined;
      const type = this.#view.getUint16(name.end);
      const klass = this.#view.getUint16(name.end + 2);
      const start = name.end + RECORD_TAIL;
      const end = start + this.#view.getUint16(start - 2);
      if (end > this.#message.length) return undefined;
      this.#at = end;
      if (type === TYPE_OPT) this.extendedRcode = this.#view.getUint8(name.end + 4);
      else if (klass === CLASS_IN) {
        const data = readData(this.#message, this.#view, { at, start, end, type });
        if (!data) return undefined;
        records.push({ ...data, name: name.text, ttl: ttlOf(this.#view.getUint32(name.end + 4)) });
      }
    }
    return records;
  }
}

/** RFC 2181 §8: with its highest bit set it means nothing, and counts as zero. */
function ttlOf(seconds: number): number {
  return seconds > 0x7fffffff ? 0 : seconds;
}

/** Where a record lies: the whole of it from `at`, its data from `start` to `end`. */
interface Place {
  readonly at: number;
  readonly start: number;
  readonly end: number;
  readonly type: number;
}

function readData(message: Uint8Array, view: DataView, place: Place): RecordData | undefined {
  const { start, end } = place;
  const type = TYPE_NAMES.get(place.type);
  switch (type) {
    case 'A':
      return end - start === 4 ? { type, address: IpAddress.readFrom(message, start, 4) } : undefined;
    case 'AAAA':
      return end - start === 16 ? { type, address: IpAddress.readFrom(message, start, 6) } : undefined;
    case 'CNAME':
    case 'NS':
    case 'PTR': {
      const target = lastName(message, start, end);
      return target === undefined ? undefined : { type, target };
    }
    case 'MX':
    case 'SRV':
    case 'SOA':
      return readNumbersAndNames(message, place);
    case 'TXT':
    case 'CAA':
      return readTexts(message, place);
    case 'NAPTR':
      return readNaptr(message, view, place);
    case 'SVCB':
    case 'HTTPS':
      return readService(message, view, place, type);
    default:
      return { type: 'OTHER', code: place.type, data: message.slice(start, end) };
  }
}

/** The name that fills what is left of the data. */
function lastName(message: Uint8Array, start: number, end: number): string | undefined {
  const name = readName(message, start);
  return name?.end === end ? name.text : undefined;
}

/** Records that end with names: those are read first, which proves that all the rest is there. */
function readNumbersAndNames(message: Uint8Array, { at, start, end, type }: Place): RecordData | undefined {
  const isSoa = type === RECORD_TYPES.SOA;
  const before = isSoa ? readName(message, start) : undefined;
  const last = isSoa
    ? before && lastName(message, before.end, end - SOA_NUMBERS)
    : lastName(message, start + (type === RECORD_TYPES.MX ? 2 : 6), end);
  const record = last === undefined ? undefined : byLibrary(message, at);
  switch (record?.type) {
    case 'MX':
      return { type: 'MX', preference: record.data.preference ?? 0, exchange: last! };
    case 'SRV': {
      const { priority = 0, weight = 0, port = 0 } = record.data;
      return { type: 'SRV', priority, weight, port, target: last! };
    }
    case 'SOA': {
      const { serial = 0, refresh = 0, retry = 0, expire = 0, minimum = 0 } = record.data;
      return { type: 'SOA', mname: before!.text, rname: last!, serial, refresh, retry, expire, minimum };
    }
    default:
      return undefined;
  }
}

function readTexts(message: Uint8Array, { at, start, end, type }: Place): RecordData | undefined {
  // Flags, the tag's length and the tag, and what is left is the value (RFC 8659 §4.1).
  const tagLength = type === RECORD_TYPES.CAA ? message[start + 1] : 0;
  if (type === RECORD_TYPES.CAA && (end - start < 2 || !tagLength || start + 2 + tagLength > end))
    return undefined;
  const record = byLibrary(message, at);
  switch (record?.type) {
    case 'TXT':
      return { type: 'TXT', data: record.data as Uint8Array[] };
    case 'CAA': {
      const { issuerCritical, tag, value } = record.data;
      return { type: 'CAA', critical: issuerCritical === true, tag, value };
    }
    default:
      return undefined;
  }
}

/** The record at `at` as the library sees it. It reads past the end without noticing, and throws: both stay in here. */
function byLibrary(message: Uint8Array, at: number): Answer | undefined {
  try {
    return recordCodec.decode(message, at);
  } catch {
    return undefined;
  }
}

/** RFC 3403 §4.1. */
function readNaptr(message: Uint8Array, view: DataView, { start, end }: Place): RecordData | undefined {
  if (end - start < 4) return undefined;
  const texts: string[] = [];
  let at = start + 4;
  for (let i = 0; i < 3; i++) {
    if (at >= end || at + 1 + message[at]! > end) return undefined;
    texts.push(String.fromCharCode(...message.subarray(at + 1, at + 1 + message[at]!)));
    at += 1 + message[at]!;
  }
  const replacement = lastName(message, at, end);
  if (replacement === undefined) return undefined;
  const [flags, services, regexp] = texts as [string, string, string];
  const [order, preference] = [view.getUint16(start), view.getUint16(start + 2)];
  return { type: 'NAPTR', order, preference, flags, services, regexp, replacement };
}

/** RFC 9460 §2.2. */
function readService(
  message: Uint8Array,
  view: DataView,
  { start, end }: Place,
  type: 'SVCB' | 'HTTPS',
): RecordData | undefined {
  const target = end - start < 3 ? undefined : readName(message, start + 2);
  if (!target || target.end > end) return undefined;
  const params: { key: number; value: Uint8Array }[] = [];
  for (let at = target.end; at < end; ) {
    if (at + 4 > end) return undefined;
    const key = view.getUint16(at);
    const next = at + 4 + view.getUint16(at + 2);
    // "in strictly increasing numeric order", or the record is malformed
    if (next > end || key <= (params.at(-1)?.key ?? -1)) return undefined;
    params.push({ key, value: message.slice(at + 4, next) });
    at = next;
  }
  return { type, priority: view.getUint16(start), target: target.text, params };
}
