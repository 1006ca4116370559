import { spawnSync } from 'node:child_process';
import { strict } from './prerequisites.ts';

/**
 * Whether a program is there that shows something beyond what the test itself sees. Where it is not, the test says that it
 * was skipped; under CI=true its absence is a failure.
 */
export function isFound(program: string): boolean {
  const found = spawnSync(program, ['--version']).error === undefined;
  if (!found && strict) throw new Error(`${program} is not found, and under CI=true nothing is skipped`);
  return found;
}
