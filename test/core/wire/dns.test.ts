import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/core/address.ts';
import {
  mixCase,
  RECORD_TYPES,
  type RecordType,
  readMessage,
  writeQuery,
} from '../../../src/core/wire/dns.ts';
import { encodeName } from '../../../src/core/wire/dns-name.ts';
import {
  addressRecord,
  aliasRecord,
  ascii,
  characterString,
  type DnsMessageFields,
  dnsMessage,
  dnsName,
  dnsRecord,
  optRecord,
  soaRecord,
  textRecord,
} from '../../support/dns-messages.ts';
import { fromHex } from '../../support/hex.ts';
import { concat, u16 } from '../../support/packets.ts';
import { SeededRandom } from '../../support/random.ts';
import { threadTime } from '../../support/thread-time.ts';

const name = encodeName('www.example') as Uint8Array;

describe('a DNS query', () => {
  it('has one question, recursion desired, and room for 1232 bytes', () => {
    const query = writeQuery({ id: 0x1234, name, type: 'AAAA', edns: true });
    expect(query).toEqual(
      fromHex(`1234 0100 0001 0000 0000 0001
        03 777777 07 6578616d706c65 00 001c 0001
        00 0029 04d0 00 00 0000 0000`),
    );
  });

  it('is without OPT where that is not understood', () => {
    const query = writeQuery({ id: 1, name, type: 'A', edns: false });
    expect(query).toEqual(
      dnsMessage({ id: 1, response: false, recursionAvailable: false, questions: [{ name: 'www.example' }] }),
    );
  });

  it('carries any name and type', () => {
    for (const [type, code] of Object.entries(RECORD_TYPES)) {
      for (const text of ['.', 'a', 'john\\.doe.example', '\\000\\255', 'x'.repeat(63)]) {
        const bytes = encodeName(text) as Uint8Array;
        const query = writeQuery({ id: 7, name: bytes, type: type as RecordType, edns: true });
        expect(query).toEqual(
          dnsMessage({
            id: 7,
            response: false,
            recursionAvailable: false,
            questions: [{ name: bytes, type: code }],
            additionals: [optRecord()],
          }),
        );
      }
    }
  });

  it('has letters in a case that the bits choose, and nothing else changed', () => {
    const text = encodeName('aZ-9_\\224.Example\\.com') as Uint8Array;
    expect(mixCase(text, Uint8Array.of(0xff))).toEqual(encodeName('AZ-9_\\224.EXAMPLE\\.COM'));
    expect(mixCase(text, Uint8Array.of(0))).toEqual(encodeName('az-9_\\224.example\\.com'));
    const seen = new Set<string>();
    const random = new SeededRandom(1);
    for (let i = 0; i < 200; i++) seen.add(String.fromCharCode(...mixCase(name, random.bytes(32))));
    expect(seen.size).toBeGreaterThan(150);
  });
});

/** What is read of a record alone in the answers. */
function record(fields: Parameters<typeof dnsRecord>[0]) {
  const message = readMessage(dnsMessage({ answers: [fields] }));
  return message?.answers[0];
}

