// The contract of the package with its users, line by line, and for each line a test: one here, or the file elsewhere and the
// title in it that shows it.
import { describe, expect, it } from 'vitest';
import { hasTest } from '../support/titles.ts';

/** What is promised, and who shows it: where `says` is given, that test must name it. */
export type Line = [
  promise: string,
  shown: (() => void | Promise<void>) | [file: string, title: string, says?: string],
];

export function contract(heading: string, lines: readonly Line[]): void {
  describe(heading, () => {
    for (const [promise, shown] of lines)
      it(promise, async () => {
        if (typeof shown === 'function') await shown();
        else expect(hasTest(...shown), `${shown[0]} has a test that runs: "${shown[1]}"`).toBe(true);
      });
  });
}
