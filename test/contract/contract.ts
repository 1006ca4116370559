// The contract of the package with its users, line by line, and for each line a test: one here, or the file elsewhere and the
// title in it that shows it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** What is promised, and who shows it. */
export type Line = [promise: string, shown: (() => void | Promise<void>) | [file: string, title: string]];

export function contract(heading: string, lines: readonly Line[]): void {
  describe(heading, () => {
    for (const [promise, shown] of lines)
      it(promise, async () => {
        if (typeof shown === 'function') await shown();
        else expect(contains(...shown), `${shown[0]} has "${shown[1]}"`).toBe(true);
      });
  });
}

export function contains(file: string, text: string): boolean {
  return readFileSync(join(root, file), 'utf8').includes(text);
}
