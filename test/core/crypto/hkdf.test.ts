import { describe, expect, it } from 'vitest';
import { kdf1, kdf2, kdf3 } from '../../../src/core/crypto/hkdf.ts';
import { NobleSuite } from '../../reference/noble-suite.ts';
import { fromHex, toHex } from '../../support/hex.ts';
import { readVectors, type SmallVectors } from '../../support/vectors.ts';

/** Remembers every HMAC it handed out. */
class WatchedSuite extends NobleSuite {
  readonly handedOut: Uint8Array[] = [];

  override hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
    const result = super.hmac(key, ...parts);
    this.handedOut.push(result);
    return result;
  }
}

const key = fromHex('00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff');
const input = fromHex('0102');

describe('KDF1 … KDF3', () => {
  it('KDF3 is what wireguard-go computes', () => {
    for (const vector of readVectors<SmallVectors>('small.json').kdf3)
      expect(kdf3(new NobleSuite(), fromHex(vector.key), fromHex(vector.input)).map(toHex)).toEqual(vector.t);
  });

  it('KDF1 and KDF2 are its first outputs', () => {
    const suite = new NobleSuite();
    const [t1, t2] = kdf3(suite, key, input);
    expect(kdf1(suite, key, input)).toEqual(t1);
    expect(kdf2(suite, key, input)).toEqual([t1, t2]);
  });

  it.each([
    ['KDF1', kdf1],
    ['KDF2', kdf2],
    ['KDF3', kdf3],
  ])('%s leaves nothing but its outputs', (_name, kdf) => {
    const suite = new WatchedSuite();
    const outputs = [kdf(suite, key, input)].flat();
    const others = suite.handedOut.filter((bytes) => !outputs.includes(bytes));
    expect(others).toEqual([new Uint8Array(32)]); // τ0, wiped
    for (const output of outputs) expect(output.some((byte) => byte !== 0)).toBe(true);
  });
});
