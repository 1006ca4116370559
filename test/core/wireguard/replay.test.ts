import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReplayWindow } from '../../../src/core/wireguard/replay.ts';
import { readVectors } from '../../support/vectors.ts';

interface ReplayVectors {
  replay: { limit: string; sequences: { name: string; counters: string[]; accept: boolean[] }[] };
}
const { replay } = readVectors<ReplayVectors>('small.json');

function accept(window: ReplayWindow, counter: bigint): boolean {
  return window.accept(Number(counter & 0xffff_ffffn), Number(counter >> 32n));
}

describe('the replay window', () => {
  it.each(replay.sequences.map((one) => [one.name, one] as const))(
    '%s',
    (_name, { counters, accept: wanted }) => {
      const window = new ReplayWindow();
      const got = counters.map((counter) => accept(window, BigInt(counter)));
      expect(got).toEqual(wanted);
    },
  );

  it('agrees with a set of everything seen', () => {
    const step = fc.oneof(
      fc.bigInt(-9000n, 9000n),
      fc.bigInt(-70n, 70n),
      fc.constantFrom(-8128n, -8129n, 8191n, 8192n, 8193n, 1n << 32n, 1n << 53n, -(1n << 33n)),
    );
    const limit = 2n ** 64n - 2n ** 13n - 1n;
    fc.assert(
      fc.property(fc.bigInt(0n, limit), fc.array(step, { maxLength: 60 }), (start, steps) => {
        const window = new ReplayWindow();
        const seen = new Set<bigint>();
        let last = 0n;
        let at = start;
        for (const by of steps) {
          at = at + by < 0n ? 0n : at + by > 2n ** 64n - 1n ? 2n ** 64n - 1n : at + by;
          const wanted = at < limit && last - at <= 8128n && !seen.has(at);
          expect(accept(window, at)).toBe(wanted);
          if (wanted) seen.add(at);
          if (wanted && at > last) last = at;
        }
      }),
      { numRuns: 500 },
    );
  });
});
