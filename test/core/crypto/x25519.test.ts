import { describe, expect, it } from 'vitest';
import { dh } from '../../../src/core/crypto/x25519.ts';
import { fromHex, toHex } from '../../support/hex.ts';
import { allTests, readVectors, type Wycheproof, type X25519Vector } from '../../support/vectors.ts';

describe('X25519', () => {
  it('Wycheproof: 518 cases; twist and non-canonical points compute, the 31 of low order give nothing', () => {
    const cases = allTests(readVectors<Wycheproof<X25519Vector>>('x25519_test.json'));
    expect(cases).toHaveLength(518);
    let lowOrder = 0;
    for (const vector of cases) {
      const shared = dh(fromHex(vector.private), fromHex(vector.public));
      const none = vector.flags.includes('ZeroSharedSecret');
      if (none) lowOrder++;
      expect(shared && toHex(shared), `case ${vector.tcId}`).toBe(none ? undefined : vector.shared);
    }
    expect(lowOrder).toBe(31);
  });
});
