import { describe, expect, it } from 'vitest';
import {
  derivePublicKey,
  generateKeyPair,
  generatePresharedKey,
  generatePrivateKey,
  importPrivateKey,
} from '../../src/client/keys.ts';
import { fromBase64 } from '../../src/core/bytes.ts';

const { subtle } = globalThis.crypto;
const A_KEY = /^[A-Za-z0-9+/]{43}=$/;

describe('a key pair', () => {
  it('is text, unless asked otherwise', async () => {
    for (const options of [undefined, {}, { extractable: true }] as const) {
      const { privateKey, publicKey } = await generateKeyPair(options);
      expect(privateKey).toMatch(A_KEY);
      expect(publicKey).toBe(derivePublicKey(privateKey));
      const bytes = fromBase64(privateKey)!;
      expect([bytes[0]! & 7, bytes[31]! & 192]).toEqual([0, 64]);
    }
  });

  it('that is not extractable has a CryptoKey that nobody can read', async () => {
    const { privateKey, publicKey } = await generateKeyPair({ extractable: false });
    expect(privateKey).toMatchObject({ type: 'private', extractable: false, usages: ['deriveBits'] });
    expect(publicKey).toMatch(A_KEY);
    expect(await derivePublicKey(privateKey)).toBe(publicKey);
    for (const format of ['pkcs8', 'jwk', 'raw'] as const)
      await expect(subtle.exportKey(format as 'jwk', privateKey)).rejects.toThrow();
  });

  it('is another one each time', async () => {
    const pairs = await Promise.all([
      generateKeyPair(),
      generateKeyPair(),
      generateKeyPair({ extractable: false }),
      generateKeyPair({ extractable: false }),
    ]);
    expect(new Set(pairs.map(({ publicKey }) => publicKey)).size).toBe(4);
  });
});

describe('a private key as text', () => {
  it('becomes a CryptoKey with the same public key, clamped or not, with white space around it', async () => {
    const clamped = generatePrivateKey();
    const unclamped = generatePresharedKey();
    for (const text of [clamped, unclamped, ` ${clamped}\n`]) {
      const key = await importPrivateKey(text);
      expect(key).toMatchObject({ extractable: false, algorithm: { name: 'X25519' } });
      expect(await derivePublicKey(key)).toBe(derivePublicKey(text));
    }
  });

  it('that is none is refused', async () => {
    const key = generatePrivateKey();
    for (const text of ['', key.slice(1), `${key}=`, `${key.slice(0, 42)}-=`, key.slice(0, 43)])
      await expect(importPrivateKey(text)).rejects.toMatchObject({
        code: 'ERR_CONFIG',
        message: 'A private key must be 44 base64 characters (32 bytes).',
      });
    await expect(importPrivateKey(`${'A'.repeat(43)}=`)).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringContaining('all zero'),
    });
  });
});

it('the public key of what is no private key is refused', async () => {
  const ed25519 = (await subtle.generateKey({ name: 'Ed25519' }, false, ['sign', 'verify'])) as CryptoKeyPair;
  const x25519 = (await subtle.generateKey({ name: 'X25519' }, false, ['deriveBits'])) as CryptoKeyPair;
  for (const key of [ed25519.privateKey, x25519.publicKey, new Uint8Array(32) as unknown as CryptoKey])
    await expect(derivePublicKey(key)).rejects.toMatchObject({ code: 'ERR_CONFIG' });
});