describe('a DNS message', () => {
  it('is read from front to back', () => {
    const message = readMessage(
      dnsMessage({
        id: 0xabcd,
        authoritative: true,
        rcode: 3,
        questions: [{ name: 'wWw.example', type: 'A' }],
        answers: [aliasRecord('www.example', 'web.example', 60), addressRecord('web.example', '192.0.2.1')],
        authorities: [soaRecord('example', 900, 1800)],
        additionals: [addressRecord('ns.example', '192.0.2.2'), optRecord()],
      }),
    );
    expect(message).toEqual({
      id: 0xabcd,
      isResponse: true,
      opcode: 0,
      isAuthoritative: true,
      isTruncated: false,
      recursionAvailable: true,
      rcode: 3,
      questions: [{ name: 'wWw.example', type: 1, class: 1 }],
      answers: [
        { type: 'CNAME', name: 'www.example', ttl: 60, target: 'web.example' },
        { type: 'A', name: 'web.example', ttl: 300, address: IpAddress.parse('192.0.2.1') },
      ],
      authorities: [
        {
          type: 'SOA',
          name: 'example',
          ttl: 1800,
          mname: 'ns.example',
          rname: 'admin.example',
          serial: 2026112601,
          refresh: 3600,
          retry: 900,
          expire: 604_800,
          minimum: 900,
        },
      ],
    });
  });

  it('may begin anywhere in its memory', () => {
    const message = dnsMessage({ answers: [soaRecord('example', 1)] });
    const inside = concat(new Uint8Array(7), message, new Uint8Array(9)).subarray(7, 7 + message.length);
    expect(readMessage(inside)).toEqual(readMessage(message));
  });

  it('has EDNS’s upper bits in its response code', () => {
    expect(readMessage(dnsMessage({ additionals: [optRecord(1)] }))!.rcode).toBe(16);
  });

  it('may be truncated', () => {
    expect(readMessage(dnsMessage({ truncated: true }))!.isTruncated).toBe(true);
  });

  const kinds: [Parameters<typeof dnsRecord>[0], object][] = [
    [addressRecord('a.b', 'fd00::1'), { type: 'AAAA', address: IpAddress.parse('fd00::1') }],
    [
      { name: 'a.b', type: 'NS', data: dnsName('ns.b') },
      { type: 'NS', target: 'ns.b' },
    ],
    [
      { name: 'a.b', type: 'PTR', data: dnsName('Host.b') },
      { type: 'PTR', target: 'Host.b' },
    ],
    [
      { name: 'a.b', type: 'MX', data: concat(u16(10), dnsName('mail.b')) },
      { type: 'MX', preference: 10, exchange: 'mail.b' },
    ],
    [
      { name: 'a.b', type: 'SRV', data: concat(u16(1), u16(2), u16(5060), dnsName('sip.b')) },
      { type: 'SRV', priority: 1, weight: 2, port: 5060, target: 'sip.b' },
    ],
    [textRecord('a.b', 'v=spf1', 'ü'), { type: 'TXT', data: [ascii('v=spf1'), Uint8Array.of(0xfc)] }],
    [textRecord('a.b', ''), { type: 'TXT', data: [new Uint8Array(0)] }],
    [
      { name: 'a.b', type: 'TXT', data: new Uint8Array(0) },
      { type: 'TXT', data: [] },
    ],
    [
      { name: 'a.b', type: 'CAA', data: concat(Uint8Array.of(128), characterString('issue'), ascii('ca.b')) },
      { type: 'CAA', critical: true, tag: 'issue', value: 'ca.b' },
    ],
    [
      {
        name: 'a.b',
        type: 'NAPTR',
        data: concat(
          u16(100),
          u16(50),
          ...['s', 'SIP+D2U', '!^.*$!x!'].map(characterString),
          dnsName('_sip._udp.b'),
        ),
      },
      {
        type: 'NAPTR',
        order: 100,
        preference: 50,
        flags: 's',
        services: 'SIP+D2U',
        regexp: '!^.*$!x!',
        replacement: '_sip._udp.b',
      },
    ],
    [
      {
        name: 'a.b',
        type: 'HTTPS',
        data: concat(
          u16(1),
          dnsName('.'),
          u16(1),
          u16(3),
          characterString('h2'),
          u16(4),
          u16(4),
          Uint8Array.of(192, 0, 2, 1),
        ),
      },
      {
        type: 'HTTPS',
        priority: 1,
        target: '.',
        params: [
          { key: 1, value: characterString('h2') },
          { key: 4, value: Uint8Array.of(192, 0, 2, 1) },
        ],
      },
    ],
    [
      { name: 'a.b', type: 99, data: Uint8Array.of(1, 2) },
      { type: 'OTHER', code: 99, data: Uint8Array.of(1, 2) },
    ],
  ];
  for (const [fields, read] of kinds) {
    it(`with a record of type ${fields.type}, ${fields.data.length} bytes, gives what is in it`, () => {
      expect(record(fields)).toEqual({ ...read, name: 'a.b', ttl: 300 });
    });
    it(`with a record of type ${fields.type}, ${fields.data.length} bytes, is none when cut anywhere`, () => {
      const whole = dnsMessage({ questions: [{ name: 'q' }], answers: [fields] });
      for (let length = 0; length < whole.length; length++)
        expect(readMessage(whole.subarray(0, length)), `${length} bytes`).toBeUndefined();
    });
  }

  it('escapes what is in names within records, and leaves other classes out', () => {
    const rname = concat(characterString('john.doe'), dnsName('b'));
    const data = concat(dnsName('ns.b'), rname, new Uint8Array(20));
    expect(record({ name: 'b', type: 'SOA', data })).toMatchObject({ rname: 'john\\.doe.b' });
    expect(readMessage(dnsMessage({ answers: [{ ...textRecord('a', 'x'), class: 3 }] }))!.answers).toEqual(
      [],
    );
  });

  it('has TTLs with the highest bit set as zero, as RFC 2181 §8 says', () => {
    expect(record(addressRecord('a', '192.0.2.1', 2 ** 31 + 1))!.ttl).toBe(0);
    expect(record(addressRecord('a', '192.0.2.1', 2 ** 31 - 1))!.ttl).toBe(2 ** 31 - 1);
  });

  const malformed: [string, DnsMessageFields | Uint8Array][] = [
    ['less than a header', new Uint8Array(11)],
    ['counts of 65535 in 12 bytes', { counts: [65_535, 65_535, 65_535, 65_535] }],
    ['one answer too few', { counts: [0, 1, 0, 0] }],
    ['an A record of 3 bytes', { answers: [{ name: 'a', type: 'A', data: new Uint8Array(3) }] }],
    ['an A record of 5 bytes', { answers: [{ name: 'a', type: 'A', data: new Uint8Array(5) }] }],
    ['an AAAA record of 4 bytes', { answers: [{ name: 'a', type: 'AAAA', data: new Uint8Array(4) }] }],
    ['data that goes on past the message', { answers: [{ ...textRecord('a', 'x'), length: 3 }] }],
    [
      'an alias with more behind it',
      { answers: [{ name: 'a', type: 'CNAME', data: dnsName('b.c'), length: 4 }] },
    ],
    ['an MX without a name', { answers: [{ name: 'a', type: 'MX', data: u16(1) }] }],
    ['an SRV that is cut', { answers: [{ name: 'a', type: 'SRV', data: new Uint8Array(6) }] }],
    ['an SOA with too few numbers', { answers: [{ name: 'a', type: 'SOA', data: new Uint8Array(21) }] }],
    ['an SOA with too many', { answers: [{ name: 'a', type: 'SOA', data: new Uint8Array(23) }] }],
    ['a text longer than its record', { answers: [{ name: 'a', type: 'TXT', data: Uint8Array.of(2, 97) }] }],
    ['a CAA without a tag', { answers: [{ name: 'a', type: 'CAA', data: Uint8Array.of(0, 0, 97) }] }],
    ['a CAA whose tag is too long', { answers: [{ name: 'a', type: 'CAA', data: Uint8Array.of(0, 3, 97) }] }],
    [
      'a NAPTR that is cut',
      { answers: [{ name: 'a', type: 'NAPTR', data: Uint8Array.of(0, 0, 0, 0, 1, 65) }] },
    ],
    [
      'service parameters out of order',
      {
        answers: [
          { name: 'a', type: 'HTTPS', data: concat(u16(1), dnsName('.'), u16(4), u16(0), u16(1), u16(0)) },
        ],
      },
    ],
    [
      'a service parameter that is cut',
      { answers: [{ name: 'a', type: 'HTTPS', data: concat(u16(1), dnsName('.'), u16(4), u16(1)) }] },
    ],
    [
      'a label of 64 in the question',
      { questions: [{ name: Uint8Array.of(64, ...ascii('x'.repeat(64)), 0) }] },
    ],
    ['a pointer at itself in the question', { questions: [{ name: Uint8Array.of(0xc0, 12) }] }],
    ['a pointer ahead in the question', { questions: [{ name: Uint8Array.of(0xc0, 20) }, { name: 'a' }] }],
    [
      'a circle of pointers between records',
      { answers: [{ name: Uint8Array.of(0xc0, 24), type: 'CNAME', data: Uint8Array.of(0xc0, 12) }] },
    ],
    [
      'a broken record among the additional ones',
      { additionals: [{ name: 'a', type: 'A', data: new Uint8Array(1) }] },
    ],
  ];
  for (const [what, fields] of malformed)
    it(`with ${what} is none`, () => {
      expect(readMessage(fields instanceof Uint8Array ? fields : dnsMessage(fields))).toBeUndefined();
    });

  it('of the greatest size, all pointers, costs little', () => {
    // Each record's name is a pointer at the one before: as much work as 64 KiB can ask for.
    const parts = [
      dnsMessage({ counts: [0, 5400, 0, 0] }),
      dnsRecord({ name: 'a', type: 99, data: new Uint8Array(0) }),
    ];
    let at = 12;
    let end = 12 + parts[1]!.length;
    for (let i = 1; i < 5400; i++) {
      parts.push(
        dnsRecord({ name: Uint8Array.of(0xc0 | (at >> 8), at & 255), type: 99, data: new Uint8Array(0) }),
      );
      at = end;
      end += 12;
      if (at > 0x3fff) at = 12;
    }
    const message = concat(...parts);
    const before = threadTime();
    expect(readMessage(message)).toBeUndefined();
    expect(threadTime() - before).toBeLessThan(500);
  });
});
