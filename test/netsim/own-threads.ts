import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Relative to the thread that handles packets. */
const NICE = 10;

/**
 * The threads with which V8 compiles and collects step back behind the one that handles packets. On two processors, one
 * of them the network's, they made it wait for up to 6 ms, and Linux's slow start takes gaps of more than 2 ms between
 * ACKs for the end of a train. A kernel's TCP has no such threads to wait for. (Not with real-time priorities: what waits
 * for a helper in a loop would then keep it from running.)
 */
export function putBackOwnThreads(): void {
  for (const id of readdirSync('/proc/self/task'))
    if (Number(id) !== process.pid) setPriority(Number(id), NICE);
}
