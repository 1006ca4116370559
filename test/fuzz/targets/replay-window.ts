// The replay window (WG §5.4.6, RFC 6479) against a set of everything seen: jumps of all sizes, in all 64 bits.
import { strictEqual } from 'node:assert';
import { ReplayWindow } from '../../../src/core/wireguard/replay.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'replay-window';

const GREATEST = 2n ** 64n - 1n;
/** REJECT_AFTER_MESSAGES (WG §6.1). */
const LIMIT = 2n ** 64n - 2n ** 13n - 1n;
const WINDOW = 8128n;
const STARTS = [0n, 0n, 1n << 13n, 1n << 31n, 1n << 32n, 1n << 53n, 1n << 63n, LIMIT - 20_000n, GREATEST];

export function run(seed: number): void {
  const random = new SeededRandom(seed);
  const window = new ReplayWindow();
  const seen = new Set<bigint>();
  let last = 0n;
  let at = STARTS[random.below(STARTS.length)]! + BigInt(random.below(100));
  for (let n = 0; n < 400; n++) {
    at = clamp((random.below(4) === 0 ? last : at) + step(random));
    const wanted = at < LIMIT && last - at <= WINDOW && !seen.has(at);
    const got = window.accept(Number(at & 0xffff_ffffn), Number(at >> 32n));
    strictEqual(got, wanted, `counter ${at} after ${last}`);
    if (!wanted) continue;
    seen.add(at);
    if (at > last) last = at;
  }
}

function step(random: SeededRandom): bigint {
  const sign = random.below(2) === 0 ? 1n : -1n;
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      return sign * BigInt(random.below(70));
    case 3:
      return sign * BigInt(random.below(9000));
    case 4:
      return sign * (8128n + BigInt(random.below(5) - 2));
    case 5:
      return sign * (8192n + BigInt(random.below(5) - 2));
    case 6:
      return sign * (1n << BigInt(random.below(64)));
    default:
      return 1n;
  }
}

function clamp(counter: bigint): bigint {
  return counter < 0n ? 0n : counter > GREATEST ? GREATEST : counter;
}
