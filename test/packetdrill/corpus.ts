// Which scripts of packetdrill's repository are meant when we speak of it: corpus.txt.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CorpusFile {
  sha256: string;
  /** From the root of the repository. */
  path: string;
}

export interface Corpus {
  /** `https://github.com/OWNER/NAME`. */
  repository: string;
  commit: string;
  files: CorpusFile[];
}

export function readCorpus(text: string): Corpus {
  const [first, ...rest] = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const [repository, commit] = first!.split(' ') as [string, string];
  const files = rest.map((line) => ({ sha256: line.slice(0, 64), path: line.slice(65) }));
  return { repository, commit, files };
}

export const CORPUS: Corpus = readCorpus(readFileSync(join(import.meta.dirname, 'corpus.txt'), 'utf8'));

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

const paths = new Map(CORPUS.files.map((file) => [file.sha256, file.path]));

/** Which of the corpus's scripts it is, by its content. */
export function corpusPathOf(source: string): string | undefined {
  return paths.get(sha256(source));
}
