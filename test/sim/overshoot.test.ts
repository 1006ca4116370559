import { expect, it } from 'vitest';
import { bulk, type Path } from './bulk.ts';

it('a slow start that overflows a long, fat path is repaired, by hosts that nap and a network that reorders', () => {
  const nap = { every: 1003, length: 60 };
  const path: Path = {
    rate: 12_500,
    roundTrip: 100,
    queue: 1_250_000,
    loss: 0,
    reorder: 0.01,
    naps: [nap, nap],
  };
  // More than a thousand gaps in a window of 4 MiB. With room for 256 there were nine timeouts in six seconds, and 12 %.
  for (const seed of [5, 6]) expect(bulk(path, [{}], 6000, seed)[0]! / 6000, `${seed}`).toBeGreaterThan(9000);
}, 60_000);
