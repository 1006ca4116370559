// The same script elsewhere in the sequence spaces.
import { DEFAULT_START, type Result, type RunOptions, runScript } from './runner.ts';

/** RFC 9293 §3.4.1: the clock that is part of an initial sequence number makes 250 steps in a millisecond. */
const STEPS = 250;

/** Where the first connection's numbers begin: ours, and what the script calls 0 of the peer's. */
export interface Placement {
  readonly localIsn: number;
  readonly remoteBase: number;
  readonly version?: 4 | 6;
}

/**
 * Runs a script as it is, and then once for each placement, up to the first result that is none to be content with. The
 * host's clock is what decides about our initial sequence number: the first run says how to set it.
 */
export function runPlaced(
  source: string,
  placements: readonly Placement[],
  options: RunOptions = {},
): Result & { placement?: Placement } {
  let observed = 0;
  const first = runScript(source, {
    ...options,
    chose: (isn) => {
      observed = isn;
    },
  });
  if (first.verdict !== 'pass') return first;
  for (const placement of placements) {
    const start = DEFAULT_START + ((placement.localIsn - observed) >>> 0) / STEPS;
    const { remoteBase, version = 4 } = placement;
    const result = runScript(source, { ...options, start, remoteBase, version });
    if (result.verdict !== 'pass') return { ...result, placement };
  }
  return first;
}
