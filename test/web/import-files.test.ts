import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { generatePrivateKey } from '../../src/index.ts';
import { importFiles, keepAll, summed } from '../../web/tunnels/import-files.ts';
import { TunnelBook } from '../../web/tunnels/tunnel-book.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const archive = (entries: Record<string, string>, name = 'all.zip') =>
  new File(
    [zipSync(Object.fromEntries(Object.entries(entries).map(([path, text]) => [path, bytes(text)]))).slice()],
    name,
  );
const config = () => `[Interface]\nPrivateKey = ${generatePrivateKey()}\nAddress = 10.0.0.2/32\n`;
const store = {
  list: () => Promise.resolve([]),
  put: () => Promise.resolve(),
  delete: () => Promise.resolve(),
};
const newBook = () => new TunnelBook(store, () => Promise.resolve(true));

describe('files that are dropped', () => {
  it('are configurations as they are', async () => {
    expect(await importFiles([new File(['[Interface]'], 'office.conf')])).toEqual({
      found: [{ name: 'office', text: '[Interface]' }],
      problems: [],
    });
  });

  it('may be archives, of which the .conf files count', async () => {
    const file = archive({ 'a.conf': 'A', 'deep/b.CONF': 'B', '__MACOSX/._a.conf': 'x', 'note.txt': 'x' });
    const { found, problems } = await importFiles([file]);
    expect(found).toEqual([
      { name: 'a', text: 'A' },
      { name: 'b', text: 'B' },
    ]);
    expect(problems).toEqual([]);
  });

  it('that are too large, damaged or empty are a sentence each', async () => {
    const zip = archive({ 'a.conf': 'x'.repeat(10_000) });
    const broken = new File([(await zip.arrayBuffer()).slice(0, 60)], 'broken.zip');
    const bomb = archive({ 'bomb.conf': '0'.repeat(3_000_000) }, 'bomb.zip');
    const { found, problems } = await importFiles([
      new File([new Uint8Array(1_000_001)], 'film.conf'),
      broken,
      archive({ 'note.txt': '' }, 'notes.zip'),
      bomb,
    ]);
    expect(found).toEqual([]);
    expect(problems).toHaveLength(4);
    expect(problems[0]).toContain('“film.conf” is too large');
    expect(problems[1]).toContain('“broken.zip” is damaged');
    expect(problems[2]).toContain('no .conf file in “notes.zip”');
    expect(problems[3]).toContain('no .conf file in “bomb.zip”');
  });

  it('are bounded in number, and it is said how many were taken', async () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`${index}.conf`, 'x']));
    const { found, problems } = await importFiles([archive(many)]);
    expect(found).toHaveLength(200);
    expect(found.every(({ text }) => text === 'x')).toBe(true);
    expect(problems).toEqual([
      'Only the first 200 of 300 configurations were taken: drop the others by themselves.',
    ]);
  });

  it('that hold nothing, or no text, are a sentence each; of many, a few are told', async () => {
    const { found, problems } = await importFiles([
      new File([], 'office.conf'),
      new File([new Uint8Array(100)], 'office.exe'),
    ]);
    expect(found).toEqual([]);
    expect(problems[0]).toContain('“office.conf” is empty');
    expect(problems[1]).toContain('“office.exe” is no text');
    expect(summed(['One.', 'Two.'])).toBe('One. Two.');
    expect(summed(Array<string>(20).fill('This one is empty.'))).toMatch(
      /empty\. 17 more files were left out\.$/,
    );
  });
});

describe('several configurations', () => {
  it('are kept in this tab, none in the place of another', async () => {
    const book = newBook();
    const files = [
      { name: 'a', text: config() },
      { name: 'a', text: config() },
      { name: 'b', text: '[Interface]\nAddress = nonsense' },
      { name: 'c', text: '[Interface]\nAddress = 10.0.0.1/32' },
    ];
    const problems = await keepAll(book, files, 'wss://r/v1');
    expect(book.tunnels.value.map(({ name, secret, relay }) => [name, secret.kind, relay])).toEqual([
      ['a', 'tab', 'wss://r/v1'],
      ['a (2)', 'tab', 'wss://r/v1'],
    ]);
    expect(problems[0]).toContain('“b” was left out');
    expect(problems[1]).toContain('“c” was left out: it has no private key');
  });
});
