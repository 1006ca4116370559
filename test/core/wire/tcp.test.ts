import { describe, expect, it } from 'vitest';
import {
  ACK,
  FIN,
  PSH,
  RST,
  readTcp,
  SYN,
  type SynOptions,
  sackLength,
  synOptionsLength,
  TcpSegment,
  writeSack,
  writeSynOptions,
  writeTcpHeader,
  writeTimestamps,
} from '../../../src/core/wire/tcp.ts';
import { SeededRandom } from '../../support/random.ts';

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.replace(/\s/g, '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function read(bytes: Uint8Array): TcpSegment | undefined {
  const segment = new TcpSegment();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return readTcp(view, 0, bytes.length, segment) ? segment : undefined;
}

/** A header with these option bytes (a multiple of four) and flags. */
function withOptions(options: number[], flags = SYN): Uint8Array {
  const bytes = new Uint8Array(20 + options.length);
  writeTcpHeader(new DataView(bytes.buffer), 0, 1, 2, 3, 4, bytes.length, flags, 5);
  bytes.set(options, 20);
  return bytes;
}

describe('reading a segment', () => {
  it('finds every field of a SYN that Linux sent', () => {
    const segment = read(
      bytesOf(`9c40 0050 f1e2d3c4 00000000 a0 02 faf0 1234 0000
               0204 05b4 0402 080a 00112233 00000000 01 030307`),
    )!;
    expect(segment).toMatchObject({
      sourcePort: 40_000,
      destinationPort: 80,
      sequence: 0xf1e2d3c4 | 0,
      flags: SYN,
      window: 64_240,
      mss: 1460,
      windowScale: 7,
      sackPermitted: true,
      hasTimestamps: true,
      tsVal: 0x112233,
      tsEcr: 0,
    });
    expect(segment.length).toBe(1);
  });

  it('finds timestamps the quick way and the slow way alike', () => {
    const quick = read(withOptions([1, 1, 8, 10, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff], ACK))!;
    const slow = read(withOptions([8, 10, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, 1, 1], ACK))!;
    for (const segment of [quick, slow])
      expect(segment).toMatchObject({ hasTimestamps: true, tsVal: 7, tsEcr: -1 });
  });

  it('forgets the options of the segment before', () => {
    const segment = new TcpSegment();
    for (const bytes of [
      withOptions([2, 4, 5, 180, 4, 2, 3, 3, 9, 1, 1, 1]),
      withOptions([1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0], ACK),
      withOptions([], SYN),
    ]) {
      readTcp(new DataView(bytes.buffer), 0, bytes.length, segment);
    }
    expect(segment).toMatchObject({
      mss: 0,
      windowScale: -1,
      sackPermitted: false,
      hasTimestamps: false,
      sackCount: 0,
    });
  });

  it('minds MSS, scale and SACK-permitted only in a SYN', () => {
    const segment = read(withOptions([2, 4, 5, 180, 4, 2, 3, 3, 9, 1, 1, 1], ACK))!;
    expect(segment).toMatchObject({ mss: 0, windowScale: -1, sackPermitted: false });
  });

  it('skips options it does not know, by their length (MUST-6)', () => {
    expect(read(withOptions([254, 6, 1, 2, 3, 4, 2, 4, 1, 0, 0, 0]))).toMatchObject({ mss: 256 });
  });

  it('stops at the end of the list', () => {
    expect(read(withOptions([0, 2, 4, 9, 9, 9, 9, 9]))).toMatchObject({ mss: 0 });
  });

  it('takes an option of a wrong length for one it does not know', () => {
    expect(read(withOptions([2, 3, 9, 3, 4, 9, 9, 1]))).toMatchObject({ mss: 0, windowScale: -1 });
  });

  it.each([
    ['of length 0', [5, 0, 1, 1]],
    ['of length 1', [5, 1, 1, 1]],
    ['that reaches beyond the header', [1, 1, 8, 10]],
    ['whose length is missing', [1, 1, 1, 8]],
    ['of length 255', [253, 255, 1, 1]],
  ])('refuses an option %s', (_, options) => {
    expect(read(withOptions(options))).toBeUndefined();
    expect(read(withOptions(options, ACK))).toBeUndefined();
  });

  it('refuses what is too short, and offsets that point outside', () => {
    for (let length = 0; length < 20; length++)
      expect(read(new Uint8Array(length).fill(0x50))).toBeUndefined();
    const bytes = withOptions([1, 1, 1, 1], ACK);
    for (let offset = 0; offset < 16; offset++) {
      bytes[12] = offset << 4;
      expect(read(bytes) !== undefined, `offset ${offset}`).toBe(offset === 5 || offset === 6);
    }
  });

  it('reads four SACK blocks, and ignores broken ones', () => {
    const options = [5, 34, ...Array.from({ length: 32 }, (_, i) => i), 1, 1];
    const segment = read(withOptions(options, ACK))!;
    expect(segment.sackCount).toBe(4);
    expect(segment.sackBlocks[0]).toBe(0x00010203);
    expect(segment.sackBlocks[7]).toBe(0x1c1d1e1f);
    expect(read(withOptions([5, 9, 1, 2, 3, 4, 5, 6, 7, 1, 1, 1], ACK))!.sackCount).toBe(0);
  });

  it('never throws and never reads outside, whatever comes', () => {
    const random = new SeededRandom(4);
    for (let i = 0; i < 20_000; i++) {
      const bytes = random.bytes(random.below(80));
      const segment = read(bytes);
      if (segment) expect(segment.payloadStart).toBeLessThanOrEqual(segment.payloadEnd);
    }
  });
});

