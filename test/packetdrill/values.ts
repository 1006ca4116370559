// Values in a script's expressions.
import { CONSTANTS, ERRORS } from './constants.ts';
import { type Expression, ScriptFailure, Skip } from './script.ts';

/** A number, a constant, or several joined by `|`. */
export function numberOf(expression: Expression): number {
  switch (expression.kind) {
    case 'number':
      return expression.value;
    case 'word': {
      const value = CONSTANTS[expression.name] ?? ERRORS[expression.name];
      if (value === undefined) throw new Skip(`constant ${expression.name}`);
      return value;
    }
    case 'or':
      return (numberOf(expression.left) | numberOf(expression.right)) >>> 0;
    case 'list':
      if (expression.items.length === 1) return numberOf(expression.items[0]!);
      break;
    case 'apply':
      if (expression.name === 'htons') return numberOf(expression.parameters[0]!);
      break;
    default:
  }
  throw new Skip(`a value of kind ${expression.kind} where a number was expected`);
}

export function isGiven(expression: Expression | undefined): expression is Expression {
  return expression !== undefined && expression.kind !== 'ellipsis';
}

export function parameter(parameters: Expression[], index: number, line: number): Expression {
  const found = parameters[index];
  if (!found)
    throw new ScriptFailure(line, `a call with parameter ${index + 1}`, `${parameters.length} of them`);
  return found;
}

/** The entry of a struct by that name; undefined where there is none. */
export function entry(struct: Expression | undefined, name: string): Expression | undefined {
  if (struct?.kind !== 'struct') return undefined;
  return struct.entries.find((candidate) => candidate.name === name)?.value;
}

/** The lengths in `[{..., 40}, {..., 100}]`. */
export function vectorLength(vector: Expression | undefined): number {
  if (vector?.kind !== 'list') throw new Skip('an I/O vector that is no list');
  let total = 0;
  for (const item of vector.items) {
    const last = item.kind === 'struct' ? item.entries.at(-1)?.value : undefined;
    if (!last) throw new Skip('an I/O vector whose parts are no {..., length}');
    total += numberOf(last);
  }
  return total;
}

/** The address and port in `{sa_family = AF_INET, sin_port = htons(8080), sin_addr = inet_addr("…")}`. */
export function socketAddressOf(expression: Expression): { host: string; port: number } {
  const port = entry(expression, 'sin_port') ?? entry(expression, 'sin6_port');
  const host = entry(expression, 'sin_addr') ?? entry(expression, 'sin6_addr');
  const text = host?.kind === 'apply' ? host.parameters[0] : undefined;
  if (!port || text?.kind !== 'string') throw new Skip('a socket address of another form');
  return { host: text.text, port: numberOf(port) };
}

/** A call wrote `actual` where the script says what it must be. */
export function expectNumber(expression: Expression, actual: number, what: string, line: number): void {
  if (!isGiven(expression)) return;
  const expected = numberOf(expression);
  if (expected >>> 0 !== actual >>> 0) throw new ScriptFailure(line, `${what} ${expected}`, String(actual));
}
