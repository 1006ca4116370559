// What many connections cost Node's memory, and whether each has its share.
import { memoryInUse } from '../../core/netstack/memory/weigh.ts';
import type { Runtime } from '../hosts/runtime.ts';
import { Crowd, jain } from './crowd.ts';
import { tunnelPair } from './tunnel-engine.ts';

export interface CrowdWish {
  connections: number;
  /** Of all together, after a beginning that does not count. */
  megabytes: number;
}

export interface CrowdReport {
  /** Jain's index of what each received. */
  fairness: number;
  /** Of both engines, while all of them send, in bytes. */
  memory: number;
}

export function crowdProcedures(runtime: Runtime): Record<string, (argument: never) => unknown> {
  return {
    crowd: async ({ connections, megabytes }: CrowdWish): Promise<CrowdReport> => {
      const pair = await tunnelPair(() => runtime.loadAssembly(), runtime.curve);
      const before = memoryInUse();
      const crowd = new Crowd(pair, connections);
      crowd.run((megabytes * 1e6) / 4 / Crowd.CHUNK);
      const begun = crowd.received.slice();
      crowd.run((megabytes * 1e6) / Crowd.CHUNK);
      const shares = crowd.received.map((bytes, n) => bytes - begun[n]!);
      return { fairness: jain(shares), memory: memoryInUse() - before };
    },
  };
}
