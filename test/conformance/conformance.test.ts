import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { DOCUMENTS } from './documents.ts';
import { conformanceTable, README, TABLE, withDeviations } from './table.ts';

const root = join(import.meta.dirname, '../..');
const all = DOCUMENTS.flatMap(({ name, requirements }) =>
  requirements.map((requirement) => ({
    ...requirement,
    where: `${name} §${requirement.section}: ${requirement.says}`,
  })),
);

describe('the conformance table', () => {
  it('names files that exist', () => {
    const missing = all.flatMap(({ where, by }) =>
      by.filter((file) => !existsSync(join(root, 'src/core', file))).map((file) => `${file} (${where})`),
    );
    expect(missing).toEqual([]);
  });

  it('names tests that exist', () => {
    const missing = all.flatMap(({ where, tests }) =>
      tests.filter((test) => !testExists(test)).map((test) => `${test} (${where})`),
    );
    expect(missing).toEqual([]);
  });

  it('has a test, or a reason, for every MUST and SHOULD that it names', () => {
    const open = all.filter(
      ({ level, tests, deviation, absent }) =>
        level !== 'MAY' && tests.length === 0 && deviation === undefined && absent === undefined,
    );
    expect(open.map(({ where }) => where)).toEqual([]);
  });

  it('has every number that RFC 9293 gives, once', () => {
    const { requirements } = DOCUMENTS.find(({ name }) => name === 'RFC 9293')!;
    const numbers = (kind: string, last: number) =>
      Array.from({ length: last }, (_, i) => `${kind}-${i + 1}`);
    const given = [...numbers('MUST', 69), ...numbers('SHLD', 31), 'REC-1', ...numbers('MAY', 18)];
    expect(requirements.map(({ id }) => id).sort()).toEqual(given.sort());
  });

  it('is what conformance.md says (npm run conformance writes it)', () => {
    expect(readFileSync(TABLE, 'utf8')).toBe(conformanceTable(DOCUMENTS));
  });

  it('has its deviations in the README of the stack (npm run conformance writes them)', () => {
    const readme = readFileSync(README, 'utf8');
    expect(readme).toBe(withDeviations(readme, DOCUMENTS));
  });
});

const names = new Map<string, (string | RegExp)[]>();

/** A script by its path; a test by a string or template in its file, since many are rows of tables. */
function testExists(reference: string): boolean {
  const [file, name] = reference.split(' › ') as [string, string | undefined];
  const path = join(root, 'test', file);
  if (!existsSync(path)) return false;
  if (name === undefined) return path.endsWith('.pkt');
  let known = names.get(path);
  if (!known) names.set(path, (known = textsIn(path)));
  return known.some((text) => (typeof text === 'string' ? text === name : text.test(name)));
}

function textsIn(path: string): (string | RegExp)[] {
  const found: (string | RegExp)[] = [];
  const visit = (node: ts.Node) => {
    if (ts.isStringLiteralLike(node)) found.push(node.text);
    // A template with nothing fixed in it would match anything.
    if (ts.isTemplateExpression(node) && fixedPart(node).trim().length > 3) found.push(patternOf(node));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest));
  return found;
}

function fixedPart(node: ts.TemplateExpression): string {
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join('');
}

function patternOf(node: ts.TemplateExpression): RegExp {
  const fixed = [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)];
  return new RegExp(`^${fixed.map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+')}$`);
}
