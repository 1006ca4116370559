import { describe, expect, it } from 'vitest';
import { fromBase64, toBase64 } from '../../src/core/bytes.ts';
import { SeededRandom } from '../support/random.ts';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

describe('base64 (RFC 4648 §4)', () => {
  it('agrees with the platform for every length and every pair of bytes', () => {
    const random = new SeededRandom(1);
    for (const length of [...Array(100).keys(), 3071, 3072, 3073, 100_000]) {
      const bytes = random.bytes(length);
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
      expect(Buffer.compare(fromBase64(toBase64(bytes))!, bytes)).toBe(0);
    }
    for (let pair = 0; pair < 65_536; pair++) {
      const bytes = Uint8Array.of(pair >> 8, pair, pair >> 4);
      if (toBase64(bytes) !== Buffer.from(bytes).toString('base64')) expect(pair).toBe('equal');
    }
  });

  it('takes the 64 digits and no other character, wherever it stands', () => {
    for (let code = 0; code < 65_536; code++) {
      const character = String.fromCharCode(code);
      const isDigit = DIGITS.includes(character);
      const decoded = fromBase64(`A${character}AA`);
      if ((decoded !== undefined) !== isDigit) expect(code).toBe(isDigit ? 'taken' : 'refused');
      if (decoded && toBase64(decoded) !== `A${character}AA`) expect(code).toBe('the same');
    }
    for (const text of ['=AAA', 'A=AA', 'AA=A', 'AAA', 'AAAAA', '====', 'A===', 'AAAA=', 'AA=='.repeat(2)])
      expect(fromBase64(text), text).toBeUndefined();
  });

  it('refuses spare bits', () => {
    for (const [index, digit] of [...DIGITS].entries()) {
      expect(fromBase64(`A${digit}==`) !== undefined, digit).toBe(index % 16 === 0);
      expect(fromBase64(`AA${digit}=`) !== undefined, digit).toBe(index % 4 === 0);
    }
  });
});
