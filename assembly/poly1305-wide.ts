// Poly1305 (RFC 8439 §2.5) four blocks at a time, one per lane: every lane evaluates its own polynomial in r⁴, and
// the last step multiplies the lanes by r⁴, r³, r² and r, so that their sum is the result (Horner's rule, unzipped).
//
// WASM multiplies fastest by i32x4.dot_i16x8_s: in each lane the sum of two products of signed 16-bit numbers. So
// numbers are written as ten 13-bit digits, digit i weighing 2¹³ⁱ, and a vector holds, for four numbers at once, the
// pair (digit i, digit i+5) in the low and high half of each lane. Its readable twin is poly1305-narrow.ts; at 1420
// bytes that one reaches 1.9 GB/s and this one 2.4.
//
// Why nothing overflows 32 bits. Digits of h and of the powers of r are balanced, −4096 … 4095, give or take what
// the last carry leaves (4 for r, 161 for h); digits of the message are 0 … 8191. So |h + message| ≤ 12 448, and the
// factors are |digit of r| ≤ 4100 or five times that. Column k sums k+1 plain and 9−k fivefold products: column 1
// stays below 12 448 · 172 100 < 2³¹, later columns are smaller, and column 0 would not fit: it is summed in two.

import { POLY_DIGITS, POLY_H, POLY_R, POLY_R2, POLY_R3, POLY_R4, POLY_TABLE_LAST, POLY_TABLE_R4, ZEROS } from './memory';
import { absorbBlocks, LIMB } from './poly1305-narrow';
import { add } from './simd';

/** From here on (192 bytes) preparing the tables pays. */
export const WIDE_BLOCKS_MIN: usize = 12;

/**
 * Takes in `groups` ≥ 1 times four whole blocks and leaves h in POLY_H, where nothing was taken in before. r is in
 * POLY_R.
 */
export function absorbWide(message: usize, groups: usize): void {
  prepareTables();
  // h of each lane, in pairs of digits.
  let h0 = i32x4.splat(0), h1 = h0, h2 = h0, h3 = h0, h4 = h0;
  // Digits of the product.
  let d0 = h0, d1 = h0, d2 = h0, d3 = h0, d4 = h0, d5 = h0, d6 = h0, d7 = h0, d8 = h0, d9 = h0;

  for (; groups > 0; groups--) {
    // Transpose: word i of the four blocks becomes vector w_i.
    const block0 = v128.load(message), block1 = v128.load(message, 16);
    const block2 = v128.load(message, 32), block3 = v128.load(message, 48);
    const low01 = v128.shuffle<i32>(block0, block1, 0, 4, 1, 5), low23 = v128.shuffle<i32>(block2, block3, 0, 4, 1, 5);
    const high01 = v128.shuffle<i32>(block0, block1, 2, 6, 3, 7), high23 = v128.shuffle<i32>(block2, block3, 2, 6, 3, 7);
    const w0 = v128.shuffle<i64>(low01, low23, 0, 2), w1 = v128.shuffle<i64>(low01, low23, 1, 3);
    const w2 = v128.shuffle<i64>(high01, high23, 0, 2), w3 = v128.shuffle<i64>(high01, high23, 1, 3);
    message += 64;

    // Add the message: digit i is bits 13i … 13i+12 of a block. Digit i+5 is shifted to where bit 16 is its lowest.
    h0 = i16x8.add(h0, digits(w0, left(w2, 15)));
    h1 = i16x8.add(h1, digits(right(w0, 13), left(w2, 2)));
    h2 = i16x8.add(h2, digits(v128.or(right(w0, 26), left(w1, 6)), v128.or(right(w2, 11), left(w3, 21))));
    h3 = i16x8.add(h3, digits(right(w1, 7), left(w3, 8)));
    h4 = i16x8.add(h4, digits(v128.or(right(w1, 20), left(w2, 12)), right(w3, 5)));
    h4 = i16x8.add(h4, i32x4.splat(1 << (128 - 117 + 16))); // the bit above each block, in digit 9

    // Multiply: by r⁴, in the end by a different power in each lane.
    const table = groups > 1 ? POLY_TABLE_R4 : POLY_TABLE_LAST;
    d0 = columnOf012(h0, h1, h2, table);
    const d0rest = columnOf34(h3, h4, table);
    d1 = column(h0, h1, h2, h3, h4, table + 16);
    d2 = column(h0, h1, h2, h3, h4, table + 32);
    d3 = column(h0, h1, h2, h3, h4, table + 48);
    d4 = column(h0, h1, h2, h3, h4, table + 64);
    d5 = column(h0, h1, h2, h3, h4, table + 80);
    d6 = column(h0, h1, h2, h3, h4, table + 96);
    d7 = column(h0, h1, h2, h3, h4, table + 112);
    d8 = column(h0, h1, h2, h3, h4, table + 128);
    d9 = column(h0, h1, h2, h3, h4, table + 144);

    // Carry: 0 → 1 → … → 5 and 5 → 6 → … → 0 abreast, then once more where the two chains met.
    let carry = i32x4.shr_s(d0rest, 13);
    d0 = add(d0, v128.and(d0rest, i32x4.splat(8191)));  d1 = add(d1, carry);
    carry = excess(d0);  d0 = without(d0, carry);  d1 = add(d1, carry);
    carry = excess(d5);  d5 = without(d5, carry);  d6 = add(d6, carry);
    carry = excess(d1);  d1 = without(d1, carry);  d2 = add(d2, carry);
    carry = excess(d6);  d6 = without(d6, carry);  d7 = add(d7, carry);
    carry = excess(d2);  d2 = without(d2, carry);  d3 = add(d3, carry);
    carry = excess(d7);  d7 = without(d7, carry);  d8 = add(d8, carry);
    carry = excess(d3);  d3 = without(d3, carry);  d4 = add(d4, carry);
    carry = excess(d8);  d8 = without(d8, carry);  d9 = add(d9, carry);
    carry = excess(d4);  d4 = without(d4, carry);  d5 = add(d5, carry);
    carry = excess(d9);  d9 = without(d9, carry);  d0 = add(d0, timesFive(carry));
    carry = excess(d5);  d5 = without(d5, carry);  d6 = add(d6, carry);
    carry = excess(d0);  d0 = without(d0, carry);  d1 = add(d1, carry);

    h0 = pair(d0, d5);
    h1 = pair(d1, d6);
    h2 = pair(d2, d7);
    h3 = pair(d3, d8);
    h4 = pair(d4, d9);
  }
  storeSum(twoDigits(d0, d1), twoDigits(d2, d3), twoDigits(d4, d5), twoDigits(d6, d7), twoDigits(d8, d9));
}

