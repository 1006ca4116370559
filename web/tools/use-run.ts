import { useEffect, useState } from 'preact/hooks';
import type { Run } from './run.ts';

/** A panel's own run, which ends with the panel: without a tunnel there is nobody to ask. */
export function useRun<Kind extends Run>(Kind: new () => Kind): Kind {
  const [run] = useState(() => new Kind());
  useEffect(() => () => run.stop(), [run]);
  return run;
}
