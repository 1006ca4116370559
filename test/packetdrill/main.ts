// npm run test:packetdrill [-- PATH…]
//
// Runs packetdrill scripts against the stack, within this process: files, or folders with all their .pkt files; without
// a path, our own. One line a file, then the count; exit code 1 when one failed that deviations.ts does not explain.
//
//   --ipv6     over IPv6, where the script does not choose
//   --failed   prints failures only
//   --strict   what leaves and was not asked for fails a script, too (always so for our own)
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { deviationOf } from './deviations.ts';
import { printResult } from './report.ts';
import { runScript } from './runner.ts';

const OWN = join(import.meta.dirname, 'scripts');

const { values, positionals } = parseArgs({
  options: {
    ipv6: { type: 'boolean', default: false },
    failed: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const roots = positionals.length > 0 ? positionals : [OWN];
const isStrictAtEnd = values.strict || positionals.length === 0;
const counts = { pass: 0, fail: 0, known: 0, skip: 0 };

for (const root of roots)
  for (const path of scriptsIn(root)) {
    const source = readFileSync(path, 'utf8');
    const result = runScript(source, { isStrictAtEnd, version: values.ipv6 ? 6 : 4 });
    const deviation = result.verdict === 'fail' ? deviationOf(path, source) : undefined;
    counts[deviation ? 'known' : result.verdict]++;
    if (!values.failed || (result.verdict === 'fail' && !deviation))
      console.log(printResult(root === path ? path : relative(root, path), result, deviation));
  }
const known = counts.known > 0 ? `, ${counts.known} deviate as known` : '';
console.log(`${counts.pass} passed, ${counts.fail} failed${known}, ${counts.skip} skipped`);
process.exitCode = counts.fail > 0 ? 1 : 0;

function scriptsIn(root: string): string[] {
  if (!statSync(root).isDirectory()) return [root];
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.pkt'))
    .sort()
    .map((name) => join(root, name));
}
