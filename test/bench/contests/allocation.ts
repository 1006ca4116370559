// What a warm engine makes on Node's heap while packets pass.
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { memoryInUse } from '../../core/netstack/memory/weigh.ts';
import type { Runtime } from '../hosts/runtime.ts';
import { Bulk } from './conversations.ts';
import type { Pair } from './engine.ts';
import { tunnelPair } from './tunnel-engine.ts';

export interface AllocationWish {
  /** Datagrams of both engines, before counting and then. */
  warm: number;
  packets: number;
}

export interface Collections {
  /** Bytes for each datagram. */
  each: number;
  /** How often the young generation was full, for a million datagrams. */
  scavenges: number;
  /** Of the heap, in bytes, once all is collected, in the stretch in which it grew least. */
  growth: number;
  /** Of the longest collection, in ms. */
  longest: number;
  /** Datagrams a second, both engines together. */
  rate: number;
}

/** Of the whole, looking at it too: most of what the compiler leaves on the heap is there then. */
const REHEARSALS = 4;
/** What it still does it does once; what leaked would in each of these. */
const STRETCHES = 3;
const STEP = 2000;
/** The last of these many chunks is read in parts, which are views. */
const CHUNKS = 16;

export function allocationProcedures(runtime: Runtime): Record<string, (argument: never) => unknown> {
  return {
    allocation: async ({ warm, packets }: AllocationWish): Promise<Collections> => {
      const pair = await tunnelPair(() => runtime.loadAssembly(), runtime.curve);
      const bulk = new Bulk(pair);
      const step = () => carry(pair, bulk, STEP);
      for (let i = 0; i < REHEARSALS; i++) await watch(step, warm);
      const stretches: Collections[] = [];
      for (let i = 0; i < STRETCHES; i++) stretches.push(await watch(step, packets));
      return stretches.reduce((least, next) => (next.growth < least.growth ? next : least));
    },
  };
}

function carry({ client, server }: Pair, bulk: Bulk, packets: number): void {
  const until = client.packets + server.packets + packets;
  while (client.packets + server.packets < until) bulk.run(CHUNKS);
}

/** Looks at the heap all the while: what it grows by between two looks was allocated, also if it is collected later. */
async function watch(step: () => void, packets: number): Promise<Collections> {
  const seen: { kind: number; duration: number; at: number }[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as unknown as { detail: { kind: number } }).detail;
      seen.push({ kind, duration: entry.duration, at: entry.startTime });
    }
  });
  const before = memoryInUse();
  observer.observe({ entryTypes: ['gc'] });
  const begun = performance.now();
  let allocated = 0;
  let last = process.memoryUsage().heapUsed;
  for (let done = 0; done < packets; done += STEP) {
    step();
    const now = process.memoryUsage().heapUsed;
    allocated += Math.max(0, now - last);
    last = now;
  }
  const ended = performance.now();
  // Node tells of collections some turns later.
  await new Promise((resolve) => setTimeout(resolve, 50));
  observer.disconnect();
  const during = seen.filter(({ at }) => at >= begun && at <= ended);
  const scavenges = during.filter(({ kind }) => kind === constants.NODE_PERFORMANCE_GC_MINOR).length;
  return {
    each: allocated / packets,
    scavenges: (scavenges * 1e6) / packets,
    growth: memoryInUse() - before,
    longest: Math.max(0, ...during.map(({ duration }) => duration)),
    rate: (packets * 1000) / (ended - begun),
  };
}
