import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const root = join(import.meta.dirname, '../..');
/** What keeps a test from running, however it is called. */
const OFF = new Set(['skip', 'todo', 'fixme', 'fails', 'only']);
const parsed = new Map<string, Test[]>();

/** A test as it stands in the source. */
interface Test {
  title: string;
  /** All of the call, the title too. */
  text: string;
}

/**
 * Whether a file has a test whose title has this in it, and which runs: neither it nor what it stands in is skipped.
 * `says`: something that the test itself must name.
 */
export function hasTest(file: string, title: string, says = ''): boolean {
  let tests = parsed.get(file);
  if (!tests) parsed.set(file, (tests = testsIn(file, readFileSync(join(root, file), 'utf8'))));
  return tests.some((test) => test.title.includes(title) && test.text.includes(says));
}

/**
 * All tests that run: each call that is given a text and, behind it, what to do, such as `it`, `test`, `it.each([…])`, or a
 * helper that is called like them. What groups them is none.
 */
export function testsIn(file: string, text: string): Test[] {
  const tests: Test[] = [];
  const look = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) {
      const names = namesOf(node.expression);
      if (names.some((name) => OFF.has(name)) && isTitled(node)) return;
      if (isTitled(node) && !names.includes('describe'))
        tests.push({ title: textOf(node.arguments[0]!)!, text: node.getText() });
    }
    ts.forEachChild(node, look);
  };
  look(ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true));
  return tests;
}

function isTitled({ arguments: [title, ...more] }: ts.CallExpression): boolean {
  return title !== undefined && textOf(title) !== undefined && more.some(isBody);
}

function isBody(node: ts.Node): boolean {
  return ts.isArrowFunction(node) || ts.isFunctionExpression(node);
}

/** `it.each([…])` is `it`, `each`. */
function namesOf(callee: ts.Expression): string[] {
  if (ts.isIdentifier(callee)) return [callee.text];
  if (ts.isPropertyAccessExpression(callee)) return [...namesOf(callee.expression), callee.name.text];
  if (ts.isCallExpression(callee)) return namesOf(callee.expression);
  return [];
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) return node.getText().slice(1, -1);
  return undefined;
}
