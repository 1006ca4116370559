// DNS messages that anybody may have made up: the reader of messages, and a resolver that asks while they come.
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { type DnsMessage, readMessage } from '../../../src/core/wire/dns.ts';
import { encodeName, readName } from '../../../src/core/wire/dns-name.ts';
import { DnsLab, replyTo, type SeenQuery } from '../../support/dns-lab.ts';
import {
  addressRecord,
  aliasRecord,
  characterString,
  type DnsRecordFields,
  dnsMessage,
  dnsName,
  optRecord,
  soaRecord,
  textRecord,
} from '../../support/dns-messages.ts';
import { concat, u16 } from '../../support/packets.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'dns';

const NAMES = ['a.example', 'b.example', 'c.example', 'example', '.', 'x'.repeat(63), 'd.e.f.g.h'];

export function run(seed: number): void {
  const random = new SeededRandom(seed);
  for (let i = 0; i < 60; i++) check(mutate(makeMessage(random), random));
  for (let i = 0; i < 20; i++) names(random);
  resolver(seed, random);
}

function pick<T>(random: SeededRandom, list: readonly T[]): T {
  return list[random.below(list.length)]!;
}

/** A valid message of everything that we read. */
function makeMessage(random: SeededRandom): Uint8Array {
  const records = () => Array.from({ length: random.below(4) }, () => makeRecord(random));
  return dnsMessage({
    id: random.below(65_536),
    rcode: random.below(8) === 0 ? random.below(16) : 0,
    truncated: random.below(8) === 0,
    questions: [{ name: pick(random, NAMES), type: pick(random, ['A', 'AAAA', 'TXT']) }],
    answers: records(),
    authorities: records(),
    additionals: [...records(), ...(random.below(2) === 0 ? [optRecord(random.below(2))] : [])],
  });
}

function makeRecord(random: SeededRandom): DnsRecordFields {
  const owner = pick(random, NAMES);
  const target = dnsName(pick(random, NAMES));
  const number = () => u16(random.below(65_536));
  switch (random.below(9)) {
    case 0:
      return addressRecord(owner, '192.0.2.1', random.next());
    case 1:
      return addressRecord(owner, 'fd00::1');
    case 2:
      return aliasRecord(owner, pick(random, NAMES));
    case 3:
      return soaRecord(pick(random, ['example', 'other']), random.below(9000));
    case 4:
      return textRecord(owner, 'one', '');
    case 5:
      return { name: owner, type: 'MX', data: concat(number(), target) };
    case 6:
      return { name: owner, type: 'SRV', data: concat(number(), number(), number(), target) };
    case 7: {
      const texts = ['s', '', '!x!'].map(characterString);
      return { name: owner, type: 'NAPTR', data: concat(number(), number(), ...texts, target) };
    }
    default:
      return { name: owner, type: 'HTTPS', data: concat(number(), target, u16(1), u16(2), u16(0)) };
  }
}

function mutate(message: Uint8Array, random: SeededRandom): Uint8Array {
  const changed =
    random.below(6) === 0 ? message.slice(0, random.below(message.length + 1)) : message.slice();
  for (let times = random.below(5); times > 0 && changed.length > 12; times--) {
    const at = random.below(8) === 0 ? 4 + random.below(8) : 12 + random.below(changed.length - 12);
    // Pointers, label lengths and bytes: near, far, and anything.
    changed[at] = pick(random, [0, 1, 12, 63, 64, 0xc0, 0xc1, 0xff, random.below(256)]);
  }
  return random.below(12) === 0 ? random.bytes(random.below(80)) : changed;
}

/** What is read is inside the message, and what follows from it can be said and asked again. */
function check(bytes: Uint8Array): void {
  const inside = concat(new Uint8Array(3), bytes, new Uint8Array(3).fill(0xc0)).subarray(3, 3 + bytes.length);
  const message = readMessage(bytes);
  deepStrictEqual(readMessage(inside), message, 'nothing beyond the message counts');
  if (!message) return;
  const counts = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  strictEqual(message.questions.length, counts.getUint16(4));
  ok(message.answers.length <= counts.getUint16(6));
  for (const text of namesIn(message)) {
    const again = encodeName(text);
    ok(typeof again !== 'string', `${JSON.stringify(text)} can be asked for`);
    ok(again.length <= 255);
  }
  for (const { ttl } of [...message.answers, ...message.authorities]) ok(ttl >= 0 && ttl <= 0x7fffffff);
}

function namesIn(message: DnsMessage): string[] {
  const records = [...message.answers, ...message.authorities];
  const targets = records.flatMap((record) => ('target' in record ? record.target : []));
  return [...message.questions, ...records].map(({ name }) => name).concat(targets);
}

/** A name of any bytes is the same after it was printed and parsed. */
function names(random: SeededRandom): void {
  const labels: Uint8Array[] = [];
  let length = 1;
  for (;;) {
    const label = random.bytes(1 + random.below(random.below(3) === 0 ? 63 : 6));
    length += 1 + label.length;
    if (length > 255 || random.below(6) === 0) break;
    labels.push(Uint8Array.of(label.length), label);
  }
  const wire = concat(...labels, Uint8Array.of(0));
  const read = readName(concat(new Uint8Array(12), wire), 12);
  strictEqual(read?.end, 12 + wire.length);
  deepStrictEqual(encodeName(read.text), wire);
}

/** Servers that answer with all sorts of things: every question ends in time, once, and nothing is left of it. */
function resolver(seed: number, random: SeededRandom): void {
  const serve = (query: SeenQuery) =>
    Array.from({ length: random.below(3) }, () => ({
      bytes: strange(query, random),
      after: random.below(3000),
    }));
  const lab = new DnsLab({ servers: { '10.0.0.53': serve, '10.0.0.54': serve }, seed });
  lab.pieceBytes = 1 + random.below(100);
  lab.isLost = () => random.below(20) === 0;
  let settled = 0;
  const resolutions = Array.from({ length: 8 }, () => {
    const resolution = lab.resolve(
      pick(random, NAMES),
      pick(random, ['A', 'AAAA', 'TXT', 'CNAME', 'ANY'] as const),
    );
    if (resolution.outcome) settled++;
    resolution.observer = { settled: () => void settled++ };
    return resolution;
  });
  // Seventeen aliases in a row, each asked for in twelve seconds, are the most.
  lab.run(17 * 12_000);
  ok(resolutions.every(({ outcome }) => outcome !== undefined));
  strictEqual(settled, resolutions.length);
  lab.run(10_000);
  strictEqual(lab.names.resolver.questionCount, 0);
  strictEqual(lab.names.pollAt(), Number.POSITIVE_INFINITY);
}

/** Mostly with the right ID and question, for others are not looked at. */
function strange(query: SeenQuery, random: SeededRandom): Uint8Array {
  const alias = aliasRecord(query.lower, pick(random, NAMES), random.below(100));
  switch (random.below(8)) {
    case 0:
      return mutate(makeMessage(random), random);
    case 1:
      return replyTo(query, { truncated: true });
    case 2:
      return replyTo(query, {
        rcode: random.below(16),
        authorities: [soaRecord('example', random.below(50))],
      });
    case 3:
      return replyTo(query, { questions: [{ name: query.lower, type: query.type }], answers: [alias] });
    case 4:
      return mutate(replyTo(query, { answers: [alias, makeRecord(random)] }), random);
    default:
      return replyTo(query, {
        answers: [alias, makeRecord(random), { ...makeRecord(random), name: query.lower }],
      });
  }
}
