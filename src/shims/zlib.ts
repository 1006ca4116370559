// Node's `zlib`, on pako; without Brotli.
import type { Buffer } from 'buffer';
import { unavailable } from './connect-options.ts';
import { bytesOf, type Data } from './crypto/bytes.ts';
import { nextTick } from './next-tick.ts';
import { constants } from './zlib/constants.ts';
import {
  Deflate,
  DeflateRaw,
  Gunzip,
  Gzip,
  Inflate,
  InflateRaw,
  Unzip,
  type ZlibOptions,
} from './zlib/stream.ts';

type Kind = typeof Deflate;
type Callback = (error: Error | null, result?: Buffer) => void;

const made = (kind: Kind) => (options?: ZlibOptions) => new kind(options);
const atOnce =
  (kind: Kind) =>
  (data: Data, options?: ZlibOptions): Buffer =>
    new kind(options).whole(bytesOf(data));
const later =
  (kind: Kind) =>
  (data: Data, ...rest: unknown[]): void => {
    const callback = rest.pop() as Callback;
    try {
      nextTick(callback, null as never, atOnce(kind)(data, rest[0] as ZlibOptions) as never);
    } catch (error) {
      nextTick(callback, error as never);
    }
  };

export const createDeflate = made(Deflate);
export const createInflate = made(Inflate);
export const createGzip = made(Gzip);
export const createGunzip = made(Gunzip);
export const createDeflateRaw = made(DeflateRaw);
export const createInflateRaw = made(InflateRaw);
export const createUnzip = made(Unzip);

export const deflateSync = atOnce(Deflate);
export const inflateSync = atOnce(Inflate);
export const gzipSync = atOnce(Gzip);
export const gunzipSync = atOnce(Gunzip);
export const deflateRawSync = atOnce(DeflateRaw);
export const inflateRawSync = atOnce(InflateRaw);
export const unzipSync = atOnce(Unzip);

export const deflate = later(Deflate);
export const inflate = later(Inflate);
export const gzip = later(Gzip);
export const gunzip = later(Gunzip);
export const deflateRaw = later(DeflateRaw);
export const inflateRaw = later(InflateRaw);
export const unzip = later(Unzip);

function noBrotli(): never {
  throw unavailable('Brotli');
}

export {
  noBrotli as brotliCompress,
  noBrotli as brotliCompressSync,
  noBrotli as brotliDecompress,
  noBrotli as brotliDecompressSync,
  noBrotli as createBrotliCompress,
  noBrotli as createBrotliDecompress,
};

/** Node's older place for them. */
export const {
  Z_NO_FLUSH,
  Z_PARTIAL_FLUSH,
  Z_SYNC_FLUSH,
  Z_FULL_FLUSH,
  Z_FINISH,
  Z_BLOCK,
  Z_OK,
  Z_STREAM_END,
  Z_BUF_ERROR,
  Z_DATA_ERROR,
  Z_DEFAULT_CHUNK,
  Z_DEFAULT_COMPRESSION,
  Z_DEFAULT_LEVEL,
  Z_DEFAULT_MEMLEVEL,
  Z_DEFAULT_STRATEGY,
  Z_DEFAULT_WINDOWBITS,
} = constants;

export * as default from './zlib.ts';
export { constants, Deflate, DeflateRaw, Gunzip, Gzip, Inflate, InflateRaw, Unzip };
