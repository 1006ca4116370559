import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AUTH,
  CHANNEL_DENIED,
  CLOSE,
  CLOSED,
  CONTROL_CHANNEL,
  type Control,
  EVENT,
  EVENT_NEED_HANDSHAKE,
  GOAWAY,
  MAX_MESSAGE,
  MAX_RECORDS,
  OPEN,
  OPENED,
  PING,
  PONG,
  RESUME,
  RecordReader,
  RecordWriter,
  readControl,
  TICKET,
  WELCOME,
  writeControl,
} from '../../../src/core/wire/relay.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const unhex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

function records(message: Uint8Array): { list: [number, string][]; malformed: boolean } {
  const reader = new RecordReader();
  reader.begin(message);
  const list: [number, string][] = [];
  while (reader.next()) list.push([reader.channel, hex(message.subarray(reader.start, reader.end))]);
  return { list, malformed: reader.malformed };
}

const controls: [string, string, Control][] = [
  ['OPEN', '01 01 00 00 00 70 72 6f 64', { type: OPEN, channel: 1, flags: 0, port: 0, host: 'prod' }],
  ['CLOSE', '02 3f', { type: CLOSE, channel: 63 }],
  [
    'RESUME',
    '04 000102030405060708090a0b0c0d0e0f c0ffee',
    { type: RESUME, secret: unhex('000102030405060708090a0b0c0d0e0f'), ticket: unhex('c0ffee') },
  ],
  ['AUTH', '05 61 2e 62 2d 63', { type: AUTH, token: 'a.b-c' }],
  ['PING', '03 0102030405060708', { type: PING, nonce: unhex('0102030405060708') }],
  [
    'WELCOME',
    '81 01 04 0800 ffff 0258 0014 000186a0 07735940 a1a2a3a4a5a6a7a8',
    {
      type: WELCOME,
      version: 1,
      maxChannels: 4,
      maxDatagram: 2048,
      maxMessage: 65_535,
      idleSeconds: 600,
      graceSeconds: 20,
      datagramsPerSecond: 100_000,
      bytesPerSecond: 125_000_000,
      sessionId: unhex('a1a2a3a4a5a6a7a8'),
      secret: unhex(''),
    },
  ],
  [
    'OPENED, IPv4',
    '82 01 00 04 7f000001 ca6c d431',
    { type: OPENED, channel: 1, flags: 0, address: unhex('7f000001'), port: 51820, localPort: 54321 },
  ],
  [
    'OPENED, hidden address',
    '82 01 00 00 ca6c d431',
    { type: OPENED, channel: 1, flags: 0, address: unhex(''), port: 51820, localPort: 54321 },
  ],
  [
    'OPENED, IPv6',
    '82 02 00 06 20010db8000000000000000000000001 ca6c d431',
    {
      type: OPENED,
      channel: 2,
      flags: 0,
      address: unhex('20010db8000000000000000000000001'),
      port: 51820,
      localPort: 54321,
    },
  ],
  [
    'CLOSED',
    '83 01 1135 6e6f7420616c6c6f776564',
    { type: CLOSED, channel: 1, code: CHANNEL_DENIED, reason: 'not allowed' },
  ],
  [
    'PONG',
    '84 0102030405060708 00010000',
    { type: PONG, nonce: unhex('0102030405060708'), queuedBytes: 65_536 },
  ],
  ['TICKET', '85 00b4 c0ffee', { type: TICKET, lifetimeSeconds: 180, ticket: unhex('c0ffee') }],
  [
    'GOAWAY',
    '86 000003e8 fffffffe 03f4',
    { type: GOAWAY, reconnectWithin: 1000, retryAfter: 0xfffffffe, code: 1012 },
  ],
  ['EVENT', '87 01 01 00000000', { type: EVENT, channel: 1, kind: EVENT_NEED_HANDSHAKE, value: 0 }],
];

