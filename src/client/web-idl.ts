// The conversions that Web IDL prescribes for arguments, so that wrong ones fail as they do in the standard's own APIs.

/** `unsigned short`, which wraps modulo 65536. */
export function toUnsignedShort(value: unknown): number {
  const number = Math.trunc(Number(value));
  return Number.isFinite(number) ? ((number % 65536) + 65536) % 65536 : 0;
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

/** The bytes of a BufferSource, not copied. */
export function bytesOf(chunk: unknown): Uint8Array {
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new TypeError('Only an ArrayBuffer or a view of one can be written.');
}
