import { decode, encode } from '@leichtgewicht/dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RECORD_TYPES, type RecordType, readMessage, writeQuery } from '../../src/core/wire/dns.ts';
import { encodeName } from '../../src/core/wire/dns-name.ts';
import { DemoNames } from '../../src/node/demo-names.ts';

const names = new DemoNames({ ipv4: '10.86.0.1', ipv6: 'fd86::1' });

function ask(name: string, type: RecordType) {
  const query = writeQuery({ id: 7, name: encodeName(name) as Uint8Array, type, edns: true });
  const answer = names.answer(query);
  return answer && readMessage(answer)!;
}

const data = (name: string, type: RecordType) =>
  ask(name, type)!.answers.map(({ ttl: _ttl, ...record }) =>
    'address' in record ? `${record.type} ${String(record.address)}` : record,
  );

describe("the demo's name server", () => {
  it('knows its services by name', () => {
    expect(data('demo.internal', 'A')).toEqual(['A 10.86.0.1']);
    expect(data('files.demo.internal', 'AAAA')).toEqual(['AAAA fd86::1']);
    expect(data('www.demo.internal', 'A')).toEqual([
      { type: 'CNAME', name: 'www.demo.internal', target: 'demo.internal' },
      'A 10.86.0.1',
    ]);
    expect(data('www.demo.internal', 'CNAME')).toHaveLength(1);
    expect(data('_ssh._tcp.demo.internal', 'SRV')).toEqual([
      {
        ...{ type: 'SRV', name: '_ssh._tcp.demo.internal' },
        ...{ priority: 0, weight: 0, port: 22, target: 'demo.internal' },
      },
    ]);
    expect(data('demo.internal', 'ANY').length).toBeGreaterThan(3);
  });

  it('knows the names of its addresses', () => {
    for (const name of ['1.0.86.10.in-addr.arpa', `1${'.0'.repeat(27)}.6.8.d.f.ip6.arpa`])
      expect(data(name, 'PTR')).toMatchObject([{ type: 'PTR', target: 'demo.internal' }]);
  });

  it('gives the question back as it was asked, and answers what was asked', () => {
    const answer = ask('DeMo.InTeRnAl', 'A')!;
    expect(answer).toMatchObject({ id: 7, isResponse: true, isAuthoritative: true, rcode: 0 });
    expect(answer.questions).toEqual([{ name: 'DeMo.InTeRnAl', type: RECORD_TYPES.A, class: 1 }]);
  });

  it('says that all other names are none, and of its own that there is no such record', () => {
    for (const name of ['example.com', 'nobody.demo.internal', 'internal', '.'])
      expect(ask(name, 'A')).toMatchObject({ rcode: 3, answers: [], authorities: [{ type: 'SOA' }] });
    expect(ask('demo.internal', 'MX')).toMatchObject({
      rcode: 0,
      answers: [],
      authorities: [{ type: 'SOA' }],
    });
  });

  it('answers no answers, nothing that is cut, and no bytes that are no question', () => {
    const query = writeQuery({
      ...{ id: 7, type: 'A', edns: false },
      name: encodeName('demo.internal') as Uint8Array,
    });
    expect(names.answer(query.subarray(0, -1))).toBeUndefined();
    expect(names.answer(encode({ ...decode(query), type: 'response' }))).toBeUndefined();
    expect(names.answer(encode({ type: 'query', id: 1, questions: [] }))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const answer = names.answer(bytes);
        expect(answer === undefined || readMessage(answer)?.isResponse).toBe(true);
      }),
    );
  });
});
