// Every piece of TypeScript that a README shows is a file of snippets/, which the compiler reads (`npm run check`): what is
// shown compiles, and what compiles is what is shown.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const READMES = ['README.md', 'src/README.md', 'relay/README.md'];
const folder = join(import.meta.dirname, 'snippets');

const shown = READMES.flatMap((readme) =>
  [...readFileSync(join(root, readme), 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text]) => text!),
);
const compiled = readdirSync(folder).map(
  (name) => readFileSync(join(folder, name), 'utf8').split('\n// ——\n')[1]!,
);

it('READMEs show what compiles, all of it', () => {
  expect(shown.length).toBeGreaterThan(9);
  expect([...compiled].sort()).toEqual([...shown].sort());
});

it('no other README shows any', () => {
  const others = ['web', 'test', 'src/client', 'web/examples'].map((place) => `${place}/README.md`);
  for (const name of others) expect(readFileSync(join(root, name), 'utf8'), name).not.toMatch(/^```ts$/m);
});
