/** Files that were dropped or opened: configurations, archives of them, pictures of their QR codes. */
import { unzipSync } from 'fflate';
import { checkConfig, derivePublicKey } from '../../src/index.ts';
import { readOurselves, TEXT_LIMIT } from '../config-text.ts';
import { isOffer, NO_OFFER } from './arrival.ts';
import { readQrPicture } from './qr-reader.ts';
import type { TunnelBook } from './tunnel-book.ts';

const PICTURE_LIMIT = 30_000_000;
const ZIP_LIMIT = 20_000_000;
/** More than a person keeps; what an archive may make of this page's memory ends here. */
const MOST = 200;
/** So many files are told of one by one. */
const TOLD = 3;

export interface ImportedFile {
  /** Without `.conf`. */
  name: string;
  text: string;
}

export interface Import {
  found: ImportedFile[];
  /** One sentence for each file that held nothing. */
  problems: string[];
}

export async function importFiles(files: readonly File[]): Promise<Import> {
  const found: ImportedFile[] = [];
  const problems: string[] = [];
  for (const file of files) {
    try {
      found.push(...(await readOne(file)));
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  if (found.length > MOST) problems.push(onlyTheFirst(found.length));
  return { found: found.slice(0, MOST), problems };
}

function onlyTheFirst(count: number): string {
  return `Only the first ${MOST} of ${count} configurations were taken: drop the others by themselves.`;
}

/** One sentence is read, two hundred are not. */
export function summed(problems: readonly string[]): string {
  const rest = problems.length - TOLD;
  const told = rest > 1 ? [...problems.slice(0, TOLD), `${rest} more files were left out.`] : problems;
  return told.join(' ');
}

async function readOne(file: File): Promise<ImportedFile[]> {
  if (file.size === 0) throw new Error(`“${file.name}” is empty: choose the .conf file that you were given.`);
  if (await isZip(file)) return readZip(file);
  if (file.type.startsWith('image/')) return [await readPicture(file)];
  if (file.size > TEXT_LIMIT)
    throw new Error(`“${file.name}” is too large for a WireGuard configuration: choose the .conf file.`);
  const text = await file.text();
  if (text.includes('\0')) throw new Error(`“${file.name}” is no text: choose the .conf file.`);
  return [{ name: titleOf(file.name), text }];
}

async function isZip(file: File): Promise<boolean> {
  const [p, k, three, four] = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  return p === 0x50 && k === 0x4b && three === 3 && four === 4;
}

async function readZip(file: File): Promise<ImportedFile[]> {
  if (file.size > ZIP_LIMIT) throw new Error(`“${file.name}” is too large for an archive of configurations.`);
  const texts = unzipped(new Uint8Array(await file.arrayBuffer()), file.name);
  if (texts.length === 0) throw new Error(`There is no .conf file in “${file.name}”.`);
  return texts;
}

/** Those beyond the limit are counted, and are empty. */
function unzipped(bytes: Uint8Array, archive: string): ImportedFile[] {
  const beyond: ImportedFile[] = [];
  let taken = 0;
  try {
    const entries = unzipSync(bytes, {
      // The size that an entry says is the size that it gets: one that lies is an error.
      filter: ({ name, originalSize }) => {
        if (!/(^|\/)[^/.][^/]*\.conf$/i.test(name) || originalSize > TEXT_LIMIT) return false;
        if (++taken > MOST) beyond.push({ name, text: '' });
        return taken <= MOST;
      },
    });
    const texts = Object.entries(entries).map(([name, data]) => ({
      name: titleOf(name),
      text: new TextDecoder().decode(data),
    }));
    return [...texts, ...beyond];
  } catch {
    throw new Error(`“${archive}” is damaged, or encrypted: unpack it and drop the .conf files.`);
  }
}

async function readPicture(file: File): Promise<ImportedFile> {
  const text = file.size <= PICTURE_LIMIT ? await readQrPicture(file) : undefined;
  if (text === undefined)
    throw new Error(
      `There is no QR code to be read in “${file.name}”: take the picture closer and straight.`,
    );
  if (!isOffer(text)) throw new Error(NO_OFFER);
  return { name: titleOf(file.name), text };
}

function titleOf(path: string): string {
  return (
    path
      .split('/')
      .at(-1)!
      .replace(/\.[^.]*$/, '')
      .slice(0, 60) || 'Tunnel'
  );
}

/** Keeps each in this tab under a name of its own; what cannot be read is a sentence. */
export async function keepAll(
  book: TunnelBook,
  files: readonly ImportedFile[],
  relay: string,
): Promise<string[]> {
  const problems: string[] = [];
  const taken = new Set(book.tunnels.value.map((tunnel) => tunnel.name));
  const named: Parameters<TunnelBook['keepMany']>[0][number][] = [];
  for (const { name, text } of files) {
    const { config, issues } = checkConfig(text);
    const { privateKey } = readOurselves(text);
    if (!config || privateKey === undefined) {
      const [issue] = issues.filter(({ severity }) => severity === 'error');
      problems.push(`“${name}” was left out: ${issue?.message ?? 'it has no private key'}.`);
      continue;
    }
    const title = freeName(taken, name);
    taken.add(title);
    named.push({
      name: title,
      text,
      relay,
      publicKey: derivePublicKey(privateKey),
      privateKey: undefined,
    });
  }
  if (named.length > 0) await book.keepMany(named);
  return problems;
}

/** Nothing that was kept before is replaced by a file. */
function freeName(taken: ReadonlySet<string>, name: string): string {
  for (let number = 1; ; number++) {
    const title = number === 1 ? name : `${name.slice(0, 54)} (${number})`;
    if (!taken.has(title)) return title;
  }
}
