// What processes have used of processors.
import { readFileSync } from 'node:fs';
import { familyOf } from '../soak/proc.ts';

/** Linux counts in these for programs, whatever it has inside. */
const TICKS_PER_SECOND = 100;

/** µs of processor time, of the process and all that descend from it, since each began. */
export function cpuOf(pid: number): number {
  return familyOf(pid).reduce((sum, each) => sum + ticksOf(each), 0) * (1e6 / TICKS_PER_SECOND);
}

/** proc(5): fields 14 and 15, behind a name that may hold anything. */
function ticksOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}
