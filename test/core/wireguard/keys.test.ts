import { describe, expect, it } from 'vitest';
import { fromBase64 } from '../../../src/core/bytes.ts';
import {
  derivePublicKey,
  generatePresharedKey,
  generatePrivateKey,
} from '../../../src/core/wireguard/keys.ts';
import { NobleSuite } from '../../reference/noble-suite.ts';
import { generateKeys } from '../../support/keys.ts';
import { SeededRandom } from '../../support/random.ts';

describe('keys', () => {
  const suite = new NobleSuite();

  it('are 32 random bytes in base64; private ones are clamped', () => {
    const random = new SeededRandom(1);
    for (let n = 0; n < 20; n++) {
      const key = fromBase64(generatePrivateKey(random.fill))!;
      expect(key).toHaveLength(32);
      expect(key[0]! & 7).toBe(0);
      expect(key[31]! & 0xc0).toBe(0x40);
      expect(fromBase64(generatePresharedKey(random.fill))).toHaveLength(32);
    }
    expect(generatePrivateKey(random.fill)).not.toBe(generatePrivateKey(random.fill));
  });

  it('have the public key that OpenSSL gives them', () => {
    for (let n = 0; n < 5; n++) {
      const { privateKey, publicKey } = generateKeys();
      expect(derivePublicKey(privateKey, suite)).toBe(publicKey);
    }
  });

  it('of zeros, and with white space around them, have the public key that wg pubkey prints', () => {
    const zeros = `\n${'A'.repeat(43)}= \n`;
    expect(derivePublicKey(zeros, suite)).toBe('L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q=');
  });

  it('that are no keys are refused without being shown', () => {
    for (const text of [
      '',
      'kPKKOtyGhZZh2oFMDUBQFVCpHHaEeIvqWpYJVeMsbXc',
      'kPKK=OtyGhZZh2oFMDUBQFVCpHHaEeIvqWpYJVeMsbX=',
    ])
      expect(() => derivePublicKey(text, suite)).toThrow(/^A private key must be 44 base64 characters/);
  });
});
