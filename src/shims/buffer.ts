// Node's `buffer`: the package of that name, and what it lacks.
import * as nodes from 'buffer';
import { extend } from './buffer-methods.ts';

export const { Buffer, kMaxLength } = nodes;
export const INSPECT_MAX_BYTES = 50;
export const kStringMaxLength = 0x1fff_ffe8;
export const constants = { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: kStringMaxLength };
export const SlowBuffer = Buffer.allocUnsafeSlow;

extend(Buffer);

export function isUtf8(input: ArrayBuffer | ArrayBufferView): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(input);
    return true;
  } catch {
    return false;
  }
}

export function isAscii(input: ArrayBuffer | ArrayBufferView): boolean {
  const bytes = ArrayBuffer.isView(input)
    ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
    : new Uint8Array(input);
  return bytes.every((byte) => byte < 128);
}

/** From one of Node's encodings to another. */
export function transcode(source: Uint8Array, from: BufferEncoding, to: BufferEncoding): Uint8Array {
  return Buffer.from(Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString(from), to);
}

const { Blob, File, atob, btoa } = globalThis;

export * as default from './buffer.ts';
export { atob, Blob, btoa, File };
