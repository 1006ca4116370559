// npx tsx test/packetdrill/fetch-corpus.ts FOLDER
//
// Fetches the scripts that corpus.txt names into FOLDER, and compares each with its hash. Then:
//   npm run test:packetdrill -- FOLDER
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CORPUS, type CorpusFile, sha256 } from './corpus.ts';

const AT_ONCE = 8;

const [folder] = process.argv.slice(2);
if (!folder) throw new Error('Say into which folder.');
const { repository, commit, files } = CORPUS;
const raw = `${repository.replace('//github.com/', '//raw.githubusercontent.com/')}/${commit}`;
const left = [...files];
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let file = left.pop(); file; file = left.pop()) await fetchInto(folder, file);
  }),
);
console.log(`${files.length} scripts of ${repository} at ${commit}`);

async function fetchInto(target: string, file: CorpusFile): Promise<void> {
  const response = await fetch(`${raw}/${file.path}`);
  if (!response.ok) throw new Error(`${file.path}: ${response.status} ${response.statusText}`);
  const text = await response.text();
  if (sha256(text) !== file.sha256) throw new Error(`${file.path} is not what corpus.txt says.`);
  const path = join(target, file.path);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
