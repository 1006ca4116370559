import { readFileSync } from 'node:fs';
import ts from 'typescript';

/** Everything in a file's code (not in its comments) that can be, or begin, a title; and what would switch a test off. */
export function readTitles(path: string): { titles: string[]; switches: string[] } {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
  const titles: string[] = [];
  const switches: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node)) titles.push(node.text);
    if (ts.isPropertyAccessExpression(node) && /^(skip|skipIf|todo|only|fails)$/.test(node.name.text))
      switches.push(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { titles, switches };
}
