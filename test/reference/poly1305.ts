/** Poly1305 (RFC 8439 §2.5.1) as the RFC's pseudocode has it, on BigInts. `key` is 32 bytes. */
export function poly1305(key: Uint8Array, message: Uint8Array): Uint8Array {
  const r = littleEndian(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  const s = littleEndian(key.subarray(16, 32));
  const p = (1n << 130n) - 5n;
  let a = 0n;
  for (let i = 0; i < message.length; i += 16) {
    const block = message.subarray(i, i + 16);
    const n = littleEndian(block) + (1n << BigInt(8 * block.length));
    a = ((a + n) * r) % p;
  }
  a += s;
  return Uint8Array.from({ length: 16 }, (_, i) => Number((a >> BigInt(8 * i)) & 0xffn));
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}
