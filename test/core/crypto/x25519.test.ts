// What every Curve must do: the one that runs everywhere, and Node's own.
import { x25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { NOBLE_CURVE } from '../../../src/core/crypto/x25519.ts';
import { NODE_CURVE } from '../../../src/node/curve.ts';
import { fromHex, toHex } from '../../support/hex.ts';
import { SeededRandom } from '../../support/random.ts';
import { allTests, readVectors, type Wycheproof, type X25519Vector } from '../../support/vectors.ts';

describe.each([
  ['@noble', NOBLE_CURVE],
  ['Node', NODE_CURVE],
])('X25519 by %s', (_name, curve) => {
  it('Wycheproof: 518 cases; twist and non-canonical points compute, the 31 of low order give nothing', () => {
    const cases = allTests(readVectors<Wycheproof<X25519Vector>>('x25519_test.json'));
    expect(cases).toHaveLength(518);
    let lowOrder = 0;
    for (const vector of cases) {
      const shared = curve.dh(fromHex(vector.private), fromHex(vector.public));
      const none = vector.flags.includes('ZeroSharedSecret');
      if (none) lowOrder++;
      expect(shared && toHex(shared), `case ${vector.tcId}`).toBe(none ? undefined : vector.shared);
    }
    expect(lowOrder).toBe(31);
  });

  it('gives arrays of their own, and leaves the keys as they were', () => {
    const random = new SeededRandom(25519);
    const [ours, theirs] = [random.bytes(32), curve.publicKey(random.bytes(32))];
    const before = [toHex(ours), toHex(theirs)];
    for (const result of [curve.publicKey(ours), curve.dh(ours, theirs)!]) {
      expect(result.constructor).toBe(Uint8Array);
      expect(result.buffer.byteLength).toBe(32);
    }
    expect([toHex(ours), toHex(theirs)]).toEqual(before);
  });
});

it('Node, @noble’s own X25519 and ours by its ladder agree on the public keys of keys that nobody clamped', () => {
  const random = new SeededRandom(7748);
  for (let i = 0; i < 50; i++) {
    const key = random.bytes(32);
    const before = toHex(key);
    expect(NODE_CURVE.publicKey(key)).toEqual(NOBLE_CURVE.publicKey(key));
    expect(x25519.getPublicKey(key)).toEqual(NOBLE_CURVE.publicKey(key));
    expect(toHex(key)).toBe(before);
  }
  expect(() => NOBLE_CURVE.publicKey(new Uint8Array(31))).toThrow(RangeError);
});
