import { type Answer, answer as recordCodec } from '@leichtgewicht/dns-packet';
import { NOERROR, NOTIMP, NXDOMAIN, REFUSED, readMessage } from '../core/wire/dns.ts';
import { readName } from '../core/wire/dns-name.ts';

/** Of a domain that is nobody's in the world (ICANN keeps `.internal` for private networks). */
export const DEMO_NAME = 'demo.internal';
const TTL = 300;

const HEADER_LENGTH = 12;
const QUESTION_TAIL = 4;
const CLASS_IN = 1;
const TYPE_ANY = 255;
const TYPE_CNAME = 5;
/** A response, authoritative, to a standard query; the bit that asks for recursion is copied from the question. */
const FLAGS = 0x8400;
const RECURSION_DESIRED = 0x0100;

interface Entry {
  type: number;
  record: Answer;
}

/** The name server inside the demo's network (RFC 1034 §4.3.1, non-recursive): its own few names, and no others. */
export class DemoNames {
  readonly #entries = new Map<string, Entry[]>();

  constructor({ ipv4, ipv6 }: { ipv4: string; ipv6: string }) {
    for (const name of [DEMO_NAME, `files.${DEMO_NAME}`]) {
      this.#add(1, { type: 'A', name, ttl: TTL, data: ipv4 });
      this.#add(28, { type: 'AAAA', name, ttl: TTL, data: ipv6 });
    }
    this.#add(TYPE_CNAME, { type: 'CNAME', name: `www.${DEMO_NAME}`, ttl: TTL, data: DEMO_NAME });
    this.#add(2, { type: 'NS', name: DEMO_NAME, ttl: TTL, data: DEMO_NAME });
    this.#add(6, SOA);
    this.#add(16, { type: 'TXT', name: DEMO_NAME, ttl: TTL, data: ['The demo network of Tabwire'] });
    for (const [service, port] of [
      ['ssh', 22],
      ['http', 80],
    ] as const) {
      const data = { priority: 0, weight: 0, port, target: DEMO_NAME };
      this.#add(33, { type: 'SRV', name: `_${service}._tcp.${DEMO_NAME}`, ttl: TTL, data });
    }
    for (const name of [reverse4(ipv4), reverse6(ipv6)])
      this.#add(12, { type: 'PTR', name, ttl: TTL, data: DEMO_NAME });
  }

  #add(type: number, record: Answer): void {
    const entries = this.#entries.get(record.name) ?? [];
    this.#entries.set(record.name, [...entries, { type, record }]);
  }

  /** What to send back for one datagram; nothing for what is no question. */
  answer(query: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
    const message = readMessage(query);
    const [question] = message?.questions ?? [];
    if (!message || message.isResponse || !question || message.questions.length !== 1) return undefined;
    const asked = query.subarray(0, readName(query, HEADER_LENGTH)!.end + QUESTION_TAIL);
    if (message.opcode !== 0) return response(asked, NOTIMP);
    if (question.class !== CLASS_IN) return response(asked, REFUSED);
    const name = question.name.toLowerCase();
    if (!this.#entries.has(name)) return response(asked, NXDOMAIN, [], [SOA]);
    const records = this.#records(name, question.type);
    return response(asked, NOERROR, records, records.length > 0 ? [] : [SOA]);
  }

  /** An alias answers every question, and what it stands for follows. */
  #records(name: string, type: number): Answer[] {
    const entries = this.#entries.get(name) ?? [];
    const found = entries.filter((entry) => [type, TYPE_CNAME].includes(entry.type) || type === TYPE_ANY);
    const [alias] = found;
    const isFollowed = alias?.record.type === 'CNAME' && type !== TYPE_CNAME && type !== TYPE_ANY;
    const behind = isFollowed ? this.#records(alias.record.data as string, type) : [];
    return [...found.map(({ record }) => record), ...behind];
  }
}

/** RFC 2308 §3: how long it may be remembered that something is not there. */
const SOA: Answer = {
  type: 'SOA',
  name: DEMO_NAME,
  ttl: TTL,
  data: {
    ...{ mname: DEMO_NAME, rname: `hostmaster.${DEMO_NAME}` },
    ...{ serial: 1, refresh: 3600, retry: 600, expire: 86_400, minimum: TTL },
  },
};

/** The question is given back byte for byte: who asks looks at the case of its letters. */
function response(
  asked: Uint8Array,
  rcode: number,
  answers: readonly Answer[] = [],
  authorities: readonly Answer[] = [],
): Uint8Array<ArrayBuffer> {
  const records = [...answers, ...authorities];
  const length = records.reduce((sum, record) => sum + recordCodec.encodingLength(record), asked.length);
  const message = new Uint8Array(length);
  message.set(asked);
  const view = new DataView(message.buffer);
  view.setUint16(2, FLAGS | (view.getUint16(2) & RECURSION_DESIRED) | rcode);
  for (const [index, count] of [1, answers.length, authorities.length, 0].entries())
    view.setUint16(4 + 2 * index, count);
  let at = asked.length;
  for (const record of records) {
    recordCodec.encode(record, message, at);
    at += recordCodec.encodingLength(record);
  }
  return message;
}

/** RFC 1035 §3.5. */
function reverse4(address: string): string {
  return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
}

/** RFC 3596 §2.5; of an address with one `::`. */
function reverse6(address: string): string {
  const [front = '', back = ''] = address.split('::');
  const groups = (text: string) =>
    (text === '' ? [] : text.split(':')).map((group) => group.padStart(4, '0'));
  const digits =
    groups(front).join('') +
    groups(back)
      .join('')
      .padStart(32 - groups(front).length * 4, '0');
  return `${[...digits].reverse().join('.')}.ip6.arpa`;
}
