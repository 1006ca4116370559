// The same script elsewhere in the sequence spaces.
import { DEFAULT_START, type Result, type RunOptions, runScript } from './runner.ts';

/** RFC 9293 §3.4.1: the clock that is part of an initial sequence number makes 250 steps in a millisecond. */
const STEPS = 250;

/**
 * Runs a script so that the first initial sequence number of ours is `localIsn` (give or take a step), and the number
 * that the script calls 0 of the peer's is `remoteBase`. The host's clock is what decides: it is set by a first run.
 */
export function runPlaced(
  source: string,
  { localIsn, remoteBase }: { localIsn: number; remoteBase: number },
  options: RunOptions = {},
): Result {
  let start = DEFAULT_START;
  const first = runScript(source, {
    ...options,
    chose: (isn) => {
      start += ((localIsn - isn) >>> 0) / STEPS;
    },
  });
  return first.verdict === 'pass' ? runScript(source, { ...options, start, remoteBase }) : first;
}
