// BLAKE2s (RFC 7693), plain and keyed, for output of 1 … 32 bytes, a part at a time; and HMAC with it (RFC 2104).

import { BLAKE_BLOCK, BLAKE_DIGEST, BLAKE_H, HMAC_KEY } from './memory';
import { add, xor } from './simd';

const BLOCK: usize = 64;

// One hash at a time: chaining value and block are in memory.ts, the rest is here.
let counter: u64 = 0; // bytes compressed so far
let filled: usize = 0; // bytes in BLAKE_BLOCK
let outputLength: usize = 0;

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
}

/**
 * The message schedule SIGMA (§2.7), a row per round: where in the block the words lie, in bytes. A row has the words that
 * columns take first, those they take second, and the same of diagonals.
 */
const SCHEDULE = memory.data<u8>([
  0, 8, 16, 24, 4, 12, 20, 28, 56, 32, 40, 48, 60, 36, 44, 52,
  56, 16, 36, 52, 40, 32, 60, 24, 20, 4, 0, 44, 12, 48, 8, 28,
  44, 48, 20, 60, 32, 0, 8, 52, 36, 40, 12, 28, 16, 56, 24, 4,
  28, 12, 52, 44, 36, 4, 48, 56, 60, 8, 20, 16, 32, 24, 40, 0,
  36, 20, 8, 40, 0, 28, 16, 60, 12, 56, 44, 24, 52, 4, 48, 32,
  8, 24, 0, 32, 48, 40, 44, 12, 4, 16, 28, 60, 36, 52, 20, 56,
  48, 4, 56, 16, 20, 60, 52, 40, 32, 0, 24, 36, 44, 28, 12, 8,
  52, 28, 48, 12, 44, 56, 4, 36, 8, 20, 60, 32, 40, 0, 16, 24,
  24, 56, 44, 0, 60, 36, 12, 32, 40, 48, 52, 4, 20, 8, 28, 16,
  40, 32, 28, 4, 8, 16, 24, 20, 52, 60, 36, 12, 0, 44, 56, 48,
]);
const ROUNDS: usize = 10;

/**
 * The compression function F (§3.2). The working vector v has a row of four words in each of a, b, c, d; the mixing
 * function G (§3.1) takes four columns abreast, then four diagonals. What is known first is added first, and rows turn
 * around b, which is known last: each step waits for the one before, and that wait is all this takes.
 */
function compress(last: bool): void {
  let a = v128.load(BLAKE_H);
  let b = v128.load(BLAKE_H, 16);
  let c = ivLow();
  let d = xor(ivHigh(), i32x4(<u32>counter, <u32>(counter >> 32), last ? -1 : 0, 0));
  const end = SCHEDULE + 16 * ROUNDS;
  for (let row: usize = SCHEDULE; row < end; row += 16) {
    a = add(add(a, words(row)), b);
    d = rotr16(xor(d, a));
    c = add(c, d);
    b = rotr12(xor(b, c));
    a = add(add(a, words(row + 4)), b);
    d = rotr8(xor(d, a));
    c = add(c, d);
    b = rotr7(xor(b, c));
    c = v128.shuffle<i32>(c, c, 1, 2, 3, 0);
    d = v128.shuffle<i32>(d, d, 2, 3, 0, 1);
    a = v128.shuffle<i32>(a, a, 3, 0, 1, 2);
    a = add(add(a, words(row + 8)), b);
    d = rotr16(xor(d, a));
    c = add(c, d);
    b = rotr12(xor(b, c));
    a = add(add(a, words(row + 12)), b);
    d = rotr8(xor(d, a));
    c = add(c, d);
    b = rotr7(xor(b, c));
    c = v128.shuffle<i32>(c, c, 3, 0, 1, 2);
    d = v128.shuffle<i32>(d, d, 2, 3, 0, 1);
    a = v128.shuffle<i32>(a, a, 1, 2, 3, 0);
  }
  v128.store(BLAKE_H, xor(v128.load(BLAKE_H), xor(a, c)));
  v128.store(BLAKE_H, xor(v128.load(BLAKE_H, 16), xor(b, d)), 16);
}

/** Four words of the block, by four bytes of the schedule. */
@inline
function words(row: usize): v128 {
  return i32x4(word(row), word(row + 1), word(row + 2), word(row + 3));
}

@inline
function word(at: usize): i32 {
  return load<i32>(BLAKE_BLOCK + <usize>load<u8>(at));
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
