// npm run bench [-- suite …]: runs the named suites, or all. Numbers depend on the machine: compare ratios, and
// only when nothing else is running.
import { aead } from './aead.ts';

const suites: Record<string, () => Promise<void>> = { aead };

const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (!(name in suites)) {
    console.error(`bench: no suite "${name}"; there are: ${Object.keys(suites).join(', ')}`);
    process.exit(1);
  }
}
for (const [name, run] of Object.entries(suites)) {
  if (wanted.length === 0 || wanted.includes(name)) await run();
}
