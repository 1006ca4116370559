// Node's zlib streams.

import type { TransformCallback } from 'node:stream';
import { Buffer } from 'buffer';
import { codedError } from '../errors.ts';
import { Transform } from '../streams.ts';
import { constants } from './constants.ts';
import { MODES, ZlibHandle } from './handle.ts';

export interface ZlibOptions {
  flush?: number;
  finishFlush?: number;
  chunkSize?: number;
  windowBits?: number;
  level?: number;
  memLevel?: number;
  strategy?: number;
  dictionary?: Uint8Array;
  /** Bytes; more of them are an error. */
  maxOutputLength?: number;
}

const { Z_DEFAULT_CHUNK, Z_DEFAULT_COMPRESSION, Z_DEFAULT_MEMLEVEL, Z_FINISH, Z_FULL_FLUSH, Z_NO_FLUSH } =
  constants;

/** What is written to a stream so that it flushes when its turn comes. */
const flushes = new WeakMap<Uint8Array, number>();

export abstract class Zlib extends Transform {
  /** Node's, for who takes it. */
  _handle: ZlibHandle | null;
  bytesWritten = 0;
  readonly #options: ZlibOptions;
  readonly #state = new Uint32Array(2);
  #failure: Error | undefined;
  #made = 0;

  protected constructor(mode: (typeof MODES)[keyof typeof MODES], options: ZlibOptions = {}) {
    super();
    this.#options = options;
    const {
      windowBits = 15,
      level = Z_DEFAULT_COMPRESSION,
      memLevel = Z_DEFAULT_MEMLEVEL,
      strategy = 0,
    } = options;
    const handle = new ZlibHandle(mode);
    handle.onerror = (message, errno, code) => {
      this.#failure = Object.assign(codedError(Error, code, message), { errno });
    };
    handle.init(windowBits, level, memLevel, strategy, this.#state, () => {}, options.dictionary);
    this._handle = handle;
  }

  /** All that was written until now comes out. */
  flush(kind?: number | (() => void), callback?: () => void): void {
    const told = typeof kind === 'function' ? kind : callback;
    const marker = Buffer.alloc(0);
    flushes.set(marker, typeof kind === 'number' ? kind : Z_FULL_FLUSH);
    if (told) this.write(marker, told);
    else this.write(marker);
  }

  reset(): void {
    if (!this._handle) throw codedError(Error, 'ERR_STREAM_DESTROYED', 'zlib binding closed');
    this._handle.reset();
  }

  close(callback?: () => void): void {
    if (callback) this.once('close', callback);
    this.destroy();
  }

  /** @internal All at once. */
  whole(bytes: Uint8Array): Buffer {
    const parts = this.#process(bytes, this.#options.finishFlush ?? Z_FINISH);
    this._handle = null;
    return Buffer.concat(parts);
  }

  override _transform(chunk: Buffer, _encoding: string, callback: TransformCallback): void {
    this.#told(chunk, flushes.get(chunk) ?? this.#options.flush ?? Z_NO_FLUSH, callback);
  }

  override _flush(callback: TransformCallback): void {
    this.#told(Buffer.alloc(0), this.#options.finishFlush ?? Z_FINISH, callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this._handle = null;
    callback(error);
  }

  #told(chunk: Uint8Array, flush: number, callback: TransformCallback): void {
    try {
      for (const part of this.#process(chunk, flush)) this.push(part);
    } catch (error) {
      callback(error as Error);
      return;
    }
    callback();
  }

  #process(chunk: Uint8Array, flush: number): Buffer[] {
    const { chunkSize = Z_DEFAULT_CHUNK, maxOutputLength = Infinity } = this.#options;
    const parts: Buffer[] = [];
    this.bytesWritten += chunk.length;
    for (let at = 0, isFull = true; isFull && this._handle && !this._handle.isAtEnd; ) {
      const output = Buffer.alloc(chunkSize);
      this._handle.writeSync(flush, chunk, at, chunk.length - at, output, 0, chunkSize);
      if (this.#failure) throw this.#failure;
      const made = chunkSize - this.#state[0]!;
      this.#made += made;
      if (this.#made > maxOutputLength)
        throw codedError(
          RangeError,
          'ERR_BUFFER_TOO_LARGE',
          `Cannot create a Buffer larger than ${maxOutputLength} bytes`,
        );
      if (made > 0) parts.push(output.subarray(0, made));
      at = chunk.length - this.#state[1]!;
      isFull = this.#state[0] === 0;
    }
    return parts;
  }
}

/** Its type is written out: what a declaration file says of a class without a name may have nothing private. */
function streamOf(mode: (typeof MODES)[keyof typeof MODES]): new (options?: ZlibOptions) => Zlib {
  return class extends Zlib {
    constructor(options?: ZlibOptions) {
      super(mode, options);
    }
  };
}

export const Deflate = streamOf(MODES.deflate);
export const Inflate = streamOf(MODES.inflate);
export const Gzip = streamOf(MODES.gzip);
export const Gunzip = streamOf(MODES.gunzip);
export const DeflateRaw = streamOf(MODES.deflateRaw);
export const InflateRaw = streamOf(MODES.inflateRaw);
export const Unzip = streamOf(MODES.unzip);
