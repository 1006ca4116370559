// Words of packetdrill's language. The longest match wins; among equals the first of the table.
import { ScriptFailure } from './script.ts';

export type TokenKind =
  | 'word'
  | 'integer'
  | 'hex'
  | 'float'
  | 'string'
  | 'command'
  | 'code'
  | 'address'
  | 'option'
  | 'ellipsis'
  | 'mark'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** Without its delimiters, where it has any. */
  readonly text: string;
  readonly line: number;
  /** Where it lies in the source. */
  readonly start: number;
  readonly end: number;
}

const SPACE = /[ \t\r\n]+|\/\/[^\n]*|\/\*[\s\S]*?\*\//y;

/** Each with how many characters its delimiters take at either end. */
const TABLE: [TokenKind, RegExp, number][] = [
  ['code', /%\{[\s\S]*?\}%/y, 2],
  ['option', /--[a-zA-Z0-9_]+/y, 0],
  ['ellipsis', /\.\.\./y, 0],
  ['address', /[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+/y, 0],
  // Only what no sequence range can look like: it has `::`, or all of its eight groups.
  ['address', /(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*)?::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*)?/y, 0],
  ['address', /(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}/y, 0],
  ['float', /-?[0-9]*\.[0-9]+/y, 0],
  ['hex', /0x[0-9a-fA-F]+/y, 0],
  ['integer', /-?[0-9]+/y, 0],
  ['word', /[a-zA-Z0-9_]+/y, 0],
  ['string', /"(?:\\[\s\S]|[^"\\])*"/y, 1],
  ['command', /`(?:\\[\s\S]|[^`\\])*`/y, 1],
  ['mark', /[^ \t\r\n]/y, 0],
];

/** All tokens of a script, the last of kind 'end'. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  const advance = (length: number) => {
    for (let i = at; i < at + length; i++) if (source[i] === '\n') line++;
    at += length;
  };
  for (;;) {
    for (let space = matchAt(SPACE, source, at); space > 0; space = matchAt(SPACE, source, at))
      advance(space);
    if (at >= source.length) break;
    const token = longest(source, at, line);
    tokens.push(token);
    advance(token.end - at);
  }
  tokens.push({ kind: 'end', text: 'the end of the script', line, start: at, end: at });
  return tokens;
}

function longest(source: string, at: number, line: number): Token {
  let kind: TokenKind = 'mark';
  let length = 0;
  let delimiter = 0;
  for (const [candidate, pattern, width] of TABLE) {
    const matched = matchAt(pattern, source, at);
    if (matched > length) [kind, length, delimiter] = [candidate, matched, width];
  }
  const text = source.slice(at + delimiter, at + length - delimiter);
  const isOpen = kind === 'mark' && (text === '`' || text === '"');
  if (isOpen) throw new ScriptFailure(line, `a closing ${text}`, 'the end of the script');
  return { kind, text, line, start: at, end: at + length };
}

function matchAt(pattern: RegExp, source: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0].length ?? 0;
}