const ENDS_OPEN: ReadonlySet<number> = new Set([OPEN, RESUME, AUTH, CLOSED, TICKET]);

describe('control bodies', () => {
  for (const [name, bytes, control] of controls) {
    it(`${name}: the bytes of PROTOCOL.md, both ways`, () => {
      expect(hex(writeControl(control))).toBe(hex(unhex(bytes)));
      expect(readControl(unhex(bytes))).toEqual(control);
    });

    it(`${name}: every truncation is refused or ends sooner`, () => {
      const whole = unhex(bytes);
      const isOpen = ENDS_OPEN.has(control.type);
      for (let length = 0; length < whole.length; length++) {
        const read = readControl(whole, 0, length);
        if (!isOpen) expect(length === 0 ? undefined : read, `${length} bytes`).toBeUndefined();
        else if (read !== undefined) expect(read.type).toBe(control.type);
      }
    });

    it(`${name}: trailing bytes are ignored, unless the last field takes all`, () => {
      if (ENDS_OPEN.has(control.type)) return;
      expect(readControl(new Uint8Array([...unhex(bytes), 1, 2, 3]))).toEqual(control);
    });
  }

  it('the secret in WELCOME is 16 bytes or none, whatever follows', () => {
    const welcome = unhex(controls.find(([name]) => name === 'WELCOME')![1]);
    const secretOf = (...more: number[]) => {
      const read = readControl(new Uint8Array([...welcome, ...more]));
      return read?.type === WELCOME ? read.secret.length : undefined;
    };
    expect([secretOf(), secretOf(...new Array(15).fill(7)), secretOf(...new Array(17).fill(7))]).toEqual([
      0, 0, 16,
    ]);
    const secret = unhex('000102030405060708090a0b0c0d0e0f');
    const control = { ...(readControl(welcome) as Extract<Control, { type: typeof WELCOME }>), secret };
    expect(hex(writeControl(control))).toBe(hex(welcome) + hex(secret));
    expect(readControl(writeControl(control))).toEqual(control);
  });

  it('an unknown type is no error', () => {
    expect(readControl(unhex('7f 00'))).toEqual({ type: 0, unknown: 0x7f });
  });

  it('a host is 1 to 253 bytes, and what is not ASCII cannot look like a host name', () => {
    expect(readControl(unhex('01 01 00 ca6c'))).toBeUndefined();
    expect(readControl(new Uint8Array([1, 1, 0, 0, 0, ...new Array(254).fill(97)]))).toBeUndefined();
    expect(readControl(new Uint8Array([1, 1, 0, 0, 0, ...new Array(253).fill(97)]))).toBeDefined();
    expect(readControl(unhex('01 01 00 0000 c3a9'))).toMatchObject({ host: '\ufffd\ufffd' });
  });

  it('a ticket is 1 to 2,048 bytes', () => {
    const resume = (length: number) => readControl(new Uint8Array([4, ...new Array(16 + length).fill(7)]));
    expect([0, 1, 2048, 2049].map((length) => resume(length)?.type)).toEqual([
      undefined,
      RESUME,
      RESUME,
      undefined,
    ]);
  });

  it('reads where it is told, inside a larger array', () => {
    const bytes = unhex('ff ff 02 05 ff');
    expect(readControl(bytes, 2, 4)).toEqual({ type: CLOSE, channel: 5 });
  });
});