describe('trimming', () => {
  const segment = () => read(Uint8Array.from([...withOptions([], SYN | FIN | ACK), 1, 2, 3, 4, 5]))!;

  it('takes from the front the SYN, then text, then the FIN', () => {
    const trimmed = segment();
    expect(trimmed.length).toBe(7);
    trimmed.trimFront(1);
    expect([trimmed.has(SYN), trimmed.payloadLength, trimmed.sequence]).toEqual([false, 5, 4]);
    trimmed.trimFront(4);
    expect([trimmed.payloadLength, trimmed.payloadStart, trimmed.has(FIN)]).toEqual([1, 24, true]);
    trimmed.trimFront(2);
    expect([trimmed.length, trimmed.has(FIN), trimmed.sequence]).toEqual([0, false, 10]);
  });

  it('takes from the back the FIN, then text', () => {
    const trimmed = segment();
    trimmed.trimBack(0);
    expect(trimmed.length).toBe(7);
    trimmed.trimBack(3);
    expect([trimmed.has(FIN), trimmed.payloadLength, trimmed.payloadEnd]).toEqual([false, 3, 23]);
  });
});

describe('writing', () => {
  it('puts a header where it belongs and nothing else anywhere', () => {
    const bytes = new Uint8Array(30).fill(0xaa);
    writeTcpHeader(
      new DataView(bytes.buffer),
      4,
      0x1234,
      0x5678,
      -2,
      0x01020304,
      20,
      PSH | ACK | RST,
      0xfedc,
    );
    expect(bytes.subarray(4, 24)).toEqual(bytesOf('1234 5678 fffffffe 01020304 50 1c fedc 0000 0000'));
    expect([...bytes.subarray(0, 4), ...bytes.subarray(24)]).toEqual(new Array(10).fill(0xaa));
  });

  const all: SynOptions = {
    mss: 1380,
    windowScale: 9,
    sackPermitted: true,
    timestamps: true,
    tsVal: 5,
    tsEcr: 6,
  };
  it.each([
    ['everything', all, '02040564 0402080a 00000005 00000006 01030309'],
    ['no timestamps', { ...all, timestamps: false }, '02040564 01010402 01030309'],
    ['no SACK', { ...all, sackPermitted: false }, '02040564 0101080a 00000005 00000006 01030309'],
    ['the MSS alone', { ...all, timestamps: false, sackPermitted: false, windowScale: -1 }, '02040564'],
  ])('orders the options of a SYN as Linux does: %s', (_, options, expected) => {
    const bytes = new Uint8Array(synOptionsLength(options));
    writeSynOptions(new DataView(bytes.buffer), 0, options);
    expect(bytes).toEqual(bytesOf(expected));
  });

  it('reads back the timestamps and SACK blocks it wrote', () => {
    const blocks = Int32Array.of(1, 2, -4, -3, 7, 8, 9, 10);
    for (let count = 1; count <= 3; count++) {
      const bytes = withOptions(new Array(12 + sackLength(count)).fill(0), ACK);
      const view = new DataView(bytes.buffer);
      writeTimestamps(view, 20, 77, -1);
      writeSack(view, 32, blocks, count);
      const segment = read(bytes)!;
      expect(segment).toMatchObject({ tsVal: 77, tsEcr: -1, sackCount: count });
      expect(segment.sackBlocks.subarray(0, 2 * count)).toEqual(blocks.subarray(0, 2 * count));
    }
  });
});
