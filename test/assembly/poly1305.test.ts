import { describe, expect, it } from 'vitest';
import { poly1305 as twin } from '../reference/poly1305.ts';
import { fromHex, toHex } from '../support/hex.ts';
import { SeededRandom } from '../support/random.ts';
import { Harness } from './harness.ts';

const harness = await Harness.load();

function poly1305(key: Uint8Array, message: Uint8Array, alignment = 0): string {
  harness.memory.set(key, harness.key);
  harness.memory.set(message, harness.text + alignment);
  harness.wasm.poly1305(harness.key, harness.text + alignment, message.length, harness.output);
  return toHex(harness.read(harness.output, 16));
}

describe('Poly1305', () => {
  it('RFC 8439 §2.5.2', () => {
    const key = fromHex('85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b');
    const message = new Uint8Array(Buffer.from('Cryptographic Forum Research Group'));
    expect(poly1305(key, message)).toBe('a8061dc1305136c6c22b8baf0c0127a9');
    expect(toHex(twin(key, message))).toBe('a8061dc1305136c6c22b8baf0c0127a9');
  });

  // RFC 8439 appendix A.3, vectors 7 to 11: sums that meet 2¹³⁰ − 5 and 2¹²⁸ exactly.
  it.each([
    ['02', '', 'ffffffffffffffffffffffffffffffff', '03'],
    ['02', 'ffffffffffffffffffffffffffffffff', '02000000000000000000000000000000', '03'],
    [
      '01',
      '',
      'fffffffffffffffffffffffffffffffff0ffffffffffffffffffffffffffffff11000000000000000000000000000000',
      '05',
    ],
    [
      '01',
      '',
      'fffffffffffffffffffffffffffffffffbfefefefefefefefefefefefefefefe01010101010101010101010101010101',
      '',
    ],
    ['02', '', 'fdffffffffffffffffffffffffffffff', 'faffffffffffffffffffffffffffffff'],
  ])('RFC 8439 A.3: r = %s, s = %s, %s', (r, s, message, tag) => {
    const key = fromHex(r.padEnd(32, '0') + s.padEnd(32, '0'));
    expect(poly1305(key, fromHex(message))).toBe(tag.padEnd(32, '0'));
  });

  it('agrees with the twin on extreme keys and messages of every length, narrow and wide', () => {
    const random = new SeededRandom(1305);
    const bytes = {
      random: (n: number) => random.bytes(n),
      'all ones': (n: number) => new Uint8Array(n).fill(255),
      'all zeros': (n: number) => new Uint8Array(n),
      'ones and zeros': (n: number) => random.bytes(n).map((byte) => (byte & 1 ? 255 : 0)),
    };
    for (let length = 0; length <= 800; length++) {
      for (const [keyKind, makeKey] of Object.entries(bytes)) {
        for (const [messageKind, makeMessage] of Object.entries(bytes)) {
          if (length > 300 && length % 7 !== 0) continue;
          const key = makeKey(32);
          const message = makeMessage(length);
          const tag = poly1305(key, message, length & 15);
          if (tag !== toHex(twin(key, message)))
            throw new Error(`length ${length}, key of ${keyKind}, message of ${messageKind}: ${toHex(key)}`);
        }
      }
    }
  });

  it('does not overflow where all 13-bit digits are large at once', () => {
    // Found by search: the digits of r⁴ are 3966 … 4081; the first block times r⁴ has digits 4021 … 4086; a block of
    // ones adds 8191 to each. Column 0 of the second product is then 2 183 273 504, more than 2³¹: it has to be
    // summed in two (poly1305-wide.ts). Four lanes side by side, so each block stands four times.
    const key = fromHex('8d4c54097809410e1484610244df2b00'.padEnd(64, '0'));
    const first = 'ce1a82155880acf047f462e82ab5f5f8'.repeat(4);
    const message = fromHex(first + 'ff'.repeat(64) + '00'.repeat(64));
    expect(poly1305(key, message)).toBe(toHex(twin(key, message)));
  });

  it('agrees with the twin on long messages, where carries add up', () => {
    const random = new SeededRandom(7);
    for (const length of [1420, 4096, 16384, 65520]) {
      const ones = new Uint8Array(length).fill(255);
      const key = new Uint8Array(32).fill(255);
      expect(poly1305(key, ones)).toBe(toHex(twin(key, ones)));
      const any = random.bytes(length);
      expect(poly1305(key, any)).toBe(toHex(twin(key, any)));
    }
  });
});
