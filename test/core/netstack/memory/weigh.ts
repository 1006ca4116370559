import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Population } from './populations.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Heap and ArrayBuffers (the WASM memory among them), without garbage, in bytes. */
export function memoryInUse(): number {
  for (let i = 0; i < 4; i++) collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** What `count` of the population cost in an engine that was empty, in bytes. Compiled code does not count. */
export function weigh(population: Population, count: number): number {
  // Once for the compiler, whose work stays in the heap.
  population.prepare(count).fill();
  const { fill, check } = population.prepare(count);
  const before = memoryInUse();
  const alive = fill();
  const after = memoryInUse();
  check?.();
  keep(alive);
  return after - before;
}

/** Keeps the collector from finding out too early. */
function keep(alive: unknown): void {
  if (alive === undefined) throw new Error('there is nothing to weigh');
}