describe('records', () => {
  it('opens and starts a tunnel in one message', () => {
    const initiation = new Uint8Array(148);
    initiation[0] = 1;
    const writer = new RecordWriter(new Uint8Array(1000), 10);
    writer.append(CONTROL_CHANNEL, writeControl({ type: OPEN, channel: 1, flags: 0, port: 0, host: 'prod' }));
    writer.append(1, initiation);
    const message = writer.bytes.subarray(writer.start, writer.end);
    expect(hex(message)).toBe(`000009010100000070726f64${'010094'}${hex(initiation)}`);
    expect(records(message)).toEqual({
      list: [
        [0, '010100000070726f64'],
        [1, hex(initiation)],
      ],
      malformed: false,
    });
  });

  it('an empty message has no records and is not malformed', () => {
    expect(records(new Uint8Array(0))).toEqual({ list: [], malformed: false });
  });

  it.each([
    ['a header cut short', '01 00'],
    ['a length past the end', '01 00 02 aa'],
    ['an empty datagram', '01 00 00'],
    ['an empty control body', '00 00 00'],
  ])('%s is malformed', (_, bytes) => {
    expect(records(unhex(bytes))).toEqual({ list: [], malformed: true });
  });

  it('what stands before the malformed record is still read', () => {
    expect(records(unhex('01 00 01 aa 01 00 09'))).toEqual({ list: [[1, 'aa']], malformed: true });
  });

  it('reserved channels are passed over by their length, even empty', () => {
    expect(records(unhex('40 00 02 aabb  ff 00 00  3f 00 01 cc'))).toEqual({
      list: [[63, 'cc']],
      malformed: false,
    });
  });

  it('64 records are a message, 65 are not', () => {
    const one = unhex('01 00 01 aa');
    const many = (count: number) => new Uint8Array(Array.from({ length: count }, () => [...one]).flat());
    expect(records(many(MAX_RECORDS))).toMatchObject({ malformed: false });
    expect(records(many(MAX_RECORDS)).list).toHaveLength(MAX_RECORDS);
    expect(records(many(MAX_RECORDS + 1))).toMatchObject({ malformed: true });
  });

  it('the writer stops at 64 records, at the protocol’s length and at its region’s end', () => {
    const small = new RecordWriter(new Uint8Array(1000));
    for (let i = 0; i < MAX_RECORDS; i++) small.append(1, new Uint8Array(1));
    expect(small.fits(1)).toBe(false);
    expect(() => small.append(1, new Uint8Array(1))).toThrow(RangeError);

    const large = new RecordWriter(new Uint8Array(100_000));
    expect(large.fits(MAX_MESSAGE - 3)).toBe(true);
    expect(large.fits(MAX_MESSAGE - 2)).toBe(false);

    const region = new RecordWriter(new Uint8Array(100), 10, 20);
    expect(region.fits(7)).toBe(true);
    expect(region.fits(8)).toBe(false);
    region.append(1, new Uint8Array(7));
    expect(region.end).toBe(20);
    region.reset();
    expect(region.length).toBe(0);
    expect(region.fits(7)).toBe(true);
  });

  it('copies from its own memory as from any other', () => {
    const memory = new Uint8Array(200);
    memory.set([9, 8, 7], 150);
    const writer = new RecordWriter(memory, 0, 100);
    writer.append(2, memory, 150, 153);
    writer.append(2, new Uint8Array([0, 6, 5, 0]), 1, 3);
    expect(hex(memory.subarray(0, writer.end))).toBe('020003090807' + '0200020605');
  });

  it('any message reads back as written', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 63 }), fc.uint8Array({ minLength: 1, maxLength: 300 })), {
          maxLength: MAX_RECORDS,
        }),
        (list) => {
          const writer = new RecordWriter(new Uint8Array(MAX_MESSAGE));
          for (const [channel, body] of list) writer.append(channel, body);
          expect(records(writer.bytes.subarray(0, writer.end))).toEqual({
            list: list.map(([channel, body]) => [channel, hex(body)]),
            malformed: false,
          });
        },
      ),
    );
  });

  it('garbage never throws, never reads outside, and ends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const reader = new RecordReader();
        reader.begin(bytes);
        let count = 0;
        while (reader.next()) {
          expect(reader.end).toBeLessThanOrEqual(bytes.length);
          readControl(bytes, reader.start, reader.end);
          count++;
        }
        expect(count).toBeLessThanOrEqual(MAX_RECORDS);
      }),
      { numRuns: 5000 },
    );
  });
});
