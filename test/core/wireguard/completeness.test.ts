// The tables of WireGuard's hostile cases, edge cases, timelines and old faults: each row is a test somewhere, and a row
// that gets lost is noticed here. A title begins with the name of its row.
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTitles } from '../../support/test-titles.ts';

const root = join(import.meta.dirname, '../..');

const HOSTILE = 'core/wireguard/hostile';

/** Where the rows of hostile cases are tested. */
const ROWS: [first: number, last: number, files: string[]][] = [
  [1, 5, [`${HOSTILE}/malformed.test.ts`]],
  [6, 11, [`${HOSTILE}/initiation.test.ts`]],
  [12, 12, [`${HOSTILE}/initiation.test.ts`, `${HOSTILE}/response.test.ts`]],
  [13, 19, [`${HOSTILE}/initiation.test.ts`]],
  [20, 25, [`${HOSTILE}/response.test.ts`]],
  [26, 28, [`${HOSTILE}/cookie.test.ts`]],
  [29, 31, [`${HOSTILE}/load.test.ts`]],
  [32, 32, ['core/wireguard/hundred-thousand.test.ts']],
  [33, 46, [`${HOSTILE}/transport.test.ts`]],
  [47, 55, [`${HOSTILE}/inner.test.ts`]],
  [56, 57, ['transport/hostile-frames.test.ts']],
  [58, 61, [`${HOSTILE}/host.test.ts`]],
  [62, 63, ['core/wireguard/config.test.ts']],
];

/** Those that were seen on real peers: our engine is their victim, too, over real UDP. */
const OVER_UDP = [
  [1, 18],
  [22, 24],
  [26, 26],
  [28, 31],
  [33, 33],
  [35, 39],
  [41, 43],
  [45, 53],
  [55, 55],
] as const;

const EDGE_CASES = 30;

const TIMELINES = [
  'normal, three minutes',
  'normal, the end',
  'idle both ways',
  'a one-way download is answered',
  'a dead peer, from',
  'both initiate at once',
  'a tab that slept',
];

const HISTORY = [
  'CVE-2021-46873, a clock forced forward',
  'CVE-2021-46873 on the other side',
  'boringtun 0.7.1',
  'boringtun #50',
  'boringtun #489',
  'wireguard-go c7b76d3',
  'OpenBSD',
  'Zephyr 2026',
  'wireguard-go 2018',
  'tailscale-rs',
  'wireguard-go receive.go',
];

const files = ['core/wireguard', 'transport', 'relay', 'node', 'service']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
      .map((entry) => join(entry.parentPath, entry.name)),
  )
  .filter((path) => path !== import.meta.filename)
  .map((path) => ({ file: relative(root, path), ...readTitles(path) }));

/** Every title that begins with this word: what follows it, and the file. */
function titled(word: string): { rest: string; file: string }[] {
  return files.flatMap(({ file, titles }) =>
    titles
      .filter((title) => title.startsWith(`${word} `))
      .map((title) => ({ rest: title.slice(word.length + 1), file })),
  );
}

/** Which files have tests of which number. */
function numbered(word: string): Map<number, Set<string>> {
  const found = new Map<number, Set<string>>();
  for (const { rest, file } of titled(word)) {
    const number = /^(\d+): ./.exec(rest)?.[1];
    if (number === undefined) continue;
    const known = found.get(Number(number)) ?? new Set();
    found.set(Number(number), known.add(file));
  }
  return found;
}

describe('each has its test', () => {
  it('the 63 rows of hostile cases, where they belong', () => {
    const rows = numbered('row');
    const wanted = ROWS.flatMap(([first, last, where]) =>
      Array.from({ length: last - first + 1 }, (_, n) => [first + n, where] as const),
    );
    expect(wanted.map(([row]) => row)).toEqual(Array.from({ length: 63 }, (_, n) => n + 1));
    for (const [row, where] of wanted) expect([...(rows.get(row) ?? [])].sort(), `row ${row}`).toEqual(where);
    expect(rows.size).toBe(63);
  });

  it('those over real UDP', () => {
    const found = new Set<number>();
    for (const { rest, file } of titled('over')) {
      const [, first, last = first] = /^UDP, rows? (\d+)(?: to (\d+))?: ./.exec(rest) ?? [];
      if (first === undefined) continue;
      expect(file).toBe('node/victim.test.ts');
      for (let row = Number(first); row <= Number(last); row++) found.add(row);
    }
    for (const [first, last] of OVER_UDP)
      for (let row = first as number; row <= last; row++) expect(found.has(row), `row ${row}`).toBe(true);
  });

  it('the 30 edge cases', () => {
    const edges = numbered('edge');
    expect([...edges.keys()].sort((a, b) => a - b)).toEqual(
      Array.from({ length: EDGE_CASES }, (_, n) => n + 1),
    );
    for (const [, where] of edges) expect([...where]).toContain('core/wireguard/edge-cases.test.ts');
  });

  it.each(TIMELINES)('the timeline: %s', (name) => {
    const found = titled('timeline:').filter(({ rest }) => rest.startsWith(name));
    expect(found.map(({ file }) => file)).toEqual(['core/wireguard/timelines.test.ts']);
  });

  it.each(HISTORY)('the old fault: %s', (name) => {
    const found = titled('history:').filter(({ rest }) => rest.startsWith(name));
    expect(found.map(({ file }) => file)).toEqual(['core/wireguard/history.test.ts']);
  });

  it('and none of them is switched off', () => {
    const tables = new Set(
      [
        ...titled('row'),
        ...titled('over'),
        ...titled('edge'),
        ...titled('timeline:'),
        ...titled('history:'),
      ].map(({ file }) => file),
    );
    expect(tables.size).toBeGreaterThan(10);
    for (const { file, switches } of files) if (tables.has(file)) expect(switches, file).toEqual([]);
  });
});
