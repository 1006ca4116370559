import { raceEverywhere } from '../races.ts';
import type { Suite } from '../suite.ts';

export const handshake: Suite = {
  name: 'handshake',
  title: 'Noise_IKpsk2, both sides',
  tolerance: 0.2,
  targets: [],
  run: (hosts, pace) => raceEverywhere('handshake', hosts, pace),
};
