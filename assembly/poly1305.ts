// Poly1305 (RFC 8439 §2.5): the message's 16-byte blocks are the coefficients of a polynomial over 2¹³⁰ − 5,
// evaluated at r; s is added at the end.
//
// The accumulator and r are five 26-bit limbs. poly1305-narrow.ts multiplies block by block, for tails and short
// messages; poly1305-wide.ts takes four blocks at a time and leaves its result in the same accumulator.

import { POLY_BLOCK, POLY_H, POLY_R, POLY_S } from './memory';
import { absorbBlocks, BLOCK_BIT, LIMB } from './poly1305-narrow';
import { absorbWide, WIDE_BLOCKS_MIN } from './poly1305-wide';
import { firstBytes } from './simd';

/** Starts with a 32-byte one-time key: r, clamped, and s. */
export function begin(key: usize): void {
  const low = load<u64>(key) & 0x0ffffffc0fffffff;
  const high = load<u64>(key, 8) & 0x0ffffffc0ffffffc;
  store<u64>(POLY_R, low & LIMB, 0);
  store<u64>(POLY_R, (low >> 26) & LIMB, 8);
  store<u64>(POLY_R, ((low >> 52) | (high << 12)) & LIMB, 16);
  store<u64>(POLY_R, (high >> 14) & LIMB, 24);
  store<u64>(POLY_R, high >> 40, 32);
  v128.store(POLY_S, v128.load(key, 16));
  v128.store(POLY_H, i64x2.splat(0), 0);
  v128.store(POLY_H, i64x2.splat(0), 16);
  store<u64>(POLY_H, 0, 32);
}

/**
 * Takes in `length` bytes and zeros up to a multiple of 16 (the AEAD's pad16, §2.8.1). Looks at up to 15 bytes after
 * them, which do not count. `first`: nothing was taken in before.
 */
export function absorbPadded(message: usize, length: usize, first: bool): void {
  let blocks = length >> 4;
  if (first && blocks >= WIDE_BLOCKS_MIN) {
    absorbWide(message, blocks >> 2);
    message += blocks >> 2 << 6;
    blocks &= 3;
  }
  absorbBlocks(POLY_H, POLY_R, message, blocks, BLOCK_BIT);
  const tail = length & 15;
  if (tail == 0) return;
  v128.store(POLY_BLOCK, v128.and(v128.load(message + (blocks << 4)), firstBytes(tail)));
  absorbBlocks(POLY_H, POLY_R, POLY_BLOCK, 1, BLOCK_BIT);
}

/** Takes in the AEAD's last block: both lengths (§2.8). */
export function absorbLengths(aadLength: usize, textLength: usize): void {
  store<u64>(POLY_BLOCK, aadLength);
  store<u64>(POLY_BLOCK, textLength, 8);
  absorbBlocks(POLY_H, POLY_R, POLY_BLOCK, 1, BLOCK_BIT);
}

/** The tag: (h mod 2¹³⁰ − 5) + s, modulo 2¹²⁸. */
export function finish(tag: usize): void {
  let h0 = load<u64>(POLY_H), h1 = load<u64>(POLY_H, 8), h2 = load<u64>(POLY_H, 16);
  let h3 = load<u64>(POLY_H, 24), h4 = load<u64>(POLY_H, 32);

  // Is h + 5 ≥ 2¹³⁰, that is h ≥ 2¹³⁰ − 5? Then h + 5, without what exceeds 130 bits, is the remainder.
  let carry = (h0 + 5) >> 26;
  carry = (h1 + carry) >> 26;
  carry = (h2 + carry) >> 26;
  carry = (h3 + carry) >> 26;
  carry = (h4 + carry) >> 26;
  h0 += carry * 5;
  h1 += h0 >> 26;  h0 &= LIMB;
  h2 += h1 >> 26;  h1 &= LIMB;
  h3 += h2 >> 26;  h2 &= LIMB;
  h4 += h3 >> 26;  h3 &= LIMB;
  h4 &= LIMB;

  const low = h0 | (h1 << 26) | (h2 << 52);
  const high = (h2 >> 12) | (h3 << 14) | (h4 << 40);
  const tagLow = low + load<u64>(POLY_S);
  store<u64>(tag, tagLow);
  store<u64>(tag, high + load<u64>(POLY_S, 8) + u64(tagLow < low), 8);
}

/** Poly1305 of a whole message: §2.5 as it stands, where a short last block ends in a one bit and is not padded. */
export function poly1305(key: usize, message: usize, length: usize, tag: usize): void {
  begin(key);
  const whole = length & ~15;
  absorbPadded(message, whole, true);
  const tail = length & 15;
  if (tail != 0) {
    v128.store(POLY_BLOCK, v128.and(v128.load(message + whole), firstBytes(tail)));
    store<u8>(POLY_BLOCK + tail, 1);
    absorbBlocks(POLY_H, POLY_R, POLY_BLOCK, 1, 0);
  }
  finish(tag);
}