/** Sums the lanes of five limbs of 26 bits with a sign into POLY_H, where limbs have none. */
function storeSum(limb0: v128, limb1: v128, limb2: v128, limb3: v128, limb4: v128): void {
  // Sixteen times the modulus makes every limb positive: they are above −2²⁹.
  let h0 = lanes(limb0) + 16 * (<i64>LIMB - 4);
  let h1 = lanes(limb1) + 16 * <i64>LIMB;
  let h2 = lanes(limb2) + 16 * <i64>LIMB;
  let h3 = lanes(limb3) + 16 * <i64>LIMB;
  let h4 = lanes(limb4) + 16 * <i64>LIMB;
  h1 += h0 >> 26;        h0 &= LIMB;
  h2 += h1 >> 26;        h1 &= LIMB;
  h3 += h2 >> 26;        h2 &= LIMB;
  h4 += h3 >> 26;        h3 &= LIMB;
  h0 += (h4 >> 26) * 5;  h4 &= LIMB;
  h1 += h0 >> 26;        h0 &= LIMB;
  store<i64>(POLY_H, h0);
  store<i64>(POLY_H, h1, 8);
  store<i64>(POLY_H, h2, 16);
  store<i64>(POLY_H, h3, 24);
  store<i64>(POLY_H, h4, 32);
}

/**
 * Fills the two tables. Vector k+4 of a table, for k = −4 … 9, holds the pair (digit k, digit k−5) of the factor,
 * where digit k−10 means five times digit k: 2¹³⁰ = 5.
 */
