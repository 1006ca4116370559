// Node's random bytes and numbers, from the platform's generator.
import { Buffer } from 'buffer';
import { codedError, invalidArgType } from '../errors.ts';
import { nextTick } from '../next-tick.ts';

/** The platform's limit for one call. */
const AT_ONCE = 65_536;

function fill(bytes: Uint8Array<ArrayBuffer>): void {
  for (let at = 0; at < bytes.length; at += AT_ONCE)
    globalThis.crypto.getRandomValues(bytes.subarray(at, at + AT_ONCE));
}

type Callback<Result> = (error: Error | null, result: Result) => void;

export function randomBytes(size: number): Buffer;
export function randomBytes(size: number, callback: Callback<Buffer>): void;
export function randomBytes(size: number, callback?: Callback<Buffer>): Buffer | undefined {
  if (typeof size !== 'number') throw invalidArgType('size', 'of type number', size);
  if (!Number.isInteger(size) || size < 0 || size > 0x7fff_ffff)
    throw codedError(RangeError, 'ERR_OUT_OF_RANGE', `The value of "size" is out of range. Received ${size}`);
  const bytes = Buffer.alloc(size);
  fill(bytes);
  if (!callback) return bytes;
  nextTick(callback, null as never, bytes as never);
  return undefined;
}

export function randomFillSync<View extends ArrayBufferView | ArrayBuffer>(
  view: View,
  offset = 0,
  size?: number,
): View {
  const whole = ArrayBuffer.isView(view)
    ? new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength)
    : new Uint8Array(view as ArrayBuffer);
  const length = size ?? whole.length - offset;
  if (offset < 0 || length < 0 || offset + length > whole.length)
    throw codedError(RangeError, 'ERR_OUT_OF_RANGE', 'The value of "offset" or "size" is out of range.');
  fill(whole.subarray(offset, offset + length));
  return view;
}

export function randomFill<View extends ArrayBufferView>(view: View, ...args: unknown[]): void {
  const callback = args.pop() as Callback<View>;
  randomFillSync(view, ...(args as number[]));
  nextTick(callback, null as never, view as never);
}

/** From `min` up to, and without, `max`; every number as likely as every other. */
export function randomInt(...args: unknown[]): number | undefined {
  const callback = typeof args.at(-1) === 'function' ? (args.pop() as Callback<number>) : undefined;
  const [min, max] = (args.length > 1 ? args : [0, args[0]]) as [number, number];
  const range = max - min;
  if (!(Number.isSafeInteger(min) && Number.isSafeInteger(max) && range > 0 && range <= 2 ** 48))
    throw codedError(RangeError, 'ERR_OUT_OF_RANGE', 'The value of "max" is out of range.');
  const result = min + below(range);
  if (!callback) return result;
  nextTick(callback, null as never, result as never);
  return undefined;
}

/** Throws away what would make small numbers likelier. */
function below(range: number): number {
  const limit = 2 ** 48 - (2 ** 48 % range);
  for (;;) {
    const number = randomBytes(6).readUIntBE(0, 6);
    if (number < limit) return number % range;
  }
}

export function randomUUID(): string {
  const bytes = randomBytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Takes as long for any two of one length. */
export function timingSafeEqual(a: ArrayBufferView, b: ArrayBufferView): boolean {
  if (a.byteLength !== b.byteLength)
    throw codedError(
      RangeError,
      'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH',
      'Input buffers must have the same byte length',
    );
  const [left, right] = [a, b].map(
    (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength),
  ) as [Uint8Array, Uint8Array];
  let difference = 0;
  for (let i = 0; i < left.length; i++) difference |= left[i]! ^ right[i]!;
  return difference === 0;
}
