// No section of the specification is without a row in one of the tables.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SECTIONS } from './table.ts';

const tables = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.test.ts') && name !== 'completeness.test.ts')
  .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
  .join('\n');

it.each(SECTIONS)('§%s has a row', (section) => {
  expect(tables).toContain(`'${section}'`);
});
