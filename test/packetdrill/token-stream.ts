import type { Token, TokenKind } from './lexer.ts';
import { ScriptFailure } from './script.ts';

/** Tokens to be taken one by one. What is not as it must be is a ScriptFailure with its line. */
export class TokenStream {
  readonly #tokens: Token[];
  readonly #source: string;
  #at = 0;

  constructor(tokens: Token[], source: string) {
    this.#tokens = tokens;
    this.#source = source;
  }

  get next(): Token {
    return this.peek(0);
  }

  /** The token `ahead` of the next one. */
  peek(ahead: number): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
  }

  take(): Token {
    const token = this.next;
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  isMark(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'mark' && token.text === text;
  }

  isWord(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'word' && token.text === text;
  }

  takeIfMark(text: string): boolean {
    if (!this.isMark(text)) return false;
    this.take();
    return true;
  }

  takeIfWord(text: string): boolean {
    if (!this.isWord(text)) return false;
    this.take();
    return true;
  }

  expectMark(text: string): void {
    if (!this.takeIfMark(text)) this.fail(`"${text}"`);
  }

  expectWord(text: string): void {
    if (!this.takeIfWord(text)) this.fail(`"${text}"`);
  }

  expect(kind: TokenKind, what: string): Token {
    if (this.next.kind !== kind) this.fail(what);
    return this.take();
  }

  /** A decimal or hexadecimal number. */
  expectInteger(what: string): number {
    if (this.next.kind !== 'integer' && this.next.kind !== 'hex') this.fail(what);
    return Number(this.take().text);
  }

  /** What the source says from `token` up to the next token, on one line. */
  textSince(token: Token): string {
    const end = this.#at === 0 ? token.end : this.#tokens[this.#at - 1]!.end;
    return this.#source.slice(token.start, end).replace(/\s+/g, ' ');
  }

  /** Words that the script's options define stand for something else from here on. */
  substitute(replacement: (token: Token) => Token): void {
    for (let i = this.#at; i < this.#tokens.length; i++)
      if (this.#tokens[i]!.kind === 'word') this.#tokens[i] = replacement(this.#tokens[i]!);
  }

  fail(expected: string): never {
    const { line, text, kind } = this.next;
    throw new ScriptFailure(line, expected, kind === 'end' ? text : `"${text.split('\n')[0]}"`);
  }
}
