// Keys out of passwords and secrets: PBKDF2, HKDF, scrypt.

import { hkdf as nobleHkdf } from '@noble/hashes/hkdf.js';
import { pbkdf2 as noblePbkdf2 } from '@noble/hashes/pbkdf2.js';
import { scrypt as nobleScrypt } from '@noble/hashes/scrypt.js';
import type { Buffer } from 'buffer';
import { nextTick } from '../next-tick.ts';
import { algorithmOf } from './algorithms.ts';
import { bytesOf, type Data, outputOf } from './bytes.ts';
import { secretBytes } from './secret-key.ts';

type Callback<Result> = (error: Error | null, result?: Result) => void;

export function pbkdf2Sync(
  password: Data,
  salt: Data,
  iterations: number,
  length: number,
  digest: string,
): Buffer {
  const options = { c: iterations, dkLen: length };
  return outputOf(
    noblePbkdf2(algorithmOf(digest) as never, bytesOf(password), bytesOf(salt), options),
  ) as Buffer;
}

export function hkdfSync(digest: string, key: unknown, salt: Data, info: Data, length: number): ArrayBuffer {
  const bytes = nobleHkdf(
    algorithmOf(digest) as never,
    secretBytes(key),
    bytesOf(salt),
    bytesOf(info),
    length,
  );
  return Uint8Array.from(bytes).buffer;
}

export interface ScryptOptions {
  N?: number;
  cost?: number;
  r?: number;
  blockSize?: number;
  p?: number;
  parallelization?: number;
  maxmem?: number;
}

export function scryptSync(password: Data, salt: Data, length: number, options: ScryptOptions = {}): Buffer {
  const {
    N = options.cost ?? 16_384,
    r = options.blockSize ?? 8,
    p = options.parallelization ?? 1,
  } = options;
  const parameters = { N, r, p, dkLen: length, maxmem: options.maxmem ?? 32 * 1024 * 1024 };
  return outputOf(nobleScrypt(bytesOf(password), bytesOf(salt), parameters)) as Buffer;
}

/** The same, told to a callback. It is computed here and now all the same: there is nobody else to do it. */
function later<Args extends unknown[], Result>(work: (...args: Args) => Result) {
  return (...args: [...Args, Callback<Result>]): void => {
    const callback = args.pop() as Callback<Result>;
    let result: Result;
    try {
      result = work(...(args as unknown as Args));
    } catch (error) {
      nextTick(callback, error as never);
      return;
    }
    nextTick(callback, null as never, result as never);
  };
}

export const pbkdf2 = later(pbkdf2Sync);
export const hkdf = later(hkdfSync);

export function scrypt(password: Data, salt: Data, length: number, ...rest: unknown[]): void {
  const callback = rest.pop() as Callback<Buffer>;
  later(scryptSync)(password, salt, length, (rest[0] ?? {}) as ScryptOptions, callback);
}
