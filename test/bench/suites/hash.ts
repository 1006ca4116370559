import { raceEverywhere } from '../races.ts';
import type { Suite } from '../suite.ts';

export const hash: Suite = {
  name: 'hash',
  title: 'BLAKE2s-256, bytes in and bytes out',
  tolerance: 0.2,
  targets: [],
  run: (hosts, pace) => raceEverywhere('hash', hosts, pace),
};
