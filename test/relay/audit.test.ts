// The auditor's map in relay/README.md is complete, its numbers are true, and what it promises of the code holds.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'relay');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const sourcesIn = (path: string) => readdirSync(path).filter((name) => name.endsWith('.ts'));
const sources = sourcesIn(folder);

/** Lines with any code on them. */
function linesOfCode(text: string): number {
  const file = ts.createSourceFile('', text, ts.ScriptTarget.Latest, true);
  const lines = new Set<number>();
  const visit = (node: ts.Node): void => {
    if (ts.isToken(node) && node.kind !== ts.SyntaxKind.EndOfFileToken)
      for (const at of [node.getStart(), node.getEnd() - 1])
        lines.add(file.getLineAndCharacterOfPosition(at).line);
    // Documentation is among the children of what it documents.
    for (const child of node.getChildren()) if (!ts.isJSDoc(child)) visit(child);
  };
  visit(file);
  return lines.size;
}

/** Each group of the map: what its sum is said to be, and its files. */
const groups = Object.fromEntries(
  read('README.md')
    .split(/^(?=\*\*\w+\*\* \([\d,]+ lines)|^(?=All of `relay)/m)
    .flatMap((text) => {
      const [, name, sum] = /^\*\*(\w+)\*\* \(([\d,]+) lines/.exec(text) ?? [];
      if (name === undefined) return [];
      const files = [...text.matchAll(/`([a-z0-9/-]+\.ts)`/g)].map((match) => match[1]!);
      return [[name, { sum: Number(sum!.replace(',', '')), files }]];
    }),
) as Record<string, { sum: number; files: string[] }>;

/** Files that import any of these modules for more than their types. */
function importersOf(modules: RegExp, path = folder): string[] {
  return sourcesIn(path).filter((name) =>
    [
      ...readFileSync(join(path, name), 'utf8').matchAll(/^(?:im|ex)port (?!type )[^;]*? from '([^']+)'/gm),
    ].some(([, from]) => modules.test(from!)),
  );
}

const saying = (words: string) => sources.filter((name) => read(name).includes(words));

const OWN = ['Decides', 'Applies', 'Carries'];
const linesOf = (group: string) => {
  const path = OWN.includes(group) ? folder : join(root, 'src/core');
  return groups[group]!.files.reduce(
    (all, name) => all + linesOfCode(readFileSync(join(path, name), 'utf8')),
    0,
  );
};

describe("the auditor's map", () => {
  it('has each file once', () => {
    expect(Object.keys(groups)).toEqual([...OWN, 'Underneath']);
    expect(OWN.flatMap((group) => groups[group]!.files).sort()).toEqual(sources.sort());
  });

  it('has all that the relay takes of the core', () => {
    const taken = [...sources.flatMap((name) => [...read(name).matchAll(/'\.\.\/src\/core\/([^']+)'/g)])];
    expect(groups.Underneath!.files).toEqual(expect.arrayContaining(taken.map(([, path]) => path)));
  });

  it.each([...OWN, 'Underneath'])('%s: its sum is what it says, within 3 %', (name) => {
    const { sum } = groups[name]!;
    expect(linesOf(name)).toBeLessThan(1.03 * sum);
    expect(linesOf(name)).toBeGreaterThan(0.97 * sum);
  });

  it('all of it is as large as it says, and grows no further', () => {
    const all = OWN.reduce((sum, group) => sum + linesOf(group), 0);
    const [, said] = /^All of `relay.* It is ([\d,]+):/m.exec(read('README.md'))!;
    expect(all).toBeLessThanOrEqual(Number(said!.replace(',', '')) + 20);
    expect(all).toBeLessThanOrEqual(2551);
    expect(linesOf('Decides')).toBeLessThanOrEqual(1300);
  });

  it('what decides opens nothing', () => {
    const opening = importersOf(/^(node:(dgram|net|http|https|tls)|ws|undici)$/);
    // Of node:net and node:http it takes what tells an address, and what answers a request.
    expect(groups.Decides!.files.filter((name) => opening.includes(name)).sort()).toEqual([
      'address.ts',
      'admission.ts',
    ]);
    expect(read('address.ts')).toContain("import { isIP } from 'node:net'");
    expect(read('admission.ts')).toContain(
      "import { type IncomingMessage, ServerResponse } from 'node:http'",
    );
  });

  it('nothing in it reads a file, the environment or a name server, starts anything or listens', () => {
    expect(importersOf(/^node:(fs|child_process|cluster|worker_threads|dns|process)\b/)).toEqual([]);
    const words = ['process.env', 'process.on', 'process.argv', 'fetch(', '.listen(', 'createServer'];
    for (const word of words) expect(saying(word)).toEqual([]);
  });

  it('sessions, channels and UDP sockets are made at one place each', () => {
    expect(saying('new Session(')).toEqual(['reception.ts']);
    expect(saying('new Channel(')).toEqual(['session.ts']);
    expect(importersOf(/^node:dgram$/)).toEqual(['channel.ts']);
    expect(read('channel.ts').match(/createSocket\(/g)).toHaveLength(1);
  });

  it('what runs it sends no datagram, and looks names up at one place', () => {
    const host = join(root, 'src/relay-host');
    expect(importersOf(/^(node:(dgram|net|tls)|ws|undici)$/, host)).toEqual([]);
    expect(importersOf(/^node:dns/, host)).toEqual(['resolver.ts']);
  });

  it('only the gate lets a datagram to the socket, and only the policy makes a destination', () => {
    expect(read('channel.ts').match(/socket\.send\(/g)).toHaveLength(1);
    expect(saying('.up(bytes')).toEqual(['channel.ts']);
    expect(saying('mac1s: ')).toEqual(['policy.ts']);
  });
});
