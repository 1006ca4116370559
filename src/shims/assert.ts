// Node's `assert`: a function, with the others on it.
import { isDeepEqual } from './deep-equal.ts';
import { inspect } from './inspect.ts';

interface AssertionDetails {
  message?: string | undefined;
  actual?: unknown;
  expected?: unknown;
  operator?: string;
}

type Message = string | Error | undefined;
type Expected = RegExp | (new (...args: never[]) => Error) | ((error: unknown) => boolean) | object;

export class AssertionError extends Error {
  readonly code = 'ERR_ASSERTION';
  readonly generatedMessage: boolean;
  readonly actual: unknown;
  readonly expected: unknown;
  readonly operator: string | undefined;

  constructor({ message, actual, expected, operator }: AssertionDetails) {
    super(message ?? `${inspect(actual)} ${operator} ${inspect(expected)}`);
    this.name = 'AssertionError';
    this.generatedMessage = message === undefined;
    this.actual = actual;
    this.expected = expected;
    this.operator = operator;
  }
}

function check(isFine: boolean, message: Message, details: AssertionDetails): void {
  if (isFine) return;
  if (message instanceof Error) throw message;
  throw new AssertionError({ ...details, message: message ?? details.message });
}

type Comparison = (actual: unknown, expected: unknown) => boolean;

function comparing(operator: string, compare: Comparison) {
  return (actual: unknown, expected: unknown, message?: Message): void =>
    check(compare(actual, expected), message, { actual, expected, operator });
}

const not =
  (compare: Comparison): Comparison =>
  (actual, expected) =>
    !compare(actual, expected);
// biome-ignore lint/suspicious/noDoubleEquals: what `equal` is.
const isLoose: Comparison = (a, b) => a == b || (Number.isNaN(a) && Number.isNaN(b));
const isDeep: Comparison = (a, b) => isDeepEqual(a, b, false);
const isDeepStrict: Comparison = (a, b) => isDeepEqual(a, b, true);

export function ok(value: unknown, message?: Message): void {
  check(Boolean(value), message, {
    message: `The expression evaluated to a falsy value: ${inspect(value)}`,
    actual: value,
    expected: true,
    operator: '==',
  });
}

export function fail(message: Message = 'Failed'): never {
  throw message instanceof Error ? message : new AssertionError({ message, operator: 'fail' });
}

export const equal = comparing('==', isLoose);
export const notEqual = comparing('!=', not(isLoose));
export const strictEqual = comparing('strictEqual', Object.is);
export const notStrictEqual = comparing('notStrictEqual', not(Object.is));
export const deepEqual = comparing('deepEqual', isDeep);
export const notDeepEqual = comparing('notDeepEqual', not(isDeep));
export const deepStrictEqual = comparing('deepStrictEqual', isDeepStrict);
export const notDeepStrictEqual = comparing('notDeepStrictEqual', not(isDeepStrict));

export function match(text: string, pattern: RegExp, message?: Message): void {
  check(pattern.test(text), message, { actual: text, expected: pattern, operator: 'match' });
}

export function doesNotMatch(text: string, pattern: RegExp, message?: Message): void {
  check(!pattern.test(text), message, { actual: text, expected: pattern, operator: 'doesNotMatch' });
}

export function throws(work: () => unknown, expected?: Expected | string, message?: Message): void {
  let error: unknown;
  try {
    work();
  } catch (thrown) {
    checkError(thrown, expected, message);
    return;
  }
  check(false, message, { message: 'Missing expected exception.', actual: error, operator: 'throws' });
}

export async function rejects(
  work: Promise<unknown> | (() => Promise<unknown>),
  expected?: Expected | string,
  message?: Message,
): Promise<void> {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (thrown) {
    checkError(thrown, expected, message);
    return;
  }
  check(false, message, { message: 'Missing expected rejection.', operator: 'rejects' });
}

export function doesNotThrow(work: () => unknown): void {
  work();
}

export async function doesNotReject(work: Promise<unknown> | (() => Promise<unknown>)): Promise<void> {
  await (typeof work === 'function' ? work() : work);
}

/** Throws what a callback was given as its error. */
export function ifError(value: unknown): void {
  if (value !== null && value !== undefined) throw value as Error;
}

function checkError(error: unknown, expected: Expected | string | undefined, message: Message): void {
  if (expected === undefined || typeof expected === 'string') return;
  const isFine = isExpected(error, expected);
  check(isFine, message, { message: `Unexpected error: ${inspect(error)}`, actual: error, expected });
}

function isExpected(error: unknown, expected: Expected): boolean {
  if (expected instanceof RegExp) return expected.test(String(error));
  if (typeof expected !== 'function')
    return Object.entries(expected).every(([key, value]) => {
      const actual = (error as Record<string, unknown>)[key];
      return value instanceof RegExp ? value.test(String(actual)) : isDeepEqual(actual, value, true);
    });
  if (expected === Error || expected.prototype instanceof Error)
    return error instanceof (expected as typeof Error);
  return (expected as (error: unknown) => boolean)(error);
}

const all = {
  AssertionError,
  ok,
  fail,
  equal,
  notEqual,
  strictEqual,
  notStrictEqual,
  deepEqual,
  notDeepEqual,
  deepStrictEqual,
  notDeepStrictEqual,
  match,
  doesNotMatch,
  throws,
  rejects,
  doesNotThrow,
  doesNotReject,
  ifError,
};

export const strict = Object.assign((value: unknown, message?: Message): void => ok(value, message), {
  ...all,
  equal: strictEqual,
  notEqual: notStrictEqual,
  deepEqual: deepStrictEqual,
  notDeepEqual: notDeepStrictEqual,
});

export const assert = Object.assign((value: unknown, message?: Message): void => ok(value, message), {
  ...all,
  strict,
});
Object.assign(strict, { strict });

export { assert as default };
