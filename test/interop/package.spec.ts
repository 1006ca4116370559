// What others' tools say of the package: no browser, no peer, but half a minute.
import { join } from 'node:path';
import { test } from '@playwright/test';
import { run } from '../support/child-process.ts';

const cwd = join(import.meta.dirname, '../..');

test('publint and attw find nothing to complain about in what is packed', async () => {
  test.setTimeout(180_000);
  await run('npm', ['run', '--silent', 'check:package'], { cwd });
});

test('typedoc finds no public name without a docstring, and none that is not exported', async () => {
  test.setTimeout(180_000);
  await run('npm', ['run', '--silent', 'docs'], { cwd });
});
