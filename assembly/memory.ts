// Where everything lies. One fixed memory, carved up once: nothing is allocated, nothing moves, nothing grows.
// The TypeScript side reads these numbers through the exports in index.ts; they are written here and nowhere else.
//
// The first KiB stays unused: no pointer is ever zero, and the optimizer may fold small constants into offsets. Behind it the
// compiler puts tables, which a test sees end before the scratch begins.

// ---- scratch: whatever a call needs while it runs; holds secrets, wiped with the keys ----

export const SCRATCH: usize = 2048;

/**
 * ChaCha20: the state's constants, counters and nonce, each word four times: lane i belongs to block i of the four
 * side by side. The key's words are taken from where the key lies.
 */
export const STATE: usize = SCRATCH;
/** Four blocks of keystream. */
export const KEYSTREAM: usize = STATE + 128;
/** XChaCha20: the subkey. */
export const SUBKEY: usize = KEYSTREAM + 256;

/** Poly1305: r and the accumulator h as five 26-bit limbs in a u64 each; then r², r³, r⁴. */
export const POLY_R: usize = SUBKEY + 32;
export const POLY_H: usize = POLY_R + 48;
export const POLY_R2: usize = POLY_H + 48;
export const POLY_R3: usize = POLY_R2 + 48;
export const POLY_R4: usize = POLY_R3 + 48;
/** s, the half of the Poly1305 key that is added at the end. */
export const POLY_S: usize = POLY_R4 + 48;
/** One block made up here: a padded tail, or the two lengths. */
export const POLY_BLOCK: usize = POLY_S + 16;
/** The tag just computed. */
export const POLY_TAG: usize = POLY_BLOCK + 16;
/** Digits −10 … 9 of the powers of r, a vector each (poly1305-wide.ts). */
export const POLY_DIGITS: usize = POLY_TAG + 16;
/** Fourteen vectors of digit pairs: of r⁴ in all lanes; of r⁴, r³, r², r in lanes 0 … 3. */
export const POLY_TABLE_R4: usize = POLY_DIGITS + 20 * 16;
export const POLY_TABLE_LAST: usize = POLY_TABLE_R4 + 14 * 16;

/** BLAKE2s: chaining value, the block being filled, and a digest in between (HMAC). */
export const BLAKE_H: usize = POLY_TABLE_LAST + 14 * 16;
export const BLAKE_BLOCK: usize = BLAKE_H + 32;
export const BLAKE_DIGEST: usize = BLAKE_BLOCK + 64;
/** HMAC: the key, padded to a block. */
export const HMAC_KEY: usize = BLAKE_DIGEST + 32;

export const SCRATCH_END: usize = HMAC_KEY + 64;

/** 16 bytes that are never written. */
export const ZEROS: usize = SCRATCH_END;

// ---- what the other side writes and reads ----

/** Arguments of calls on byte strings: a key of up to 64 bytes, a nonce, a result, and text. */
export const INPUT_KEY: usize = ZEROS + 16;
export const INPUT_NONCE: usize = INPUT_KEY + 64;
export const OUTPUT: usize = INPUT_NONCE + 32;
export const INPUT_TEXT: usize = OUTPUT + 32;
export const INPUT_TEXT_END: usize = INPUT_TEXT + 65536;

/** AEAD keys, 32 bytes each. 8192 = two keys for each of the current, previous and next sessions of 1365 peers. */
export const KEY_SLOTS: usize = INPUT_TEXT_END + 64;
export const KEY_SLOT_COUNT: usize = 8192;

/** Batches of datagrams, in and out: 64 KiB and slack for the last one's tag and padding. */
const BATCH: usize = 65536 + 4096;
export const INGRESS: usize = KEY_SLOTS + KEY_SLOT_COUNT * 32;
export const EGRESS: usize = INGRESS + BATCH;

/** Packet slots, from here to the end of the memory (whose size build.mjs sets). */
export const PACKET_SLOTS: usize = EGRESS + BATCH;
