// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012, §2.2–2.4): keyed hashes of short
// inputs, such as initial sequence numbers (RFC 6528) and port offsets (RFC 6056).

let v0: u64 = 0;
let v1: u64 = 0;
let v2: u64 = 0;
let v3: u64 = 0;

/** Writes the 64-bit hash of `length` bytes under a 16-byte key, little-endian, to `output`. */
export function sipHash(key: usize, message: usize, length: usize, output: usize): void {
  const k0 = load<u64>(key), k1 = load<u64>(key, 8);
  v0 = k0 ^ 0x736f6d6570736575; // "somepseudorandomlygeneratedbytes"
  v1 = k1 ^ 0x646f72616e646f6d;
  v2 = k0 ^ 0x6c7967656e657261;
  v3 = k1 ^ 0x7465646279746573;

  const end = message + (length & ~7);
  for (; message < end; message += 8) absorb(load<u64>(message));
  let last = <u64>length << 56; // the last word: what is left over, and the length modulo 256 on top
  for (let i: usize = 0; i < (length & 7); i++) last |= load<u8>(message + i) as u64 << (8 * i);
  absorb(last);

  v2 ^= 0xff;
  rounds(4);
  store<u64>(output, v0 ^ v1 ^ v2 ^ v3);
  v0 = v1 = v2 = v3 = 0;
}

function absorb(word: u64): void {
  v3 ^= word;
  rounds(2);
  v0 ^= word;
}

function rounds(count: i32): void {
  for (; count > 0; count--) {
    v0 += v1;
    v1 = rotl(v1, 13) ^ v0;
    v0 = rotl(v0, 32);
    v2 += v3;
    v3 = rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotl(v1, 17) ^ v2;
    v2 = rotl(v2, 32);
  }
}
