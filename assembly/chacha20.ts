// ChaCha20 (RFC 8439 §2.1–2.4) and HChaCha20 (draft-irtf-cfrg-xchacha-03 §2.2).
//
// Four blocks at a time: vector i holds word i of the state of four consecutive blocks, one block per lane. The
// quarter round then needs no shuffling between lanes; only the finished keystream is transposed.

import { STATE } from './memory';
import { add, xor } from './simd';

// The rotations by whole bytes are one byte shuffle (one pshufb: 10 % faster than shifting), the others are shifts.

@inline
function rotl16(x: v128): v128 {
  return i8x16.swizzle(x, i8x16(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
}

@inline
function rotl12(x: v128): v128 {
  return v128.or(i32x4.shl(x, 12), i32x4.shr_u(x, 20));
}

@inline
function rotl8(x: v128): v128 {
  return i8x16.swizzle(x, i8x16(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14));
}

@inline
function rotl7(x: v128): v128 {
  return v128.or(i32x4.shl(x, 7), i32x4.shr_u(x, 25));
}

/** Sets up STATE (§2.3) for three nonce words and block counters 0 … 3. */
export function setNonce(nonce0: u32, nonce1: u32, nonce2: u32): void {
  v128.store(STATE, i32x4.splat(0x61707865), 0); // "expand 32-byte k"
  v128.store(STATE, i32x4.splat(0x3320646e), 16);
  v128.store(STATE, i32x4.splat(0x79622d32), 32);
  v128.store(STATE, i32x4.splat(0x6b206574), 48);
  v128.store(STATE, i32x4(0, 1, 2, 3), 64); // block counters
  v128.store(STATE, i32x4.splat(nonce0), 80);
  v128.store(STATE, i32x4.splat(nonce1), 96);
  v128.store(STATE, i32x4.splat(nonce2), 112);
}

/** `text` = `text` xor the next 256 bytes of keystream under the 32-byte key. */
export function xorFourBlocks(key: usize, text: usize): void {
  fourBlocks(key, text, false);
}

/** `target` = the next 256 bytes of keystream. */
export function keystreamFourBlocks(key: usize, target: usize): void {
  fourBlocks(key, target, true);
}

/** Inlined into those two: without the xor is 2 % faster at 64 bytes. Advances the block counters by four. */
@inline
function fourBlocks(key: usize, target: usize, bare: bool): void {
  let x0 = v128.load(STATE, 0), x1 = v128.load(STATE, 16), x2 = v128.load(STATE, 32), x3 = v128.load(STATE, 48);
  let x4 = v128.load32_splat(key, 0), x5 = v128.load32_splat(key, 4);
  let x6 = v128.load32_splat(key, 8), x7 = v128.load32_splat(key, 12);
  let x8 = v128.load32_splat(key, 16), x9 = v128.load32_splat(key, 20);
  let x10 = v128.load32_splat(key, 24), x11 = v128.load32_splat(key, 28);
  let x12 = v128.load(STATE, 64), x13 = v128.load(STATE, 80), x14 = v128.load(STATE, 96), x15 = v128.load(STATE, 112);

  for (let doubleRound = 0; doubleRound < 10; doubleRound++) {
    // Column round: four quarter rounds (§2.1) abreast, the same step of all four in one line.
    x0 = add(x0, x4);            x1 = add(x1, x5);            x2 = add(x2, x6);            x3 = add(x3, x7);
    x12 = rotl16(xor(x12, x0));  x13 = rotl16(xor(x13, x1));  x14 = rotl16(xor(x14, x2));  x15 = rotl16(xor(x15, x3));
    x8 = add(x8, x12);           x9 = add(x9, x13);           x10 = add(x10, x14);         x11 = add(x11, x15);
    x4 = rotl12(xor(x4, x8));    x5 = rotl12(xor(x5, x9));    x6 = rotl12(xor(x6, x10));   x7 = rotl12(xor(x7, x11));
    x0 = add(x0, x4);            x1 = add(x1, x5);            x2 = add(x2, x6);            x3 = add(x3, x7);
    x12 = rotl8(xor(x12, x0));   x13 = rotl8(xor(x13, x1));   x14 = rotl8(xor(x14, x2));   x15 = rotl8(xor(x15, x3));
    x8 = add(x8, x12);           x9 = add(x9, x13);           x10 = add(x10, x14);         x11 = add(x11, x15);
    x4 = rotl7(xor(x4, x8));     x5 = rotl7(xor(x5, x9));     x6 = rotl7(xor(x6, x10));    x7 = rotl7(xor(x7, x11));

    // Diagonal round.
    x0 = add(x0, x5);            x1 = add(x1, x6);            x2 = add(x2, x7);            x3 = add(x3, x4);
    x15 = rotl16(xor(x15, x0));  x12 = rotl16(xor(x12, x1));  x13 = rotl16(xor(x13, x2));  x14 = rotl16(xor(x14, x3));
    x10 = add(x10, x15);         x11 = add(x11, x12);         x8 = add(x8, x13);           x9 = add(x9, x14);
    x5 = rotl12(xor(x5, x10));   x6 = rotl12(xor(x6, x11));   x7 = rotl12(xor(x7, x8));    x4 = rotl12(xor(x4, x9));
    x0 = add(x0, x5);            x1 = add(x1, x6);            x2 = add(x2, x7);            x3 = add(x3, x4);
    x15 = rotl8(xor(x15, x0));   x12 = rotl8(xor(x12, x1));   x13 = rotl8(xor(x13, x2));   x14 = rotl8(xor(x14, x3));
    x10 = add(x10, x15);         x11 = add(x11, x12);         x8 = add(x8, x13);           x9 = add(x9, x14);
    x5 = rotl7(xor(x5, x10));    x6 = rotl7(xor(x6, x11));    x7 = rotl7(xor(x7, x8));     x4 = rotl7(xor(x4, x9));
  }

  x0 = add(x0, v128.load(STATE, 0));            x1 = add(x1, v128.load(STATE, 16));
  x2 = add(x2, v128.load(STATE, 32));           x3 = add(x3, v128.load(STATE, 48));
  x4 = add(x4, v128.load32_splat(key, 0));      x5 = add(x5, v128.load32_splat(key, 4));
  x6 = add(x6, v128.load32_splat(key, 8));      x7 = add(x7, v128.load32_splat(key, 12));
  x8 = add(x8, v128.load32_splat(key, 16));     x9 = add(x9, v128.load32_splat(key, 20));
  x10 = add(x10, v128.load32_splat(key, 24));   x11 = add(x11, v128.load32_splat(key, 28));
  x12 = add(x12, v128.load(STATE, 64));         x13 = add(x13, v128.load(STATE, 80));
  x14 = add(x14, v128.load(STATE, 96));         x15 = add(x15, v128.load(STATE, 112));

  putFourWords(target, x0, x1, x2, x3, bare);
  putFourWords(target + 16, x4, x5, x6, x7, bare);
  putFourWords(target + 32, x8, x9, x10, x11, bare);
  putFourWords(target + 48, x12, x13, x14, x15, bare);

  v128.store(STATE, add(v128.load(STATE, 64), i32x4.splat(4)), 64);
}

/** Transposes four words of four blocks: 16 bytes of each block, which lie 64 bytes apart. */
@inline
function putFourWords(target: usize, a: v128, b: v128, c: v128, d: v128, bare: bool): void {
  const ab01 = v128.shuffle<i32>(a, b, 0, 4, 1, 5); // words a, b of block 0, then of block 1
  const ab23 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cd01 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const cd23 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  const row0 = v128.shuffle<i64>(ab01, cd01, 0, 2);
  const row1 = v128.shuffle<i64>(ab01, cd01, 1, 3);
  const row2 = v128.shuffle<i64>(ab23, cd23, 0, 2);
  const row3 = v128.shuffle<i64>(ab23, cd23, 1, 3);
  v128.store(target, bare ? row0 : xor(row0, v128.load(target, 0)), 0);
  v128.store(target, bare ? row1 : xor(row1, v128.load(target, 64)), 64);
  v128.store(target, bare ? row2 : xor(row2, v128.load(target, 128)), 128);
  v128.store(target, bare ? row3 : xor(row3, v128.load(target, 192)), 192);
}

/**
 * `target` = blocks 0 and 1 of the keystream, a row of the state per vector: for short texts, because two thirds of the time
 * of four blocks. Each step waits for the one before, so that the second block costs nothing; rows turn around b and f, which
 * are known last.
 */
export function keystreamTwoBlocks(key: usize, nonce0: u32, nonce1: u32, nonce2: u32, target: usize): void {
  const constants = i32x4(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);
  const low = v128.load(key), high = v128.load(key, 16);
  const first = i32x4(0, nonce0, nonce1, nonce2), second = i32x4(1, nonce0, nonce1, nonce2);
  let a = constants, b = low, c = high, d = first;
  let e = constants, f = low, g = high, h = second;
  for (let doubleRound = 0; doubleRound < 10; doubleRound++) {
    a = add(a, b);  d = rotl16(xor(d, a));  c = add(c, d);  b = rotl12(xor(b, c));
    e = add(e, f);  h = rotl16(xor(h, e));  g = add(g, h);  f = rotl12(xor(f, g));
    a = add(a, b);  d = rotl8(xor(d, a));   c = add(c, d);  b = rotl7(xor(b, c));
    e = add(e, f);  h = rotl8(xor(h, e));   g = add(g, h);  f = rotl7(xor(f, g));
    a = v128.shuffle<i32>(a, a, 3, 0, 1, 2);  c = v128.shuffle<i32>(c, c, 1, 2, 3, 0);  d = v128.shuffle<i32>(d, d, 2, 3, 0, 1);
    e = v128.shuffle<i32>(e, e, 3, 0, 1, 2);  g = v128.shuffle<i32>(g, g, 1, 2, 3, 0);  h = v128.shuffle<i32>(h, h, 2, 3, 0, 1);
    a = add(a, b);  d = rotl16(xor(d, a));  c = add(c, d);  b = rotl12(xor(b, c));
    e = add(e, f);  h = rotl16(xor(h, e));  g = add(g, h);  f = rotl12(xor(f, g));
    a = add(a, b);  d = rotl8(xor(d, a));   c = add(c, d);  b = rotl7(xor(b, c));
    e = add(e, f);  h = rotl8(xor(h, e));   g = add(g, h);  f = rotl7(xor(f, g));
    a = v128.shuffle<i32>(a, a, 1, 2, 3, 0);  c = v128.shuffle<i32>(c, c, 3, 0, 1, 2);  d = v128.shuffle<i32>(d, d, 2, 3, 0, 1);
    e = v128.shuffle<i32>(e, e, 1, 2, 3, 0);  g = v128.shuffle<i32>(g, g, 3, 0, 1, 2);  h = v128.shuffle<i32>(h, h, 2, 3, 0, 1);
  }
  v128.store(target, add(a, constants), 0);
  v128.store(target, add(b, low), 16);
  v128.store(target, add(c, high), 32);
  v128.store(target, add(d, first), 48);
  v128.store(target, add(e, constants), 64);
  v128.store(target, add(f, low), 80);
  v128.store(target, add(g, high), 96);
  v128.store(target, add(h, second), 112);
}

/** HChaCha20: `subkey` (32 bytes) of a key and the first 16 bytes of a 24-byte nonce. One block: a row per vector. */
export function hchacha20(key: usize, nonce: usize, subkey: usize): void {
  let a = i32x4(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);
  let b = v128.load(key), c = v128.load(key, 16), d = v128.load(nonce);
  for (let doubleRound = 0; doubleRound < 10; doubleRound++) {
    a = add(a, b);  d = rotl16(xor(d, a));  c = add(c, d);  b = rotl12(xor(b, c));
    a = add(a, b);  d = rotl8(xor(d, a));   c = add(c, d);  b = rotl7(xor(b, c));
    // Turn the rows so that the diagonals become columns, and back.
    b = v128.shuffle<i32>(b, b, 1, 2, 3, 0);  c = v128.shuffle<i32>(c, c, 2, 3, 0, 1);  d = v128.shuffle<i32>(d, d, 3, 0, 1, 2);
    a = add(a, b);  d = rotl16(xor(d, a));  c = add(c, d);  b = rotl12(xor(b, c));
    a = add(a, b);  d = rotl8(xor(d, a));   c = add(c, d);  b = rotl7(xor(b, c));
    b = v128.shuffle<i32>(b, b, 3, 0, 1, 2);  c = v128.shuffle<i32>(c, c, 2, 3, 0, 1);  d = v128.shuffle<i32>(d, d, 1, 2, 3, 0);
  }
  v128.store(subkey, a);
  v128.store(subkey, d, 16);
}
