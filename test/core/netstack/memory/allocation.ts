import { constants, PerformanceObserver } from 'node:perf_hooks';
import type { Conversation } from './traffic.ts';
import { memoryInUse } from './weigh.ts';

/** What packets made on the heap. */
export interface Allocation {
  /** Bytes for each packet, on average; the instant of each turn, an object of whoever keeps the clock, not counted. */
  each: number;
  /** How often the young generation was full. */
  scavenges: number;
  /** What is left on the heap after a collection, in bytes. */
  growth: number;
}

/** Packets between two looks at the heap. */
const STEP = 2000;
/** A number with a fraction, in bytes. */
const NUMBER = 16;

/**
 * Runs so many packets through and looks at the heap all the while: what it grows by between two looks was allocated,
 * whether or not a collection takes it away later.
 */
export async function allocationOf(conversation: Conversation, packets: number): Promise<Allocation> {
  const collections: { kind: unknown; at: number }[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { detail, startTime } of list.getEntries() as (PerformanceEntry & {
      detail: { kind: number };
    })[])
      collections.push({ kind: detail.kind, at: startTime });
  });
  const before = memoryInUse();
  // A full collection throws compiled code away.
  conversation.run(packets);
  observer.observe({ entryTypes: ['gc'] });
  const begun = performance.now();
  const turnsBefore = conversation.turns;
  let last = heapUsed();
  let allocated = 0;
  for (let done = 0; done < packets; done += STEP) {
    conversation.run(STEP);
    const now = heapUsed();
    allocated += Math.max(0, now - last);
    last = now;
  }
  const ended = performance.now();
  // Node tells of collections some turns later.
  await new Promise((resolve) => setTimeout(resolve, 50));
  observer.disconnect();
  const scavenges = collections.filter(
    ({ kind, at }) => kind === constants.NODE_PERFORMANCE_GC_MINOR && at >= begun && at <= ended,
  ).length;
  const instants = NUMBER * (conversation.turns - turnsBefore);
  return { each: (allocated - instants) / packets, scavenges, growth: memoryInUse() - before };
}

function heapUsed(): number {
  return process.memoryUsage().heapUsed;
}
