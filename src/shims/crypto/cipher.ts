// Node's Cipheriv and Decipheriv, which are streams too.

import type { TransformCallback } from 'node:stream';
import type { Buffer } from 'buffer';
import { codedError } from '../errors.ts';
import { Transform } from '../streams.ts';
import { AesCbc } from './aes-cbc.ts';
import { AesGcm, checkTag } from './aes-gcm.ts';
import { bytesOf, type Data, outputOf } from './bytes.ts';
import { secretBytes } from './secret-key.ts';
import { AesCtr, ChaCha20, type Engine } from './stream-ciphers.ts';

interface Kind {
  keyBytes: number;
  /** Undefined: any. */
  ivBytes: number | undefined;
  make(key: Uint8Array, iv: Uint8Array, isEncrypting: boolean): Engine;
}

const KINDS: Record<string, Kind> = {
  chacha20: { keyBytes: 32, ivBytes: 16, make: (key, iv) => new ChaCha20(key, iv) },
};
for (const bits of [128, 192, 256]) {
  const keyBytes = bits / 8;
  KINDS[`aes-${bits}-ctr`] = { keyBytes, ivBytes: 16, make: (key, iv) => new AesCtr(key, iv) };
  KINDS[`aes-${bits}-cbc`] = { keyBytes, ivBytes: 16, make: (...given) => new AesCbc(...given) };
  KINDS[`aes-${bits}-gcm`] = { keyBytes, ivBytes: undefined, make: (...given) => new AesGcm(...given) };
}

export function getCiphers(): string[] {
  return Object.keys(KINDS).sort();
}

abstract class Cipher extends Transform {
  readonly #engine: Engine;
  #isFinished = false;

  protected constructor(name: string, key: unknown, iv: Data | null, isEncrypting: boolean) {
    super();
    this.#engine = engineOf(
      name,
      secretBytes(key),
      iv === null ? new Uint8Array(0) : bytesOf(iv),
      isEncrypting,
    );
  }

  update(data: Data, inputEncoding?: string | null): Buffer;
  update(data: Data, inputEncoding: string | null | undefined, outputEncoding: string): string;
  update(data: Data, inputEncoding?: string | null, outputEncoding?: string): Buffer | string {
    if (this.#isFinished) throw codedError(Error, 'ERR_CRYPTO_INVALID_STATE', 'Unsupported state');
    return outputOf(this.#engine.update(bytesOf(data, inputEncoding ?? undefined)), outputEncoding);
  }

  final(): Buffer;
  final(encoding: string): string;
  final(encoding?: string): Buffer | string {
    if (this.#isFinished) throw codedError(Error, 'ERR_CRYPTO_INVALID_STATE', 'Unsupported state');
    this.#isFinished = true;
    return outputOf(this.#engine.final(), encoding);
  }

  setAutoPadding(pads = true): this {
    if (this.#engine instanceof AesCbc) this.#engine.padsAutomatically = pads;
    return this;
  }

  setAAD(bytes: ArrayBufferView): this {
    this.gcm('setAAD').setAad(bytesOf(bytes));
    return this;
  }

  protected gcm(operation: string): AesGcm {
    if (this.#engine instanceof AesGcm) return this.#engine;
    throw codedError(Error, 'ERR_CRYPTO_INVALID_STATE', `Invalid state for operation ${operation}`);
  }

  override _transform(chunk: Data, encoding: BufferEncoding, callback: TransformCallback): void {
    callback(null, this.update(chunk, encoding));
  }

  override _flush(callback: TransformCallback): void {
    try {
      callback(null, this.final());
    } catch (error) {
      callback(error as Error);
    }
  }
}

export class Cipheriv extends Cipher {
  constructor(name: string, key: unknown, iv: Data | null) {
    super(name, key, iv, true);
  }

  getAuthTag(): Buffer {
    return outputOf(this.gcm('getAuthTag').tag) as Buffer;
  }
}

export class Decipheriv extends Cipher {
  constructor(name: string, key: unknown, iv: Data | null) {
    super(name, key, iv, false);
  }

  setAuthTag(tag: ArrayBufferView | string, encoding?: string): this {
    const bytes = bytesOf(tag, encoding);
    checkTag(bytes);
    this.gcm('setAuthTag').setTag(bytes);
    return this;
  }
}

export function createCipheriv(name: string, key: unknown, iv: Data | null): Cipheriv {
  return new Cipheriv(name, key, iv);
}

export function createDecipheriv(name: string, key: unknown, iv: Data | null): Decipheriv {
  return new Decipheriv(name, key, iv);
}

function engineOf(name: string, key: Uint8Array, iv: Uint8Array, isEncrypting: boolean): Engine {
  const kind = Object.hasOwn(KINDS, name.toLowerCase()) ? KINDS[name.toLowerCase()] : undefined;
  if (!kind) throw codedError(Error, 'ERR_CRYPTO_UNKNOWN_CIPHER', 'Unknown cipher');
  if (key.length !== kind.keyBytes)
    throw codedError(RangeError, 'ERR_CRYPTO_INVALID_KEYLEN', 'Invalid key length');
  if (kind.ivBytes === undefined ? iv.length === 0 : iv.length !== kind.ivBytes)
    throw codedError(TypeError, 'ERR_CRYPTO_INVALID_IV', 'Invalid initialization vector');
  return kind.make(key, iv, isEncrypting);
}
