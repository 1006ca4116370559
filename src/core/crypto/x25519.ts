import { type MontgomeryECDH, montgomery } from '@noble/curves/abstract/montgomery.js';
import type { Curve } from './suite.ts';

/*
 * Curve25519 (RFC 7748) by @noble/curves. Its ladder runs on BigInts: they promise no constant time, and what they
 * hold of a private key stays in memory until the garbage collector comes. So it is not used where the platform has
 * something better: a static key works in WebCrypto wherever that knows X25519, and Node has a curve of its own.
 * Ephemeral keys in a page stay here, because WebCrypto has no synchronous call and a handshake must not pause
 * between its steps. Each of them serves one handshake; what its timing tells about it helps with no other.
 */

const P = (1n << 255n) - 19n;

/**
 * Of @noble/curves, the ladder alone: its x25519 brings Edwards curves and their tables along, 6 kB of a page's first load, to
 * make one of a handshake's four multiplications faster.
 */
const ladder: MontgomeryECDH = montgomery({
  P,
  type: 'x25519',
  // RFC 7748 §5.
  adjustScalarBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    bytes[0]! &= 248;
    bytes[31]! &= 127;
    bytes[31]! |= 64;
    return bytes as Uint8Array<ArrayBuffer>;
  },
  powPminus2(x) {
    let power = 1n;
    for (let bit = 254n; bit >= 0n; bit--) {
      power = (power * power) % P;
      if (((P - 2n) >> bit) & 1n) power = (power * x) % P;
    }
    return power;
  },
});

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
