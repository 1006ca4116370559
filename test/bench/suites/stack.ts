import { raceEverywhere } from '../races.ts';
import type { Suite } from '../suite.ts';

export const stack: Suite = {
  name: 'stack',
  title: 'two IP stacks back to back in one process',
  tolerance: 0.2,
  targets: [
    { host: 'node', line: 'TCP bulk, both stacks', value: 240 },
    { host: 'chromium', line: 'TCP bulk, both stacks', value: 240 },
    { host: 'chromium', line: 'TCP bulk after 1 GB', value: 240 },
    { host: 'chromium', line: 'TCP bulk, receiving side', value: 400 },
    { host: 'chromium', line: 'connect and close', value: 15_000 },
    { host: 'node', line: 'connect and close', value: 15_000 },
  ],
  run: async (hosts, pace) => {
    const { lines, notes } = await raceEverywhere('stack', hosts, pace);
    return { lines, notes: [...notes, NO_PEERS] };
  },
};

const NO_PEERS = 'nobody to race against: no package on npm has an IP stack (lwIP, smoltcp) in WebAssembly';
