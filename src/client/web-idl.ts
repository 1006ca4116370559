// The conversions that Web IDL prescribes for arguments, so that wrong ones fail as they do in the standard's own APIs.

/** `unsigned short`, which wraps modulo 65536. */
export function toUnsignedShort(value: unknown): number {
  const number = Math.trunc(Number(value));
  return Number.isFinite(number) ? ((number % 65536) + 65536) % 65536 : 0;
}

/** `DOMString`: text of anything but a symbol. */
export function toDomString(value: unknown): string {
  if (typeof value === 'symbol') throw new TypeError('A symbol cannot be made a string.');
  return String(value);
}

/** A dictionary: absent and null are an empty one, what is no object is none. */
export function toDictionary<T extends object>(value: T | null | undefined): T {
  if (value === undefined || value === null) return {} as T;
  if (typeof value === 'object' || typeof value === 'function') return value;
  throw new TypeError('The options must be an object.');
}

/** `boolean`; absent stays absent. */
export function toOptionalBoolean(value: unknown): boolean | undefined {
  return value === undefined ? undefined : Boolean(value);
}

/** `[EnforceRange] unsigned long`; absent stays absent. */
export function toOptionalUnsignedLong(
  value: unknown,
  name: string,
  min = 0,
  max = 0xffff_ffff,
): number | undefined {
  if (value === undefined) return undefined;
  const number = Math.trunc(Number(value));
  if (!(number >= min && number <= max))
    throw new TypeError(`${name} must be a number from ${min} to ${max}.`);
  return number;
}

/** Direct Sockets' enumeration SocketDnsQueryType; absent stays absent. */
export function toDnsQueryType(value: unknown): 'ipv4' | 'ipv6' | undefined {
  if (value === undefined || value === 'ipv4' || value === 'ipv6') return value;
  throw new TypeError('dnsQueryType must be "ipv4" or "ipv6".');
}

/** The bytes of a BufferSource, not copied: none of one that was transferred away. Shared memory is none. */
export function bytesOf(chunk: unknown): Uint8Array {
  const buffer = ArrayBuffer.isView(chunk) ? chunk.buffer : chunk;
  if (!isArrayBuffer(buffer)) throw new TypeError('Only an ArrayBuffer or a view of one can be written.');
  if ((chunk as ArrayBuffer).byteLength === 0) return new Uint8Array();
  if (!ArrayBuffer.isView(chunk)) return new Uint8Array(buffer);
  return new Uint8Array(buffer, chunk.byteOffset, chunk.byteLength);
}

/** Also one of another realm, such as a frame's. */
function isArrayBuffer(value: unknown): value is ArrayBuffer {
  return Object.prototype.toString.call(value) === '[object ArrayBuffer]';
}

/**
 * What an interface has that a class has not: the standard's name, whatever a bundler calls it, as many needed arguments as
 * `length` says, members that are enumerable, a tag.
 */
export function defineInterface<Made extends object>(
  made: abstract new (...args: never[]) => Made,
  name: string,
  length: number,
  members: readonly (keyof Made)[],
): void {
  const { prototype } = made as { prototype: object };
  Object.defineProperties(made, {
    name: { value: name, configurable: true },
    length: { value: length, configurable: true },
  });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  for (const member of members) Object.defineProperty(prototype, member, { enumerable: true });
}
