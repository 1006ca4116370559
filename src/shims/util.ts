// Node's `util`.
import { isDeepEqual } from './deep-equal.ts';
import { codedError, invalidArgType } from './errors.ts';
import { format, formatWithOptions } from './format.ts';
import { inspect } from './inspect.ts';
import { nextTick } from './next-tick.ts';
import { env, process } from './process.ts';
import * as types from './util-types.ts';

type Anything = (...args: never[]) => unknown;
type Callback = (error: unknown, result?: unknown) => void;

const customPromisify = Symbol.for('nodejs.util.promisify.custom');

/** What takes a callback as its last argument, for what gives a promise. */
export function promisify(original: Anything): Anything {
  if (typeof original !== 'function') throw invalidArgType('original', 'of type function', original);
  const own = (original as { [customPromisify]?: Anything })[customPromisify];
  if (own) return own;
  function promised(this: unknown, ...args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const called: Callback = (error, result) => (error ? reject(error as Error) : resolve(result));
      original.apply(this, [...args, called] as never[]);
    });
  }
  return Object.defineProperties(
    Object.setPrototypeOf(promised, Object.getPrototypeOf(original) as object) as Anything,
    Object.getOwnPropertyDescriptors(original),
  );
}
promisify.custom = customPromisify;

/** The way back. */
export function callbackify(original: (...args: never[]) => Promise<unknown>): Anything {
  return function (this: unknown, ...args: unknown[]) {
    const callback = args.pop() as Callback;
    original.apply(this, args as never[]).then(
      (result) => nextTick(callback as Anything, null as never, result as never),
      (error: unknown) =>
        nextTick(
          callback as Anything,
          (error ?? codedError(Error, 'ERR_FALSY_VALUE_REJECTION', 'Promise was rejected')) as never,
        ),
    );
  };
}

/** Of old: before classes. */
export function inherits(below: Anything, above: Anything): void {
  Object.defineProperty(below, 'super_', { value: above, writable: true, configurable: true });
  Object.setPrototypeOf(below.prototype as object, above.prototype as object);
}

/** Says once that one should not. */
export function deprecate<Work extends Anything>(work: Work, message: string, code?: string): Work {
  let isSaid = false;
  return function (this: unknown, ...args: never[]) {
    if (!isSaid) process.emitWarning(`${code ? `[${code}] ` : ''}DeprecationWarning: ${message}`);
    isSaid = true;
    return work.apply(this, args);
  } as Work;
}

/** Says something if `process.env.NODE_DEBUG` names the section. */
export function debuglog(section: string): ((...args: unknown[]) => void) & { enabled: boolean } {
  const isOn = () => (env.NODE_DEBUG ?? '').toUpperCase().split(',').includes(section.toUpperCase());
  const log = (...args: unknown[]) => {
    if (isOn()) console.warn(`${section.toUpperCase()} ${format(...args)}`);
  };
  return Object.defineProperty(log as typeof log & { enabled: boolean }, 'enabled', { get: isOn });
}

export function isDeepStrictEqual(a: unknown, b: unknown): boolean {
  return isDeepEqual(a, b, true);
}

export function stripVTControlCharacters(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is those that go.
  return text.replace(/[\u001b\u009b][[\]()#;?]*(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PR-TZcf-nq-uy=><~]/g, '');
}

export function toUSVString(text: string): string {
  return text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
}

export const { isArray } = Array;
export const { isDate, isRegExp } = types;
export const isError = (value: unknown): boolean => value instanceof Error;
export const isString = (value: unknown): boolean => typeof value === 'string';
export const isNumber = (value: unknown): boolean => typeof value === 'number';
export const isBoolean = (value: unknown): boolean => typeof value === 'boolean';
export const isFunction = (value: unknown): boolean => typeof value === 'function';
export const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
export const isUndefined = (value: unknown): boolean => value === undefined;
export const isNull = (value: unknown): boolean => value === null;
export const isNullOrUndefined = (value: unknown): boolean => value === null || value === undefined;

const { TextDecoder, TextEncoder } = globalThis;

export * as default from './util.ts';
export { debuglog as debug, format, formatWithOptions, inspect, TextDecoder, TextEncoder, types };
