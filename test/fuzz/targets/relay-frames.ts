// The framing between client and relay: what is written comes back; of a damaged message, RecordReader sees what a
// plain reading of relay/PROTOCOL.md sees, inside the message; control bodies survive being read and written again.
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import {
  MAX_CHANNEL,
  MAX_MESSAGE,
  MAX_RECORDS,
  RECORD_HEADER,
  RecordReader,
  RecordWriter,
  readControl,
  writeControl,
} from '../../../src/core/wire/relay.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'relay-frames';

interface Record {
  channel: number;
  body: Uint8Array;
}

const memory = new Uint8Array(1 << 17);
const reader = new RecordReader();

export function run(seed: number): void {
  const random = new SeededRandom(seed);
  roundTrip(random);
  for (let n = 0; n < 20; n++) damaged(random);
  for (let n = 0; n < 40; n++) control(random);
}

function makeRecord(random: SeededRandom): Record {
  const most = [4, 40, 160, 1500, 9100][random.below(5)]!;
  return { channel: random.below(MAX_CHANNEL + 1), body: random.bytes(1 + random.below(most)) };
}

/** Records until no more fit, at some offset in a larger memory. */
function roundTrip(random: SeededRandom): void {
  random.fill(memory.subarray(0, 64));
  const start = random.below(64);
  const writer = new RecordWriter(memory, start, start + 100 + random.below(memory.length - 200));
  const written: Record[] = [];
  for (let n = 0; n < 100; n++) {
    const record = makeRecord(random);
    const room = RECORD_HEADER + record.body.length;
    const fits = writer.fits(record.body.length);
    strictEqual(fits, written.length < MAX_RECORDS && writer.length + room <= limitOf(writer), 'fits');
    if (!fits) break;
    writer.append(record.channel, record.body);
    written.push(record);
  }
  strictEqual(writer.records, written.length);
  const { records, malformed } = readAll(memory, start, writer.end);
  deepStrictEqual(records, written);
  strictEqual(malformed, false);
}

const limits = new WeakMap<RecordWriter, number>();

/** Found by asking: the largest body that an empty twin would take. */
function limitOf(writer: RecordWriter): number {
  const known = limits.get(writer);
  if (known !== undefined) return known;
  let [least, most] = [0, MAX_MESSAGE];
  const twin = writer.records === 0 ? writer : undefined;
  ok(twin, 'asked while it is empty');
  while (least < most) {
    const middle = Math.ceil((least + most) / 2);
    if (twin.fits(middle - RECORD_HEADER)) least = middle;
    else most = middle - 1;
  }
  limits.set(writer, least);
  return least;
}

function damaged(random: SeededRandom): void {
  const writer = new RecordWriter(memory);
  for (let n = random.below(random.below(8) === 0 ? 64 : 6); n >= 0; n--) {
    const { channel, body } = makeRecord(random);
    if (writer.fits(body.length)) writer.append(channel, body);
  }
  let message: Uint8Array = memory.slice(0, writer.end);
  for (let n = random.below(4); n > 0; n--) {
    const at = random.below(message.length);
    const kind = random.below(4);
    if (kind === 0) message = message.slice(0, at);
    else if (kind === 1) message = Uint8Array.from([...message, ...random.bytes(random.below(20))]);
    else message[at] = random.below(3) === 0 ? 0 : random.below(256);
    if (message.length === 0) break;
  }
  if (random.below(10) === 0) message = random.bytes(random.below(300));
  const before = random.below(20);
  const whole = random.bytes(before + message.length + 20);
  whole.set(message, before);
  deepStrictEqual(readAll(whole, before, before + message.length), readPlainly(message));
}

function readAll(bytes: Uint8Array, start: number, end: number): { records: Record[]; malformed: boolean } {
  const records: Record[] = [];
  reader.begin(bytes, start, end);
  while (reader.next()) {
    ok(reader.start >= start && reader.start < reader.end && reader.end <= end, 'inside the message');
    ok(records.length < MAX_RECORDS);
    records.push({ channel: reader.channel, body: bytes.slice(reader.start, reader.end) });
  }
  strictEqual(reader.next(), false, 'the end stays the end');
  return { records, malformed: reader.malformed };
}

/** relay/PROTOCOL.md, word for word. */
function readPlainly(message: Uint8Array): { records: Record[]; malformed: boolean } {
  const records: Record[] = [];
  let rest = Buffer.from(message);
  for (let n = 1; rest.length > 0; n++) {
    if (n > MAX_RECORDS || rest.length < RECORD_HEADER) return { records, malformed: true };
    const [channel, length] = [rest.readUInt8(0), rest.readUInt16BE(1)];
    const body = Uint8Array.from(rest.subarray(RECORD_HEADER, RECORD_HEADER + length));
    if (body.length < length) return { records, malformed: true };
    rest = rest.subarray(RECORD_HEADER + length);
    if (channel > MAX_CHANNEL) continue;
    if (length === 0) return { records, malformed: true };
    records.push({ channel, body });
  }
  return { records, malformed: false };
}

/** A body of any type, cut or random: undefined, unknown, or something that is the same when written and read again. */
function control(random: SeededRandom): void {
  const body = random.bytes(random.below(random.below(4) === 0 ? 400 : 48));
  if (body.length > 0 && random.below(8) > 0) body[0] = (random.below(2) << 7) | random.below(9);
  // Text is ASCII, families are 0, 4 and 6: without help that is seldom hit.
  if (random.below(2) === 0) for (let i = 5; i < body.length; i++) body[i]! &= 127;
  if (body.length > 3 && random.below(2) === 0) body[3] = [0, 4, 6][random.below(3)]!;
  const read = readControl(body);
  if (!read || read.type === 0) return;
  const written = writeControl(read);
  const again = readControl(written);
  if (hasForeignText(read)) return;
  deepStrictEqual(again, read);
  deepStrictEqual(writeControl(read), written);
}

/** A byte that was not ASCII is shown as U+FFFD, and written as a question mark. */
function hasForeignText(control: object): boolean {
  return Object.values(control).some((value) => typeof value === 'string' && value.includes('\ufffd'));
}
