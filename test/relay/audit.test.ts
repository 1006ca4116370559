// The auditor's map in relay/README.md is complete, its numbers are true, and what it promises of the code holds.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const folder = join(import.meta.dirname, '../../relay');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const sources = readdirSync(folder).filter((name) => name.endsWith('.ts'));

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
    .split(/^(?=\*\*\w+\*\* \([\d,]+ lines)|^(?=All of it)/m)
    .flatMap((text) => {
      const [, name, sum] = /^\*\*(\w+)\*\* \(([\d,]+) lines/.exec(text) ?? [];
      if (name === undefined) return [];
      const files = [...text.matchAll(/`([a-z0-9-]+\.ts)`/g)].map((match) => match[1]!);
      return [[name, { sum: Number(sum!.replace(',', '')), files }]];
    }),
) as Record<string, { sum: number; files: string[] }>;

/** Files that import any of these modules for more than their types. */
function importersOf(modules: RegExp): string[] {
  return sources.filter((name) =>
    [...read(name).matchAll(/^(?:im|ex)port (?!type )[^;]*? from '([^']+)'/gm)].some(([, from]) =>
      modules.test(from!),
    ),
  );
}

const saying = (words: string) => sources.filter((name) => read(name).includes(words));

describe("the auditor's map", () => {
  it('has each file once', () => {
    const named = Object.values(groups).flatMap(({ files }) => files);
    expect(Object.keys(groups)).toEqual(['Decides', 'Applies', 'Carries']);
    expect(named.sort()).toEqual(sources.sort());
  });

  it.each(['Decides', 'Applies', 'Carries'])('%s: its sum is what it says, within 3 %', (name) => {
    const { sum, files } = groups[name]!;
    const lines = files.reduce((all, file) => all + linesOfCode(read(file)), 0);
    expect(lines).toBeLessThan(1.03 * sum);
    expect(lines).toBeGreaterThan(0.97 * sum);
  });

  it('what decides is less than the 2,000 lines that all was meant to be, and the core grows no further', () => {
    expect(groups.Decides!.sum).toBeLessThanOrEqual(1600);
    expect(groups.Decides!.sum + groups.Applies!.sum).toBeLessThanOrEqual(2600);
  });

  it('what decides opens nothing', () => {
    const opening = importersOf(/^(node:(dgram|net|http|https|tls|child_process|fs)|ws|undici)$/);
    // Of node:net and node:http it takes what tells an address, and what answers a request.
    expect(groups.Decides!.files.filter((name) => opening.includes(name))).toEqual([
      'address.ts',
      'admission.ts',
    ]);
    expect(read('address.ts')).toContain("import { isIP } from 'node:net'");
    expect(read('admission.ts')).toContain(
      "import { type IncomingMessage, ServerResponse } from 'node:http'",
    );
  });

  it('sessions, channels and UDP sockets are made at one place each, and names are looked up at one', () => {
    expect(saying('new Session(')).toEqual(['reception.ts']);
    expect(saying('new Channel(')).toEqual(['session.ts']);
    expect(importersOf(/^node:dgram$/)).toEqual(['channel.ts']);
    expect(read('channel.ts').match(/createSocket\(/g)).toHaveLength(1);
    expect(importersOf(/^node:dns/)).toEqual(['resolver.ts']);
    expect(saying('fetch(')).toEqual([]);
  });

  it('only the gate lets a datagram to the socket, and only the policy makes a destination', () => {
    expect(read('channel.ts').match(/socket\.send\(/g)).toHaveLength(1);
    expect(saying('.up(bytes')).toEqual(['channel.ts']);
    expect(saying('destination: {')).toEqual(['policy.ts']);
  });
});
