import { existsSync, readFileSync } from 'node:fs';

/** Its first number is what this thread has run, in nanoseconds. */
const SCHEDULE = '/proc/thread-self/schedstat';
const isKnown = existsSync(SCHEDULE);

/**
 * Milliseconds that this thread has worked, whatever else runs in its process and on its machine, since some beginning.
 * Where nobody counts them, those that went by.
 */
export function threadTime(): number {
  return isKnown ? Number.parseInt(readFileSync(SCHEDULE, 'utf8'), 10) / 1e6 : performance.now();
}
