// BLAKE2s (RFC 7693), plain and keyed, for output of 1 … 32 bytes, a part at a time; and HMAC with it (RFC 2104).

import { BLAKE_BLOCK, BLAKE_DIGEST, BLAKE_H, HMAC_KEY } from './memory';
import { add, xor } from './simd';

const BLOCK: usize = 64;

// One hash at a time: chaining value and block are in memory.ts, the rest is here.
let counter: u64 = 0; // bytes compressed so far
let filled: usize = 0; // bytes in BLAKE_BLOCK
let outputLength: usize = 0;
// The working vector v, a row of four words each (§3.1).
let a: v128 = i32x4.splat(0);
let b: v128 = i32x4.splat(0);
let c: v128 = i32x4.splat(0);
let d: v128 = i32x4.splat(0);

/** The initialization vector (§2.6), words 0 … 3 and 4 … 7. */
@inline
function ivLow(): v128 {
  return i32x4(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a);
}

@inline
function ivHigh(): v128 {
  return i32x4(0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19);
}

/** Starts a hash of `length` ≤ 32 bytes with a key of `keyLength` ≤ 32 bytes, which may be 0 (§3.3). */
export function blake2sBegin(key: usize, keyLength: usize, length: usize): void {
  v128.store(BLAKE_H, xor(ivLow(), i32x4(0x01010000 ^ (<u32>keyLength << 8) ^ <u32>length, 0, 0, 0)));
  v128.store(BLAKE_H, ivHigh(), 16);
  counter = 0;
  filled = 0;
  outputLength = length;
  if (keyLength == 0) return;
  memory.fill(BLAKE_BLOCK, 0, BLOCK);
  memory.copy(BLAKE_BLOCK, key, keyLength);
  filled = BLOCK;
}

export function blake2sUpdate(message: usize, length: usize): void {
  while (length > 0) {
    // A full block waits until more comes: the last one is compressed differently.
    if (filled == BLOCK) {
      counter += BLOCK;
      compress(false);
      filled = 0;
    }
    const take = min(BLOCK - filled, length);
    memory.copy(BLAKE_BLOCK + filled, message, take);
    filled += take;
    message += take;
    length -= take;
  }
}

/** Writes the digest, and forgets. */
export function blake2sFinish(output: usize): void {
  counter += filled;
  memory.fill(BLAKE_BLOCK + filled, 0, BLOCK - filled);
  compress(true);
  memory.copy(output, BLAKE_H, outputLength);
  memory.fill(BLAKE_H, 0, 32);
  memory.fill(BLAKE_BLOCK, 0, BLOCK);
  a = b = c = d = i32x4.splat(0);
}

/** The compression function F (§3.2). */
function compress(last: bool): void {
  a = v128.load(BLAKE_H);
  b = v128.load(BLAKE_H, 16);
  c = ivLow();
  d = xor(ivHigh(), i32x4(<u32>counter, <u32>(counter >> 32), last ? -1 : 0, 0));
  // The message schedule SIGMA (§2.7), a row per round.
  round(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  round(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
  round(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
  round(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
  round(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
  round(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
  round(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
  round(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
  round(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
  round(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
  v128.store(BLAKE_H, xor(v128.load(BLAKE_H), xor(a, c)));
  v128.store(BLAKE_H, xor(v128.load(BLAKE_H, 16), xor(b, d)), 16);
}

/** Columns, then diagonals: eight times the mixing function G (§3.1), four abreast. */
function round(
  s0: usize, s1: usize, s2: usize, s3: usize, s4: usize, s5: usize, s6: usize, s7: usize,
  s8: usize, s9: usize, s10: usize, s11: usize, s12: usize, s13: usize, s14: usize, s15: usize,
): void {
  mix(words(s0, s2, s4, s6), words(s1, s3, s5, s7));
  b = v128.shuffle<i32>(b, b, 1, 2, 3, 0);
  c = v128.shuffle<i32>(c, c, 2, 3, 0, 1);
  d = v128.shuffle<i32>(d, d, 3, 0, 1, 2);
  mix(words(s8, s10, s12, s14), words(s9, s11, s13, s15));
  b = v128.shuffle<i32>(b, b, 3, 0, 1, 2);
  c = v128.shuffle<i32>(c, c, 2, 3, 0, 1);
  d = v128.shuffle<i32>(d, d, 1, 2, 3, 0);
}

@inline
function mix(x: v128, y: v128): void {
  a = add(add(a, b), x);
  d = rotr16(xor(d, a));
  c = add(c, d);
  b = rotr12(xor(b, c));
  a = add(add(a, b), y);
  d = rotr8(xor(d, a));
  c = add(c, d);
  b = rotr7(xor(b, c));
}

@inline
function words(i: usize, j: usize, k: usize, l: usize): v128 {
  return i32x4(word(i), word(j), word(k), word(l));
}

@inline
function word(i: usize): i32 {
  return load<i32>(BLAKE_BLOCK + (i << 2));
}

@inline
function rotr16(x: v128): v128 {
  return i8x16.swizzle(x, i8x16(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
}

@inline
function rotr12(x: v128): v128 {
  return v128.or(i32x4.shr_u(x, 12), i32x4.shl(x, 20));
}

@inline
function rotr8(x: v128): v128 {
  return i8x16.swizzle(x, i8x16(1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12));
}

@inline
function rotr7(x: v128): v128 {
  return v128.or(i32x4.shr_u(x, 7), i32x4.shl(x, 25));
}

// ---- HMAC-BLAKE2s-256 (RFC 2104 §2); the message goes through blake2sUpdate ----

/** Starts an HMAC with a key of `keyLength` ≤ 64 bytes; a longer one is to be hashed first. */
export function hmacBegin(key: usize, keyLength: usize): void {
  memory.fill(HMAC_KEY, 0, BLOCK);
  memory.copy(HMAC_KEY, key, keyLength);
  xorKey(0x36);
  blake2sBegin(0, 0, 32);
  blake2sUpdate(HMAC_KEY, BLOCK);
}

/** Writes the 32 bytes of the MAC, and forgets. */
export function hmacFinish(output: usize): void {
  blake2sFinish(BLAKE_DIGEST);
  xorKey(0x36 ^ 0x5c);
  blake2sBegin(0, 0, 32);
  blake2sUpdate(HMAC_KEY, BLOCK);
  blake2sUpdate(BLAKE_DIGEST, 32);
  blake2sFinish(output);
  memory.fill(HMAC_KEY, 0, BLOCK);
  memory.fill(BLAKE_DIGEST, 0, 32);
}

function xorKey(pad: u8): void {
  for (let i: usize = 0; i < BLOCK; i++) store<u8>(HMAC_KEY + i, load<u8>(HMAC_KEY + i) ^ pad);
}
