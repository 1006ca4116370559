// Two whole engines in one process, with the real crypto: everything but the WebSocket and the page.
import type { Runtime } from '../hosts/runtime.ts';
import type { Contests } from './catalog.ts';
import { Bulk, type Clocked, Requests } from './conversations.ts';
import type { Pair } from './engine.ts';
import { alone, bulkContest } from './stack.ts';
import { tunnelPair } from './tunnel-engine.ts';

export async function tunnel(runtime: Runtime): Promise<Contests> {
  // Each contest has a pair of its own, which has to be made before, because that takes turns.
  const pairs: Pair[] = [];
  for (let n = 0; n < 4; n++) pairs.push(await tunnelPair(() => runtime.loadAssembly(), runtime.curve));
  const bulk = (n: number, clocked: Clocked) => () => bulkContest(new Bulk(pairs[n]!, clocked));
  return {
    'inner TCP, both engines': bulk(0, 'both'),
    'inner TCP, receiving engine': bulk(1, 'receiver'),
    'inner TCP, sending engine': bulk(2, 'sender'),
    '64-byte request and response': () => alone('op/s', 1, new Requests(pairs[3]!), Requests.expected()),
  };
}
