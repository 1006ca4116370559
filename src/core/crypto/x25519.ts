import { ladder } from './ladder.ts';
import type { Curve } from './suite.ts';

/*
 * Curve25519 (RFC 7748) by @noble/curves. Its ladder runs on BigInts: they promise no constant time, and what they
 * hold of a private key stays in memory until the garbage collector comes. So it is not used where the platform has
 * something better: a static key works in WebCrypto wherever that knows X25519, and Node has a curve of its own.
 * Ephemeral keys in a page stay here, because WebCrypto has no synchronous call and a handshake must not pause
 * between its steps. Each of them serves one handshake; what its timing tells about it helps with no other.
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
    return ladder.scalarMult(privateKey, publicKey);
  } catch {
    return undefined; // with both lengths right, low order is the only complaint noble has
  }
}

/** The public key of a private key (32 bytes, clamped or not). */
export function publicKey(privateKey: Uint8Array): Uint8Array {
  checkLength(privateKey);
  return ladder.getPublicKey(privateKey);
}

function checkLength(key: Uint8Array): void {
  if (key.length !== 32) throw new RangeError(`Curve25519 key: expected 32 bytes, got ${key.length}`);
}

export const NOBLE_CURVE: Curve = { dh, publicKey };
