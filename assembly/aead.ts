// ChaCha20-Poly1305 (RFC 8439 §2.8) in place, and its XChaCha20 form (draft-irtf-cfrg-xchacha-03 §2.3).
//
// Text and tag lie one after the other wherever the caller has them, at any alignment: a packet in the middle of a
// batch, say. Nothing outside of them is written or looked at. Both go 16 bytes at a time; that the tag follows the
// text is what lets the last, partial 16 bytes be loaded whole.

import { hchacha20, keystreamFourBlocks, keystreamTwoBlocks, setNonce, xorFourBlocks } from './chacha20';
import { KEYSTREAM, POLY_TAG, SUBKEY } from './memory';
import { absorbLengths, absorbPadded, begin, finish } from './poly1305';
import { firstBytes, xor } from './simd';

export const TAG_LENGTH: usize = 16;

/** The block that makes the Poly1305 key; one or three more come with it for the text. */
const KEY_BLOCK: usize = 64;
const TWO_BLOCKS: usize = 128;
const FOUR_BLOCKS: usize = 256;

/** Encrypts `length` bytes at `text` and writes the tag after them. `key` is 32 bytes, the nonce three words. */
export function seal(
  key: usize, nonce0: u32, nonce1: u32, nonce2: u32, aad: usize, aadLength: usize, text: usize, length: usize,
): void {
  start(key, nonce0, nonce1, nonce2, length);
  cipher(key, text, length);
  authenticate(text + length, aad, aadLength, text, length);
}

/**
 * Opens `length` bytes at `text`, the last 16 of them the tag. When the tag is wrong, answers false and has not
 * written a byte.
 */
export function open(
  key: usize, nonce0: u32, nonce1: u32, nonce2: u32, aad: usize, aadLength: usize, text: usize, length: usize,
): bool {
  if (length < TAG_LENGTH) return false;
  length -= TAG_LENGTH;
  start(key, nonce0, nonce1, nonce2, length);
  authenticate(POLY_TAG, aad, aadLength, text, length);
  if (v128.any_true(xor(v128.load(POLY_TAG), v128.load(text + length)))) return false; // in constant time
  cipher(key, text, length);
  return true;
}

/** `seal` with a 24-byte nonce. */
export function xSeal(key: usize, nonce: usize, aad: usize, aadLength: usize, text: usize, length: usize): void {
  hchacha20(key, nonce, SUBKEY);
  seal(SUBKEY, 0, load<u32>(nonce, 16), load<u32>(nonce, 20), aad, aadLength, text, length);
}

/** `open` with a 24-byte nonce. */
export function xOpen(key: usize, nonce: usize, aad: usize, aadLength: usize, text: usize, length: usize): bool {
  hchacha20(key, nonce, SUBKEY);
  return open(SUBKEY, 0, load<u32>(nonce, 16), load<u32>(nonce, 20), aad, aadLength, text, length);
}

/** The keystream's first blocks: the one-time key (§2.6), then as much for the text as it needs, at most 192 bytes. */
@inline
function start(key: usize, nonce0: u32, nonce1: u32, nonce2: u32, length: usize): void {
  if (length <= TWO_BLOCKS - KEY_BLOCK) keystreamTwoBlocks(key, nonce0, nonce1, nonce2, KEYSTREAM);
  else {
    setNonce(nonce0, nonce1, nonce2);
    keystreamFourBlocks(key, KEYSTREAM);
  }
  begin(KEYSTREAM);
}

/** The tag over AAD, ciphertext and their lengths (§2.8). */
@inline
function authenticate(tag: usize, aad: usize, aadLength: usize, text: usize, length: usize): void {
  if (aadLength != 0) absorbPadded(aad, aadLength, true);
  absorbPadded(text, length, aadLength == 0);
  absorbLengths(aadLength, length);
  finish(tag);
}

/** Applies the keystream from block 1 on (§2.4). Needs `start` before. */
function cipher(key: usize, text: usize, length: usize): void {
  const first = FOUR_BLOCKS - KEY_BLOCK;
  if (length <= first) return xorPart(text, KEYSTREAM + KEY_BLOCK, length);
  xorPart(text, KEYSTREAM + KEY_BLOCK, first);
  text += first;
  length -= first;
  for (; length >= FOUR_BLOCKS; length -= FOUR_BLOCKS) {
    xorFourBlocks(key, text);
    text += FOUR_BLOCKS;
  }
  if (length == 0) return;
  keystreamFourBlocks(key, KEYSTREAM);
  xorPart(text, KEYSTREAM, length);
}

/** Applies `length` bytes of keystream; the up to 15 bytes after them are written back as they were. */
function xorPart(text: usize, keystream: usize, length: usize): void {
  const end = text + (length & ~15);
  while (text < end) {
    v128.store(text, xor(v128.load(text), v128.load(keystream)));
    text += 16;
    keystream += 16;
  }
  const rest = length & 15;
  if (rest == 0) return;
  v128.store(text, xor(v128.load(text), v128.and(v128.load(keystream), firstBytes(rest))));
}
