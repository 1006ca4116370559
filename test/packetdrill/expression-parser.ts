// What stands in a system call's parentheses, and its result.
import type { Expression, StructEntry } from './script.ts';
import type { TokenStream } from './token-stream.ts';

export function parseExpressions(tokens: TokenStream, closing: string): Expression[] {
  const expressions: Expression[] = [];
  if (tokens.takeIfMark(closing)) return expressions;
  do expressions.push(parseExpression(tokens));
  while (tokens.takeIfMark(','));
  tokens.expectMark(closing);
  return expressions;
}

export function parseExpression(tokens: TokenStream): Expression {
  const left = parseTerm(tokens);
  if (!tokens.takeIfMark('|')) return left;
  return { kind: 'or', left, right: parseExpression(tokens) };
}

function parseTerm(tokens: TokenStream): Expression {
  const { kind } = tokens.next;
  switch (kind) {
    case 'ellipsis':
      tokens.take();
      return { kind: 'ellipsis' };
    case 'integer':
    case 'hex':
      return { kind: 'number', value: Number(tokens.take().text) };
    case 'string':
      return parseString(tokens);
    case 'word': {
      const name = tokens.take().text;
      if (!tokens.takeIfMark('(')) return { kind: 'word', name };
      return { kind: 'apply', name, parameters: parseExpressions(tokens, ')') };
    }
    default:
      if (tokens.takeIfMark('[')) return { kind: 'list', items: parseExpressions(tokens, ']') };
      if (tokens.takeIfMark('{')) return parseStruct(tokens);
      return tokens.fail('a value');
  }
}

/** Strings that follow each other are one; `"abc"...` is a string, too. */
function parseString(tokens: TokenStream): Expression {
  let text = '';
  while (tokens.next.kind === 'string') text += unescaped(tokens.take().text);
  if (tokens.next.kind === 'ellipsis') tokens.take();
  return { kind: 'string', text };
}

function unescaped(text: string): string {
  const names: Record<string, string> = { n: '\n', r: '\r', t: '\t', 0: '\0' };
  return text.replace(/\\(x[0-9a-fA-F]{2}|[\s\S])/g, (_, name: string) =>
    name.length === 3 ? String.fromCharCode(Number.parseInt(name.slice(1), 16)) : (names[name] ?? name),
  );
}

/** `{a=1, b(...)=..., 3}`: a length in parentheses says nothing that its list does not. */
function parseStruct(tokens: TokenStream): Expression {
  const entries: StructEntry[] = [];
  if (tokens.takeIfMark('}')) return { kind: 'struct', entries };
  do entries.push(parseEntry(tokens));
  while (tokens.takeIfMark(','));
  tokens.expectMark('}');
  return { kind: 'struct', entries };
}

function parseEntry(tokens: TokenStream): StructEntry {
  const isNamed = tokens.next.kind === 'word' && (tokens.isMark('=', 1) || isLengthAhead(tokens));
  if (!isNamed) return { name: '', value: parseExpression(tokens) };
  const name = tokens.take().text;
  if (tokens.takeIfMark('(')) parseExpressions(tokens, ')');
  tokens.expectMark('=');
  return { name, value: parseExpression(tokens) };
}

/** `name(…)=`. */
function isLengthAhead(tokens: TokenStream): boolean {
  return tokens.isMark('(', 1) && tokens.isMark(')', 3) && tokens.isMark('=', 4);
}
