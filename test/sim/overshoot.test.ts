import { expect, it } from 'vitest';
import { bulk, type Path } from './bulk.ts';

const PATH: Path = { rate: 12_500, roundTrip: 100, queue: 1_250_000, loss: 0, reorder: 0.01 };

/** kB/s of a flow whose two hosts nap. */
function rate(nap: { every: number; length: number }, seed: number): number {
  return bulk({ ...PATH, naps: [nap, nap] }, [{}], 6000, seed)[0]! / 6000;
}

it('a slow start that overflows a long, fat path is repaired, by hosts that nap and a network that reorders', () => {
  // More than a thousand gaps in a window of 4 MiB. With room for 256 there were nine timeouts in six seconds, and 12 %.
  for (const seed of [5, 6]) expect(rate({ every: 1003, length: 60 }, seed), `${seed}`).toBeGreaterThan(9000);
}, 60_000);

it('what is only late within one batch costs no window', () => {
  // The first reordering met a window of ten segments, and slow start ended with four: 300 and 500 kB/s.
  for (const seed of [7, 8]) expect(rate({ every: 53, length: 12 }, seed), `${seed}`).toBeGreaterThan(9000);
}, 60_000);
