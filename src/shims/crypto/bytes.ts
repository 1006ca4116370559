// What goes into Node's crypto, and what comes out: bytes, or text in an encoding.
import { Buffer } from 'buffer';
import { invalidArgType } from '../errors.ts';

export type Data = string | ArrayBuffer | ArrayBufferView;

/** A view of them; text is UTF-8 unless an encoding says otherwise. */
export function bytesOf(data: unknown, encoding?: string, name = 'data'): Uint8Array<ArrayBuffer> {
  if (typeof data === 'string') return plain(Buffer.from(data, (encoding ?? 'utf8') as BufferEncoding));
  if (ArrayBuffer.isView(data)) return plain(data);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  throw invalidArgType(
    name,
    'of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView',
    data,
  );
}

/** A Buffer of the same memory, or its text. */
export function outputOf(bytes: Uint8Array, encoding?: string): Buffer | string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return encoding === undefined || encoding === 'buffer'
    ? buffer
    : buffer.toString(encoding as BufferEncoding);
}

/** Not a Buffer: what is made of those is one, and some of what is called here looks at that. */
function plain({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Unsigned, the most significant byte first. */
export function numberOf(bytes: Uint8Array): bigint {
  let hex = '0x0';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return BigInt(hex);
}

/** So many bytes; as few as hold it, without a length. */
export function numberBytes(number: bigint, length?: number): Uint8Array<ArrayBuffer> {
  const digits = number.toString(16);
  const hex = digits.padStart((length ?? Math.ceil(digits.length / 2)) * 2, '0');
  return Uint8Array.from(hex.match(/../g)!, (pair) => Number.parseInt(pair, 16));
}
