// Whole stacks through a bad network, seed by seed (scenario.ts says what a seed is): whatever the network does, every
// byte arrives, once, in order; all ends close, once; nothing is left behind; and every invariant holds after every
// event. Each seed runs again with other sequence numbers, some with the other IP, and in other batches: equal
// decisions.
import { describe } from 'vitest';
import { testSeeds } from './seeds.ts';

describe('whole stacks through a bad network', () => {
  testSeeds(1001, 1000);
});
