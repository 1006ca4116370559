/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012, §2) as the paper writes it, on 64-bit BigInts: slow and easy to check
 * by eye. `key` is 16 bytes.
 */
export function sipHash24(key: Uint8Array, message: Uint8Array): bigint {
  const k0 = littleEndian(key.subarray(0, 8));
  const k1 = littleEndian(key.subarray(8, 16));
  const v: State = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const whole = message.length - (message.length % 8);
  for (let i = 0; i < whole; i += 8) absorb(v, littleEndian(message.subarray(i, i + 8)));
  absorb(v, (BigInt(message.length & 255) << 56n) | littleEndian(message.subarray(whole)));
  v[2] ^= 0xffn;
  for (let i = 0; i < 4; i++) sipRound(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

type State = [bigint, bigint, bigint, bigint];

function absorb(v: State, word: bigint): void {
  v[3] ^= word;
  sipRound(v);
  sipRound(v);
  v[0] ^= word;
}

function sipRound(v: State): void {
  v[0] = add(v[0], v[1]);
  v[2] = add(v[2], v[3]);
  v[1] = rotate(v[1], 13n) ^ v[0];
  v[3] = rotate(v[3], 16n) ^ v[2];
  v[0] = rotate(v[0], 32n);
  v[2] = add(v[2], v[1]);
  v[0] = add(v[0], v[3]);
  v[1] = rotate(v[1], 17n) ^ v[2];
  v[3] = rotate(v[3], 21n) ^ v[0];
  v[2] = rotate(v[2], 32n);
}

function add(a: bigint, b: bigint): bigint {
  return BigInt.asUintN(64, a + b);
}

function rotate(x: bigint, bits: bigint): bigint {
  return BigInt.asUintN(64, (x << bits) | (x >> (64n - bits)));
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}
