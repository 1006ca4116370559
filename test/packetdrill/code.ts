// The Python of `%{ … }%`, as far as scripts need it: assertions, assignments and print, over numbers and strings.
// Anything beyond is a Skip.
import { Skip } from './script.ts';

export type Value = number | string | boolean | undefined;

/** Where names get their values: `tcpi_…` from the connection, the rest from assignments and constants. */
export type Names = (name: string) => Value;

/** An `assert` that did not hold. */
export class AssertionFailure extends Error {}

const TOKEN =
  /\s*(?:(0[xX][0-9a-fA-F]+|[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|[0-9]+|\.[0-9]+)|([A-Za-z_]\w*)|('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|(\*\*|\/\/|<<|>>|<=|>=|==|!=|[-+*/%<>=&|^~(),.[\]:]))/y;

interface Token {
  kind: 'number' | 'name' | 'string' | 'mark' | 'end';
  text: string;
}

/** Runs statements one after the other; variables live in `variables` from one block to the next. */
export function runCode(text: string, names: Names, variables: Map<string, Value>): void {
  for (const statement of statements(text)) new Statement(statement, names, variables).run();
}

/** By lines and semicolons; a backslash or an open parenthesis joins lines. */
function statements(text: string): string[] {
  const result: string[] = [];
  let current = '';
  let depth = 0;
  let quote = '';
  const source = text.replace(/\\\r?\n/g, ' ');
  for (let i = 0; i < source.length; i++) {
    const character = source[i]!;
    if (quote) {
      if (character === '\\') current += source[i++]!;
      else if (character === quote) quote = '';
    } else if (character === '#') {
      while (i + 1 < source.length && source[i + 1] !== '\n') i++;
      continue;
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '(') depth++;
    else if (character === ')') depth--;
    if (!quote && depth === 0 && (character === '\n' || character === ';')) {
      result.push(current);
      current = '';
    } else current += source[i]!;
  }
  result.push(current);
  return result.map((statement) => statement.trim()).filter((statement) => statement !== '');
}

class Statement {
  readonly #text: string;
  readonly #tokens: Token[];
  readonly #names: Names;
  readonly #variables: Map<string, Value>;
  #at = 0;

  constructor(text: string, names: Names, variables: Map<string, Value>) {
    this.#text = text;
    this.#tokens = this.#tokenize();
    this.#names = names;
    this.#variables = variables;
  }

  run(): void {
    const { kind, text } = this.#next;
    if (kind === 'name' && text === 'pass') return;
    if (kind === 'name' && text === 'print') return;
    if (this.#takeName('assert')) {
      this.#assert();
      return;
    }
    const operator = /^(?:[-+*]?)=$/.exec(this.#operatorAhead());
    if (kind !== 'name' || !operator) this.#skip();
    this.#at += operator![0].length === 1 ? 2 : 3;
    const value = this.#expression();
    this.#expectEnd();
    if (operator![0] === '=') this.#variables.set(text, value);
    else this.#variables.set(text, arithmetic(operator![0][0]!, this.#value(text), value) ?? this.#skip());
  }

  #assert(): void {
    const start = this.#at;
    const holds = truth(this.#expression());
    const condition = this.#tokens
      .slice(start, this.#at)
      .map((token) => token.text)
      .join(' ');
    let message = '';
    if (this.#takeMark(',')) message = String(this.#expression());
    this.#expectEnd();
    if (!holds) throw new AssertionFailure(`${condition} is false${message ? `: ${message}` : ''}`);
  }

  /** `=`, `+=`, `-=` or `*=` after the first token. */
  #operatorAhead(): string {
    const first = this.#tokens[1]!.text;
    const second = this.#tokens[2]?.text;
    return first === '=' ? '=' : second === '=' && /^[-+*]$/.test(first) ? `${first}=` : '';
  }

  // ---- expressions, loosest first

  #expression(): Value {
    const value = this.#or();
    if (!this.#takeName('if')) return value;
    const condition = truth(this.#or());
    if (!this.#takeName('else')) this.#skip();
    const other = this.#expression();
    return condition ? value : other;
  }

  #or(): Value {
    let value = this.#and();
    while (this.#takeName('or')) {
      const other = this.#and();
      value = truth(value) ? value : other;
    }
    return value;
  }

  #and(): Value {
    let value = this.#not();
    while (this.#takeName('and')) {
      const other = this.#not();
      value = truth(value) ? other : value;
    }
    return value;
  }

  #not(): Value {
    return this.#takeName('not') ? !truth(this.#not()) : this.#comparison();
  }

  /** `a <= b <= c` holds when both do. */
  #comparison(): Value {
    let left = this.#binary(0);
    let result: Value;
    for (;;) {
      const { text } = this.#next;
      if (!['<', '>', '<=', '>=', '==', '!='].includes(text)) return result ?? left;
      this.#at++;
      const right = this.#binary(0);
      result = (result ?? true) && compare(text, left, right);
      left = right;
    }
  }

  /** Levels of binary operators that associate to the left. */
  #binary(level: number): Value {
    const levels = [['|'], ['^'], ['&'], ['<<', '>>'], ['+', '-'], ['*', '/', '//', '%']];
    if (level === levels.length) return this.#unary();
    let value = this.#binary(level + 1);
    for (;;) {
      const { text, kind } = this.#next;
      if (kind !== 'mark' || !levels[level]!.includes(text)) return value;
      this.#at++;
      value = arithmetic(text, value, this.#binary(level + 1)) ?? this.#skip();
    }
  }

  #unary(): Value {
    if (this.#takeMark('-')) return -number(this.#unary());
    if (this.#takeMark('+')) return number(this.#unary());
    if (this.#takeMark('~')) return ~number(this.#unary());
    const base = this.#primary();
    return this.#takeMark('**') ? number(base) ** number(this.#unary()) : base;
  }

  #primary(): Value {
    const token = this.#next;
    this.#at++;
    switch (token.kind) {
      case 'number':
        return Number(token.text);
      case 'string':
        return token.text.slice(1, -1);
      case 'name':
        return this.#takeMark('(') ? this.#call(token.text) : this.#value(token.text);
      default:
        if (token.text !== '(') return this.#skip();
        return this.#parenthesis();
    }
  }

  /** A tuple is what `%` formats; its parts are enough as text. */
  #parenthesis(): Value {
    const parts = [this.#expression()];
    while (this.#takeMark(',')) if (this.#next.text !== ')') parts.push(this.#expression());
    if (!this.#takeMark(')')) this.#skip();
    return parts.length === 1 ? parts[0] : parts.join(', ');
  }

  #call(name: string): Value {
    const values: number[] = [];
    while (!this.#takeMark(')')) {
      values.push(number(this.#expression()));
      if (!this.#takeMark(',') && this.#next.text !== ')') this.#skip();
    }
    switch (name) {
      case 'min':
        return Math.min(...values);
      case 'max':
        return Math.max(...values);
      case 'abs':
        return Math.abs(values[0]!);
      case 'int':
        return Math.trunc(values[0]!);
      case 'round':
        return Math.round(values[0]!);
      case 'float':
        return values[0];
      default:
        return this.#skip();
    }
  }

  #value(name: string): Value {
    if (name === 'True' || name === 'False') return name === 'True';
    if (name === 'None') return undefined;
    if (this.#variables.has(name)) return this.#variables.get(name);
    return this.#names(name);
  }

  // ---- tokens

  get #next(): Token {
    return this.#tokens[this.#at]!;
  }

  #takeName(text: string): boolean {
    if (this.#next.kind !== 'name' || this.#next.text !== text) return false;
    this.#at++;
    return true;
  }

  #takeMark(text: string): boolean {
    if (this.#next.kind !== 'mark' || this.#next.text !== text) return false;
    this.#at++;
    return true;
  }

  #expectEnd(): void {
    if (this.#next.kind !== 'end') this.#skip();
  }

  #tokenize(): Token[] {
    const tokens: Token[] = [];
    const text = this.#text;
    for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length; ) {
      const match = TOKEN.exec(text) ?? this.#skip();
      const [, numeral, name, string, mark] = match;
      if (numeral !== undefined) tokens.push({ kind: 'number', text: numeral });
      else if (name !== undefined) tokens.push({ kind: 'name', text: name });
      else if (string !== undefined) tokens.push({ kind: 'string', text: string });
      else tokens.push({ kind: 'mark', text: mark! });
    }
    tokens.push({ kind: 'end', text: '' });
    return tokens;
  }

  #skip(): never {
    throw new Skip(`Python beyond assertions: ${this.#text}`);
  }
}

function truth(value: Value): boolean {
  return Boolean(value);
}

function number(value: Value): number {
  return Number(value ?? 0);
}

function compare(operator: string, left: Value, right: Value): boolean {
  if (typeof left === 'string' || typeof right === 'string') {
    if (operator === '==') return left === right;
    if (operator === '!=') return left !== right;
  }
  const [a, b] = [number(left), number(right)];
  switch (operator) {
    case '<':
      return a < b;
    case '>':
      return a > b;
    case '<=':
      return a <= b;
    case '>=':
      return a >= b;
    case '==':
      return a === b;
    default:
      return a !== b;
  }
}

/** Undefined for an operator that there is not. */
function arithmetic(operator: string, left: Value, right: Value): Value {
  if (operator === '%' && typeof left === 'string') return `${left} % (${String(right)})`;
  const [a, b] = [number(left), number(right)];
  switch (operator) {
    case '+':
      return typeof left === 'string' ? left + String(right) : a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '//':
      return Math.floor(a / b);
    case '%':
      return a - b * Math.floor(a / b);
    // Whole numbers of any size, as Python has them.
    case '&':
      return Number(BigInt(Math.trunc(a)) & BigInt(Math.trunc(b)));
    case '|':
      return Number(BigInt(Math.trunc(a)) | BigInt(Math.trunc(b)));
    case '^':
      return Number(BigInt(Math.trunc(a)) ^ BigInt(Math.trunc(b)));
    case '<<':
      return a * 2 ** b;
    case '>>':
      return Math.floor(a / 2 ** b);
    default:
      return undefined;
  }
}
