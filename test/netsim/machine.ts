import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { run } from '../support/child-process.ts';

/** What numbers depend on, in one line. */
export async function describeMachine(): Promise<string> {
  const [processor] = cpus();
  const commit = await run('git', ['rev-parse', '--short', 'HEAD']).catch(() => 'unknown');
  return [
    `commit ${commit.trim()}`,
    `${cpus().length} × ${processor?.model.trim() || 'unknown processor'}`,
    `Linux ${release()}`,
    `Node ${process.versions.node}`,
  ].join(', ');
}

/** How busy the machine was in the last minute. */
export function load(): number {
  return Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]);
}
