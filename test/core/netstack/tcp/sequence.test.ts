import { describe, expect, it } from 'vitest';
import { add, diff, earlier, ge, gt, later, le, lt } from '../../../../src/core/netstack/tcp/sequence.ts';

describe('sequence numbers (RFC 9293 §3.4)', () => {
  it.each([0, 1, 0x7fffffff, -0x80000000, -1, 123456])('are ordered around %i', (base) => {
    for (const step of [1, 1000, 0x7fffffff]) {
      const next = add(base, step);
      expect(next).toBe(next | 0);
      expect(diff(next, base)).toBe(step);
      expect([lt(base, next), le(base, next), gt(next, base), ge(next, base)]).toEqual([
        true,
        true,
        true,
        true,
      ]);
      expect([lt(next, base), le(next, base), gt(base, next), ge(base, next)]).toEqual([
        false,
        false,
        false,
        false,
      ]);
      expect([later(base, next), earlier(base, next)]).toEqual([next, base]);
    }
    expect([lt(base, base), gt(base, base), le(base, base), ge(base, base)]).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });
});
