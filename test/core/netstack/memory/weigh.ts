import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Population } from './populations.ts';

const REHEARSALS = 2;

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
  for (let i = 0; i < REHEARSALS; i++) rehearse(population, count);
  const { fill, check } = population.prepare(count);
  const before = memoryInUse();
  const alive = fill();
  const after = memoryInUse();
  check?.();
  keep(alive);
  return after - before;
}

/** For the compiler, whose work stays in the heap. A function of its own, so that nothing of it stays on the stack. */
function rehearse(population: Population, count: number): void {
  population.prepare(count).fill();
  memoryInUse();
}

/** Keeps the collector from finding out too early. */
function keep(alive: unknown): void {
  if (alive === undefined) throw new Error('there is nothing to weigh');
}
