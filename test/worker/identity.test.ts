import { afterEach, describe, expect, it, vi } from 'vitest';
import { importPrivate } from '../../src/bridge/crypto-key.ts';
import { RawIdentity } from '../../src/core/crypto/identity.ts';
import { createIdentity as createInNode } from '../../src/node/identity.ts';
import { CryptoKeyIdentity } from '../../src/service/crypto-key-identity.ts';
import { createIdentity as createInWorker } from '../../src/worker/identity.ts';
import { NobleSuite } from '../reference/noble-suite.ts';
import { SeededRandom } from '../support/random.ts';

const host = { crypto: new NobleSuite(), clock: { now: () => 0, wakeAt: () => {} } };
const nothing = () => {};
const newKey = () => new SeededRandom(1).bytes(32);
const { publicKey } = new RawIdentity(newKey(), host.crypto);

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each([
  ['a worker', createInWorker],
  ['Node', createInNode],
])('an identity in %s', (_where, createIdentity) => {
  it('wipes the bytes that it was made of', async () => {
    const bytes = newKey();
    const identity = await createIdentity(bytes, host, nothing);
    expect(identity.publicKey).toEqual(publicKey);
    expect(bytes).toEqual(new Uint8Array(32));
  });

  it('wipes them also when they are no key', async () => {
    const bytes = new Uint8Array(31).fill(1);
    await expect(createIdentity(bytes, host, nothing)).rejects.toThrow();
    expect(bytes).toEqual(new Uint8Array(31));
  });

  it('may be a CryptoKey', async () => {
    const identity = await createIdentity(await importPrivate(newKey()), host, nothing);
    expect(identity).toBeInstanceOf(CryptoKeyIdentity);
    expect(identity.publicKey).toEqual(publicKey);
  });

  it('a CryptoKey needs a platform that can use it', async () => {
    const key = await importPrivate(newKey());
    withoutX25519();
    await expect(createIdentity(key, host, nothing)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
  });
});

it('in a worker, bytes go into WebCrypto where that knows the curve', async () => {
  expect(await createInWorker(newKey(), host, nothing)).toBeInstanceOf(CryptoKeyIdentity);
  withoutX25519();
  const bytes = newKey();
  const identity = await createInWorker(bytes, host, nothing);
  expect(identity).toBeInstanceOf(RawIdentity);
  expect(identity.publicKey).toEqual(publicKey);
  expect(bytes).toEqual(new Uint8Array(32));
});

function withoutX25519(): void {
  vi.spyOn(crypto.subtle, 'importKey').mockRejectedValue(
    new DOMException('Unrecognized name.', 'NotSupportedError'),
  );
}
