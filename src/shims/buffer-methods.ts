// Methods of Node's Buffer that are not documented, and that packages call all the same because they are the fastest; and the
// encoding base64url, which the package `buffer` reads and does not write.

type BufferClass = typeof globalThis.Buffer;
type Method = (this: Buffer, ...args: never[]) => unknown;

const ENCODINGS = ['ascii', 'base64', 'hex', 'latin1', 'ucs2', 'utf8'] as const;

/** Adds what is missing. Node's own is left as it is. */
export function extend(buffer: BufferClass): void {
  const prototype = buffer.prototype as unknown as Record<string, Method>;
  for (const encoding of [...ENCODINGS, 'base64url'] as BufferEncoding[]) {
    prototype[`${encoding}Slice`] ??= function (start?: number, end?: number) {
      return this.toString(encoding, start, end);
    };
    prototype[`${encoding}Write`] ??= function (text: string, offset = 0, length?: number) {
      return this.write(text, offset, length ?? this.length - offset, encoding);
    };
  }
  if (!buffer.isEncoding('base64url')) addBase64Url(buffer);
}

const isBase64Url = (encoding: unknown): boolean => String(encoding).toLowerCase() === 'base64url';

function addBase64Url(buffer: BufferClass): void {
  const { isEncoding, byteLength, from } = buffer;
  const { toString: print, write } = buffer.prototype;
  // Read as base64, which may have either alphabet, with or without padding.
  const read = (encoding: unknown) => (isBase64Url(encoding) ? 'base64' : encoding) as BufferEncoding;
  const own = {
    isEncoding: (encoding: string) => isBase64Url(encoding) || isEncoding(encoding),
    byteLength: (value: string, encoding?: BufferEncoding) => byteLength(value, read(encoding)),
    from: (value: never, encoding?: never, length?: never) =>
      from(value, (typeof value === 'string' ? read(encoding) : encoding) as never, length as never),
  };
  Object.assign(buffer, own);
  buffer.prototype.toString = function (this: Buffer, encoding?: BufferEncoding, ...range: number[]) {
    if (!isBase64Url(encoding)) return print.call(this, encoding, ...range);
    const text = print.call(this, 'base64', ...range);
    return text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
  };
  buffer.prototype.write = function (this: Buffer, ...args: unknown[]) {
    return (write as (...args: unknown[]) => number).apply(this, args.map(read));
  } as Buffer['write'];
}
