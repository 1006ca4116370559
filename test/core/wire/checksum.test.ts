import { expect, it } from 'vitest';
import { sum16 } from '../../../src/core/wire/checksum.ts';
import { SeededRandom } from '../../support/random.ts';

/** RFC 1071 §1, as it stands there: 16 bits after the other, an odd byte with a zero behind it. */
function plainSum(bytes: Uint8Array, start: number, end: number, initial: number): number {
  let sum = initial;
  for (let at = start; at < end; at += 2) {
    sum += (bytes[at]! << 8) | (at + 1 < end ? bytes[at + 1]! : 0);
    sum = (sum & 0xffff) + (sum >>> 16);
  }
  return sum;
}

it('the sum of any bytes, wherever they lie and however many there are, is that of 16 bits after the other', () => {
  const random = new SeededRandom(1);
  const bytes = random.bytes(4096);
  const view = new DataView(bytes.buffer);
  for (let length = 0; length < 600; length++) {
    const start = random.below(64);
    const initial = random.below(0x1_0000);
    expect(sum16(view, start, start + length, initial)).toBe(plainSum(bytes, start, start + length, initial));
  }
});

it('the longest packet of the largest bytes does not overflow', () => {
  const bytes = new Uint8Array(65_535).fill(0xff);
  const view = new DataView(bytes.buffer);
  expect(sum16(view, 0, bytes.length)).toBe(plainSum(bytes, 0, bytes.length, 0));
});