function prepareTables(): void {
  power(POLY_R2, POLY_R, POLY_R);
  power(POLY_R3, POLY_R2, POLY_R);
  power(POLY_R4, POLY_R2, POLY_R2);

  let limb = limbOfPowers(0);
  let carry = storeDigit(0, v128.and(limb, i32x4.splat(8191)));
  carry = storeDigit(1, add(right(limb, 13), carry));
  limb = limbOfPowers(1);
  carry = storeDigit(2, add(v128.and(limb, i32x4.splat(8191)), carry));
  carry = storeDigit(3, add(right(limb, 13), carry));
  limb = limbOfPowers(2);
  carry = storeDigit(4, add(v128.and(limb, i32x4.splat(8191)), carry));
  carry = storeDigit(5, add(right(limb, 13), carry));
  limb = limbOfPowers(3);
  carry = storeDigit(6, add(v128.and(limb, i32x4.splat(8191)), carry));
  carry = storeDigit(7, add(right(limb, 13), carry));
  limb = limbOfPowers(4);
  carry = storeDigit(8, add(v128.and(limb, i32x4.splat(8191)), carry));
  carry = storeDigit(9, add(right(limb, 13), carry));
  v128.store(digitAt(0), add(v128.load(digitAt(0)), timesFive(carry)));

  for (let k = -4; k <= 9; k++) {
    const powers = pair(v128.load(digitAt(k)), v128.load(digitAt(k - 5)));
    v128.store(POLY_TABLE_LAST + ((k + 4) << 4), powers);
    v128.store(POLY_TABLE_R4 + ((k + 4) << 4), v128.shuffle<i32>(powers, powers, 0, 0, 0, 0));
  }
}

/** `product` = a · b, as (a + nothing) · b. */
function power(product: usize, a: usize, b: usize): void {
  v128.store(product, v128.load(a));
  v128.store(product, v128.load(a, 16), 16);
  store<u64>(product, load<u64>(a, 32), 32);
  absorbBlocks(product, b, ZEROS, 1, 0);
}

// ---- small change: all inlined ----

/** Limb i of r⁴, r³, r² and r. */
@inline
function limbOfPowers(i: usize): v128 {
  const at = i << 3;
  return i32x4(load<i32>(POLY_R4 + at), load<i32>(POLY_R3 + at), load<i32>(POLY_R2 + at), load<i32>(POLY_R + at));
}

@inline
function digitAt(k: i32): usize {
  return POLY_DIGITS + ((k + 10) << 4);
}

/** Stores digit k, and five times it as digit k−10; returns the carry. */
@inline
function storeDigit(k: i32, value: v128): v128 {
  const carry = excess(value);
  const digit = without(value, carry);
  v128.store(digitAt(k), digit);
  v128.store(digitAt(k - 10), timesFive(digit));
  return carry;
}

/** Digit k of the product before carries; `table` is where the table's vector k lies. */
@inline
function column(h0: v128, h1: v128, h2: v128, h3: v128, h4: v128, table: usize): v128 {
  return add(columnOf012(h0, h1, h2, table), columnOf34(h3, h4, table));
}

@inline
function columnOf012(h0: v128, h1: v128, h2: v128, table: usize): v128 {
  const d0 = i32x4.dot_i16x8_s(h0, v128.load(table, 64));
  const d1 = i32x4.dot_i16x8_s(h1, v128.load(table, 48));
  const d2 = i32x4.dot_i16x8_s(h2, v128.load(table, 32));
  return add(add(d0, d1), d2);
}

@inline
function columnOf34(h3: v128, h4: v128, table: usize): v128 {
  return add(i32x4.dot_i16x8_s(h3, v128.load(table, 16)), i32x4.dot_i16x8_s(h4, v128.load(table, 0)));
}

/** A pair of message digits out of two shifted words. */
@inline
function digits(low: v128, high: v128): v128 {
  return v128.and(halves(low, high), i16x8.splat(8191));
}

/** A pair of signed digits. */
@inline
function pair(low: v128, high: v128): v128 {
  return halves(low, left(high, 16));
}

/** The low half of each lane of `low`, the high half of each lane of `high`. */
@inline
function halves(low: v128, high: v128): v128 {
  return v128.shuffle<i16>(low, high, 0, 9, 2, 11, 4, 13, 6, 15);
}

/** What of x is more than a balanced digit, in units of the next digit. */
@inline
function excess(x: v128): v128 {
  return i32x4.shr_s(add(x, i32x4.splat(4096)), 13);
}

@inline
function without(x: v128, carry: v128): v128 {
  return i32x4.sub(x, left(carry, 13));
}

@inline
function timesFive(x: v128): v128 {
  return add(x, left(x, 2));
}

@inline
function twoDigits(low: v128, high: v128): v128 {
  return add(low, left(high, 13));
}

@inline
function left(x: v128, bits: i32): v128 {
  return i32x4.shl(x, bits);
}

@inline
function right(x: v128, bits: i32): v128 {
  return i32x4.shr_u(x, bits);
}

/** The sum of the four lanes. */
@inline
function lanes(x: v128): i64 {
  return <i64>(i32x4.extract_lane(x, 0) + i32x4.extract_lane(x, 1) + i32x4.extract_lane(x, 2) + i32x4.extract_lane(x, 3));
}
