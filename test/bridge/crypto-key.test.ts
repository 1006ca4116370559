// Node's WebCrypto stands for the browser's; test/browser asks that one.
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  diffieHellman,
  faultOf,
  generate,
  importPrivate,
  isCryptoKey,
  publicKeyOf,
} from '../../src/bridge/crypto-key.ts';
import { NOBLE_CURVE } from '../../src/core/crypto/x25519.ts';
import { fromHex, toHex } from '../support/hex.ts';
import { SeededRandom } from '../support/random.ts';
import { allTests, readVectors, type Wycheproof, type X25519Vector } from '../support/vectors.ts';

const { subtle } = globalThis.crypto;

describe('X25519 by WebCrypto', () => {
  it('Wycheproof: 518 cases; twist and non-canonical points compute, the 31 of low order give nothing', async () => {
    const cases = allTests(readVectors<Wycheproof<X25519Vector>>('x25519_test.json'));
    expect(cases).toHaveLength(518);
    let lowOrder = 0;
    for (const vector of cases) {
      const key = await importPrivate(fromHex(vector.private));
      const shared = await diffieHellman(key, fromHex(vector.public));
      const none = vector.flags.includes('ZeroSharedSecret');
      if (none) lowOrder++;
      expect(shared && toHex(shared), `case ${vector.tcId}`).toBe(none ? undefined : vector.shared);
    }
    expect(lowOrder).toBe(31);
  });

  it('a platform that gives zeros for a point of low order, instead of an error, changes nothing', async () => {
    const { privateKey } = await generate();
    const deriveBits = vi.spyOn(subtle, 'deriveBits').mockResolvedValue(new ArrayBuffer(32));
    try {
      expect(await diffieHellman(privateKey, new Uint8Array(32))).toBeUndefined();
    } finally {
      deriveBits.mockRestore();
    }
  });

  it('any other failure is not taken for a point of low order', async () => {
    const [key] = await pairFor({ name: 'X25519' }, ['deriveKey']);
    await expect(diffieHellman(key, new Uint8Array(32).fill(9))).rejects.toMatchObject({
      name: 'InvalidAccessError',
    });
  });

  it('knows the public key of a key that it cannot read', async () => {
    const bytes = new SeededRandom(9).bytes(32);
    const imported = await importPrivate(bytes);
    expect(toHex(await publicKeyOf(imported))).toBe(toHex(NOBLE_CURVE.publicKey(bytes)));
    const { privateKey, publicKey } = await generate();
    expect(await publicKeyOf(privateKey)).toEqual(publicKey);
    for (const key of [imported, privateKey]) {
      expect(key.extractable).toBe(false);
      for (const format of ['pkcs8', 'jwk'] as const)
        await expect(subtle.exportKey(format, key)).rejects.toThrow('not extractable');
    }
  });

  it('wipes its own copy of the bytes', async () => {
    const importKey = vi.spyOn(subtle, 'importKey');
    const bytes = new SeededRandom(10).bytes(32);
    try {
      await importPrivate(bytes);
      const [format, pkcs8] = importKey.mock.calls[0]! as unknown as [string, Uint8Array];
      expect({ format, length: pkcs8.length }).toEqual({ format: 'pkcs8', length: 48 });
      expect(pkcs8.every((byte) => byte === 0)).toBe(true);
    } finally {
      importKey.mockRestore();
    }
    expect(toHex(bytes)).toBe(toHex(new SeededRandom(10).bytes(32))); // the caller's is the caller's
  });
});

describe('a key that is not for a tunnel', () => {
  it('is told what it is', async () => {
    const [good, itsPublicHalf] = await pairFor({ name: 'X25519' }, ['deriveBits']);
    expect(isCryptoKey(good)).toBe(true);
    expect(faultOf(good)).toBeUndefined();
    expect(faultOf(itsPublicHalf)).toContain('of type "public"; it must be of type "private"');
    const [unusable] = await pairFor({ name: 'X25519' }, ['deriveKey']);
    expect(faultOf(unusable)).toContain('make it with the usage "deriveBits"');
    const [signing] = await pairFor({ name: 'Ed25519' }, ['sign', 'verify']);
    expect(faultOf(signing)).toContain('is a CryptoKey for Ed25519');
    const [p256] = await pairFor({ name: 'ECDH', namedCurve: 'P-256' }, ['deriveBits']);
    expect(faultOf(p256)).toContain('is a CryptoKey for ECDH');
    const secret = await subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt']);
    expect(faultOf(secret)).toContain('is a CryptoKey for AES-GCM');
  });

  it('other things are no keys at all', () => {
    for (const thing of [undefined, null, 'text', {}, { type: 'private' }, new Uint8Array(32)])
      expect(isCryptoKey(thing)).toBe(false);
  });
});

describe('a platform without X25519', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it('says so, and what to do instead', async () => {
    const refuse = async () => {
      throw new DOMException('Unrecognized name.', 'NotSupportedError');
    };
    vi.stubGlobal('crypto', { subtle: { generateKey: refuse, importKey: refuse } });
    for (const attempt of [generate(), importPrivate(new Uint8Array(32)), publicKeyOf({} as CryptoKey)])
      await expect(attempt).rejects.toMatchObject({
        code: 'ERR_UNSUPPORTED',
        message: expect.stringMatching(/no X25519 here .* Use the private key as base64 text instead\.$/),
      });
  });

  it('the same for a page without WebCrypto', async () => {
    vi.stubGlobal('crypto', {});
    await expect(generate()).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(/over https and on localhost\. Use the private key as base64 text/),
    });
  });
});

async function pairFor(
  algorithm: { name: string; namedCurve?: string },
  usages: KeyUsage[],
): Promise<[CryptoKey, CryptoKey]> {
  const pair = (await subtle.generateKey(algorithm as EcKeyGenParams, false, usages)) as CryptoKeyPair;
  return [pair.privateKey, pair.publicKey];
}
