// Small changes that a test must notice: every comparison, every && and ||, and in the tables of constants every number.
// Positions come from the compiler's own parser, so that text, types and comments are left alone.
import ts from 'typescript';

export interface Mutant {
  /** From the project's root. */
  file: string;
  /** Of the changed characters, from 1. */
  line: number;
  column: number;
  start: number;
  end: number;
  before: string;
  after: string;
  /** The whole line, as it was. */
  text: string;
}

const OPERATORS: Partial<Record<ts.SyntaxKind, string>> = {
  [ts.SyntaxKind.LessThanToken]: '<=',
  [ts.SyntaxKind.LessThanEqualsToken]: '<',
  [ts.SyntaxKind.GreaterThanToken]: '>=',
  [ts.SyntaxKind.GreaterThanEqualsToken]: '>',
  [ts.SyntaxKind.EqualsEqualsEqualsToken]: '!==',
  [ts.SyntaxKind.ExclamationEqualsEqualsToken]: '===',
  [ts.SyntaxKind.AmpersandAmpersandToken]: '||',
  [ts.SyntaxKind.BarBarToken]: '&&',
};

/** All mutants of a source text, in its order. */
export function mutantsOf(file: string, source: string, numbersToo: boolean): Mutant[] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const mutants: Mutant[] = [];
  const add = (node: ts.Node, after: string) => {
    const start = node.getStart(tree);
    const { line, character } = tree.getLineAndCharacterOfPosition(start);
    const text = source.split('\n')[line]!.trim();
    const before = source.slice(start, node.end);
    mutants.push({ file, line: line + 1, column: character + 1, start, end: node.end, before, after, text });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node)) return;
    if (ts.isBinaryExpression(node)) {
      const after = OPERATORS[node.operatorToken.kind];
      if (after !== undefined) add(node.operatorToken, after);
    }
    if (numbersToo && ts.isNumericLiteral(node)) {
      const value = Number(node.text);
      add(node, String(value + 1));
      add(node, String(value - 1));
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return mutants.sort((a, b) => a.start - b.start);
}

export function apply({ start, end, after }: Mutant, source: string): string {
  return source.slice(0, start) + after + source.slice(end);
}

export function describe({ file, line, column, before, after, text }: Mutant): string {
  return `${file}:${line}:${column}  ${before} → ${after}   ${text}`;
}
