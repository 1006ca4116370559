import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What processes need beside sessions. */
const RESERVE = 1200;

/** Lets this process, and what it starts, have so many files open, or as many as the system gives it. The limit then. */
export function raiseFileLimit(files: number): number {
  const { soft, hard } = fileLimits();
  if (soft >= files) return soft;
  for (const limit of [Math.max(files, hard), hard])
    try {
      execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${limit}:${limit}`], {
        stdio: 'pipe',
      });
      break;
    } catch {
      // Above the hard limit only with CAP_SYS_RESOURCE.
    }
  return fileLimits().soft;
}

/** How many sessions fit in one relay process, each with a WebSocket and a UDP socket. */
export function sessionsWithin(files: number): number {
  return Math.floor((files - RESERVE) / 2);
}

function fileLimits(): { soft: number; hard: number } {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const [, soft, hard] = /^Max open files\s+(\d+)\s+(\d+)/m.exec(limits)!;
  return { soft: Number(soft), hard: Number(hard) };
}
