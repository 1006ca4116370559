// Poly1305's step (RFC 8439 §2.5) for one block after the other: five 26-bit limbs, each in a u64, so that the sums
// of products fit without a carry in between.

export const LIMB: u64 = 0x3ffffff;
/** 2¹²⁸, in the fifth limb: the bit set above every full block (§2.5.1). */
export const BLOCK_BIT: u64 = 1 << 24;

/** `h` = (h + block) · r for each block in turn, with `bit` as the bit above the block. Limbs stay below 2²⁷ and h below twice the modulus. */
export function absorbBlocks(h: usize, r: usize, message: usize, blocks: usize, bit: u64): void {
  const r0 = load<u64>(r), r1 = load<u64>(r, 8), r2 = load<u64>(r, 16), r3 = load<u64>(r, 24), r4 = load<u64>(r, 32);
  const s1 = r1 * 5, s2 = r2 * 5, s3 = r3 * 5, s4 = r4 * 5; // 2¹³⁰ = 5: what overflows comes back five times
  let h0 = load<u64>(h), h1 = load<u64>(h, 8), h2 = load<u64>(h, 16), h3 = load<u64>(h, 24), h4 = load<u64>(h, 32);

  for (; blocks > 0; blocks--) {
    const low = load<u64>(message), high = load<u64>(message, 8);
    h0 += low & LIMB;
    h1 += (low >> 26) & LIMB;
    h2 += ((low >> 52) | (high << 12)) & LIMB;
    h3 += (high >> 14) & LIMB;
    h4 += (high >> 40) | bit;
    message += 16;

    let d0 = h0 * r0 + h1 * s4 + h2 * s3 + h3 * s2 + h4 * s1;
    let d1 = h0 * r1 + h1 * r0 + h2 * s4 + h3 * s3 + h4 * s2;
    let d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * s4 + h4 * s3;
    let d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * s4;
    let d4 = h0 * r4 + h1 * r3 + h2 * r2 + h3 * r1 + h4 * r0;

    // Carry in two chains abreast, 0 → 1 → 2 → 3 → 4 and 3 → 4 → 0 → 1, which halves the wait for the last.
    d1 += d0 >> 26;                    d4 += d3 >> 26;
    d2 += d1 >> 26;                    h0 = (d0 & LIMB) + (d4 >> 26) * 5;
    h3 = (d3 & LIMB) + (d2 >> 26);     h1 = (d1 & LIMB) + (h0 >> 26);
    h4 = (d4 & LIMB) + (h3 >> 26);     h0 &= LIMB;
    h2 = d2 & LIMB;                    h3 &= LIMB;
  }

  store<u64>(h, h0);
  store<u64>(h, h1, 8);
  store<u64>(h, h2, 16);
  store<u64>(h, h3, 24);
  store<u64>(h, h4, 32);
}
