// Node's Hash and Hmac, which are streams too.

import type { TransformCallback } from 'node:stream';
import { hmac } from '@noble/hashes/hmac.js';
import type { Buffer } from 'buffer';
import { codedError } from '../errors.ts';
import { Transform } from '../streams.ts';
import { algorithmOf } from './algorithms.ts';
import { bytesOf, type Data, outputOf } from './bytes.ts';
import { secretBytes } from './secret-key.ts';

interface Running {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

abstract class Digest extends Transform {
  protected running: Running;
  #isFinished = false;

  protected constructor(running: Running) {
    super();
    this.running = running;
  }

  update(data: Data, encoding?: string): this {
    if (this.#isFinished) throw finished();
    this.running.update(bytesOf(data, encoding));
    return this;
  }

  digest(): Buffer;
  digest(encoding: string): string;
  digest(encoding?: string): Buffer | string {
    if (this.#isFinished) throw finished();
    this.#isFinished = true;
    return outputOf(this.running.digest(), encoding);
  }

  override _transform(chunk: Data, encoding: BufferEncoding, callback: TransformCallback): void {
    this.update(chunk, encoding);
    callback();
  }

  override _flush(callback: TransformCallback): void {
    this.push(this.digest());
    callback();
  }
}

export class Hash extends Digest {
  readonly #algorithm: string;

  constructor(algorithm: string, running?: Running) {
    super(running ?? algorithmOf(algorithm).create());
    this.#algorithm = algorithm;
  }

  /** Goes on from here, apart. */
  copy(): Hash {
    return new Hash(this.#algorithm, (this.running as Running & { clone(): Running }).clone());
  }
}

export class Hmac extends Digest {
  constructor(algorithm: string, key: unknown) {
    super(hmac.create(algorithmOf(algorithm) as never, secretBytes(key)));
  }
}

export function createHash(algorithm: string): Hash {
  return new Hash(algorithm);
}

export function createHmac(algorithm: string, key: unknown): Hmac {
  return new Hmac(algorithm, key);
}

/** In one go; hexadecimal unless an encoding says otherwise. */
export function hash(algorithm: string, data: Data, encoding = 'hex'): Buffer | string {
  return createHash(algorithm).update(data).digest(encoding);
}

function finished(): Error {
  return codedError(Error, 'ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
}
