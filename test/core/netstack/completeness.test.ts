// The table of hostile inputs to the IP stack has 64 rows: each is a test somewhere, over both versions of IP unless only
// one has such an input, and a row that gets lost is noticed here.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const HOSTILE = join(import.meta.dirname, 'hostile');
const ROWS = 64;

/** Inputs that IPv6 does not have: a header length, a header checksum, options in the header, protocols in fragments. */
const IPV4_ONLY = [3, 6, 10, 11, 16];
/** Inputs that IPv4 does not have: extension headers, and fragment headers on whole packets. */
const IPV6_ONLY = [17, 18, 19, 20, 21, 22, 23];
/** Names: in their own room, with titles that begin with the number. */
const OF_NAMES = [60, 61, 62];

/** Which versions each row is tested over, and whatever would switch a test off. */
function readRows(): { rows: Map<number, Set<string>>; switches: string[] } {
  const rows = new Map<number, Set<string>>();
  const switches: string[] = [];
  const note = (row: number, ...versions: string[]) => {
    const known = rows.get(row) ?? new Set();
    for (const version of versions) known.add(version);
    rows.set(row, known);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
      const [first, second] = node.arguments;
      if (node.expression.text === 'row' && first && ts.isNumericLiteral(first))
        note(Number(first.text), 'IPv4', 'IPv6');
      if (node.expression.text === 'rowOf' && first && ts.isStringLiteral(first) && second)
        note(Number(second.getText()), first.text);
    }
    if (ts.isPropertyAccessExpression(node) && /^(skip|skipIf|todo|only|fails)$/.test(node.name.text))
      switches.push(node.name.text);
    ts.forEachChild(node, visit);
  };
  for (const file of readdirSync(HOSTILE)) {
    const path = join(HOSTILE, file);
    visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true));
  }
  return { rows, switches };
}

describe('the table of hostile inputs', () => {
  const { rows, switches } = readRows();

  for (let row = 1; row <= ROWS; row++) {
    if (OF_NAMES.includes(row)) continue;
    it(`row ${row} has its tests`, () => {
      const wanted = IPV4_ONLY.includes(row)
        ? ['IPv4']
        : IPV6_ONLY.includes(row)
          ? ['IPv6']
          : ['IPv4', 'IPv6'];
      expect([...(rows.get(row) ?? [])].sort()).toEqual(wanted);
    });
  }

  it('rows 60 to 62 are among the resolver’s', () => {
    const text = readFileSync(join(import.meta.dirname, 'dns/resolver.test.ts'), 'utf8');
    for (const row of OF_NAMES) expect(text).toMatch(new RegExp(`^ {2}it\\('${row}: `, 'm'));
  });

  it('has no other rows, and none of them is switched off', () => {
    expect([...rows.keys()].filter((row) => row < 1 || row > ROWS)).toEqual([]);
    expect(switches).toEqual([]);
  });
});
