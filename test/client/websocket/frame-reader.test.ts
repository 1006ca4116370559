// RFC 6455 §5, read from whatever pieces the bytes come in.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, OPCODE, type Opcode, WebSocketViolation } from '../../../src/client/websocket/frame.ts';
import { FrameReader } from '../../../src/client/websocket/frame-reader.ts';

const LIMIT = 70_000;

/** As a server sends it: `first` is the whole first byte, the length in its shortest form. */
function frame(first: number, payload: Uint8Array | number[] | string = []): Uint8Array {
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : Uint8Array.from(payload);
  const length =
    bytes.length < 126
      ? [bytes.length]
      : bytes.length < 65_536
        ? [126, bytes.length >> 8, bytes.length & 255]
        : [127, 0, 0, 0, 0, 0, bytes.length >> 16, (bytes.length >> 8) & 255, bytes.length & 255];
  return Uint8Array.of(first, ...length, ...bytes);
}

/** What comes out of these pieces, in words. */
function read(pieces: Iterable<Uint8Array>, limit = LIMIT): string[] {
  const said: string[] = [];
  const reader = new FrameReader(
    {
      text: (text) => said.push(`text ${text}`),
      binary: (bytes) => said.push(`binary ${bytes.join()}`),
      ping: (bytes) => said.push(`ping ${bytes.join()}`),
      close: (code, reason) => said.push(`close ${code} ${reason}`),
    },
    limit,
  );
  for (const piece of pieces) for (let at = 0; at < piece.length; ) at += reader.push(piece.subarray(at));
  return said;
}

function codeOf(bytes: Uint8Array, limit?: number): number | undefined {
  try {
    read([bytes], limit);
    return undefined;
  } catch (error) {
    if (error instanceof WebSocketViolation) return error.code;
    throw error;
  }
}

const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

describe('frames that a server may send', () => {
  it('are joined where a message is in fragments, with control frames in between', () => {
    const said = read([
      frame(0x01, 'Hel'),
      frame(0x89, [7]),
      frame(0x00),
      frame(0x8a, [1]),
      frame(0x80, 'lo'),
    ]);
    expect(said).toEqual(['ping 7', 'text Hello']);
  });

  it('may split a character between two fragments', () => {
    const [first, ...rest] = new TextEncoder().encode('é');
    expect(read([frame(0x01, [first!]), frame(0x80, rest)])).toEqual(['text é']);
  });

  it('keep a byte order mark, and may be empty', () => {
    expect(read([frame(0x81, '\ufeffx'), frame(0x81), frame(0x82)])).toEqual([
      'text \ufeffx',
      'text ',
      'binary ',
    ]);
  });

  it('end with the Close frame: what comes after it is not looked at', () => {
    expect(read([join(frame(0x88, [0x03, 0xe8, 0x6f, 0x6b]), frame(0xff, 'x'))])).toEqual(['close 1000 ok']);
    expect(read([frame(0x88)])).toEqual(['close 1005 ']);
  });

  it('are read alike however the bytes are cut', () => {
    const payload = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 6 }), fc.array(fc.nat(1500)), (payloads, cuts) => {
        const bytes = join(...payloads.map((bytes) => frame(0x82, bytes)));
        const at = [...new Set([0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length])].sort(
          (a, b) => a - b,
        );
        const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        expect(read(pieces)).toEqual(payloads.map((bytes) => `binary ${bytes.join()}`));
      }),
      { numRuns: 200 },
    );
  });

  it.each([0, 125, 126, 65_535, 65_536])('hold %i bytes', (length) => {
    expect(read([frame(0x82, new Uint8Array(length))])[0]).toHaveLength(
      'binary '.length + Math.max(0, 2 * length - 1),
    );
  });
});

describe('a server that breaks the rules', () => {
  it.each<[string, number, Uint8Array]>([
    ['RSV1 is set', 1002, frame(0xc1, 'x')],
    ['RSV2 is set', 1002, frame(0xa1, 'x')],
    ['RSV3 is set', 1002, frame(0x91, 'x')],
    ['a data opcode is reserved', 1002, frame(0x83)],
    ['a control opcode is reserved', 1002, frame(0x8b)],
    ['a frame is masked', 1002, encodeFrame(OPCODE.text, Uint8Array.of(65), Uint8Array.of(1, 2, 3, 4))],
    ['a ping is in fragments', 1002, frame(0x09)],
    ['a ping has 126 bytes', 1002, frame(0x89, new Uint8Array(126))],
    ['a Close frame has 126 bytes', 1002, frame(0x88, new Uint8Array(126))],
    ['a continuation continues nothing', 1002, frame(0x80, 'x')],
    ['a message begins within another', 1002, join(frame(0x01, 'x'), frame(0x81, 'y'))],
    ['a continuation follows a whole message', 1002, join(frame(0x81, 'x'), frame(0x80, 'y'))],
    ['125 is written in 16 bits', 1002, Uint8Array.of(0x82, 126, 0, 125)],
    ['65,535 is written in 64 bits', 1002, Uint8Array.of(0x82, 127, 0, 0, 0, 0, 0, 0, 255, 255)],
    ['a length is negative', 1002, Uint8Array.of(0x82, 127, 128, 0, 0, 0, 0, 0, 0, 0)],
    ['a length is beyond all bounds', 1009, Uint8Array.of(0x82, 127, 127, 255, 255, 255, 255, 255, 255, 255)],
    ['a message is one byte too long', 1009, frame(0x82, new Uint8Array(LIMIT + 1))],
    ['fragments together are too long', 1009, join(frame(0x02, new Uint8Array(LIMIT)), frame(0x80, [1]))],
    ['text is not UTF-8', 1007, frame(0x81, [0xff])],
    ['text ends within a character', 1007, frame(0x81, [0xc3])],
    ['text has a surrogate', 1007, frame(0x81, [0xed, 0xa0, 0x80])],
    ['a Close frame has half a code', 1002, frame(0x88, [3])],
    ['a reason for closing is not UTF-8', 1007, frame(0x88, [0x03, 0xe8, 0xff])],
    ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map(
      (code): [string, number, Uint8Array] => [
        `a Close frame has code ${code}`,
        1002,
        frame(0x88, [code >> 8, code & 255]),
      ],
    ),
  ])('%s: %i', (_what, code, bytes) => {
    expect(codeOf(bytes)).toBe(code);
  });

  it('meets nothing else than a message, or a violation, whatever it sends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect([undefined, 1002, 1007, 1009]).toContain(codeOf(bytes, 100));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a frame of ours', () => {
  it('is masked, has the shortest length, and says what it was given', () => {
    const opcodes = fc.constantFrom<Opcode>(OPCODE.text, OPCODE.binary, OPCODE.ping, OPCODE.close);
    const mask = fc.uint8Array({ minLength: 4, maxLength: 4 });
    const sizes = fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536);
    fc.assert(
      fc.property(opcodes, mask, sizes, fc.nat(255), (opcode, mask, size, fill) => {
        const payload = new Uint8Array(size).fill(fill);
        const bytes = encodeFrame(opcode, payload, mask);
        const start = size < 126 ? 2 : size < 65_536 ? 4 : 10;
        const header = frame(0x80 | opcode, payload).subarray(0, start);
        header[1]! |= 0x80;
        expect(bytes.subarray(0, start)).toEqual(header);
        expect(bytes.subarray(start, start + 4)).toEqual(mask);
        const open = bytes.subarray(start + 4).map((byte, i) => byte ^ mask[i & 3]!);
        expect(Buffer.compare(open, payload)).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
