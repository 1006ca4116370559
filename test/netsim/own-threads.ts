import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Of `policy` in /proc/…/stat (proc(5)): SCHED_FIFO and SCHED_RR. */
const URGENT = ['1', '2'];
const NICE = 10;

/**
 * The threads with which V8 compiles and collects step back behind the one that handles packets. On two processors, one
 * of them the network's, they made it wait for up to 6 ms, and Linux's slow start takes gaps of more than 2 ms between
 * ACKs for the end of a train. A kernel's TCP has no such threads to wait for.
 */
export function putBackOwnThreads(): void {
  const threads = readdirSync('/proc/self/task').filter((id) => Number(id) !== process.pid);
  // The name, in parentheses, is the only field with spaces; the policy is field 41.
  const policy = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ')[38]!;
  for (const id of threads)
    if (URGENT.includes(policy)) execFileSync('chrt', ['--rr', '--pid', '1', id]);
    else setPriority(Number(id), NICE);
}
