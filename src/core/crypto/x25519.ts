import { x25519 } from '@noble/curves/ed25519.js';

/*
 * Curve25519 (RFC 7748) by @noble/curves. Its ladder runs on BigInts, which promise no constant time: good
 * enough for a handful of multiplications per handshake in a page of one's own.
 */

/**
 * X25519 of a private key (32 bytes, clamped or not) and a public key (32 bytes; the top bit is ignored,
 * non-canonical and twist points compute). Undefined for a point of low order, whose result would be all zero
 * (RFC 7748 §6.1): such a peer contributes nothing to the secret.
 */
export function dh(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined {
  checkLength(privateKey);
  checkLength(publicKey);
  try {
    return x25519.scalarMult(privateKey, publicKey);
  } catch {
    return undefined; // with both lengths right, low order is the only complaint noble has
  }
}

/** The public key of a private key (32 bytes, clamped or not). */
export function publicKey(privateKey: Uint8Array): Uint8Array {
  checkLength(privateKey);
  return x25519.getPublicKey(privateKey);
}

function checkLength(key: Uint8Array): void {
  if (key.length !== 32) throw new RangeError(`Curve25519 key: expected 32 bytes, got ${key.length}`);
}
