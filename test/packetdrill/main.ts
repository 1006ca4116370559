// npm run test:packetdrill [-- PATH…]
//
// Runs packetdrill scripts against the stack, within this process: files, or folders with all their .pkt files; without
// a path, our own. One line a file, then the count; exit code 1 when one failed.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { printResult } from './report.ts';
import { type Result, runScript } from './runner.ts';

const OWN = join(import.meta.dirname, 'scripts');

const { values, positionals } = parseArgs({
  options: { strict: { type: 'boolean', default: false }, failed: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const roots = positionals.length > 0 ? positionals : [OWN];
const isStrictAtEnd = values.strict || positionals.length === 0;
const counts: Record<Result['verdict'], number> = { pass: 0, fail: 0, skip: 0 };

for (const root of roots)
  for (const path of scriptsIn(root)) {
    const result = runScript(readFileSync(path, 'utf8'), { isStrictAtEnd });
    counts[result.verdict]++;
    if (!values.failed || result.verdict === 'fail')
      console.log(printResult(root === path ? path : relative(root, path), result));
  }
console.log(`${counts.pass} passed, ${counts.fail} failed, ${counts.skip} skipped`);
process.exitCode = counts.fail > 0 ? 1 : 0;

function scriptsIn(root: string): string[] {
  if (!statSync(root).isDirectory()) return [root];
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.pkt'))
    .sort()
    .map((name) => join(root, name));
}
