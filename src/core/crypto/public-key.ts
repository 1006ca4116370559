import { montgomery } from '@noble/curves/abstract/montgomery.js';

const P = (1n << 255n) - 19n;

/** Of @noble/curves, the ladder alone: without the tables that make x25519.ts fast, a page has half as much to load. */
const ladder = montgomery({
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

/** The public key of a private key (32 bytes, clamped or not), for who needs one now and then. */
export function publicKey(privateKey: Uint8Array): Uint8Array {
  if (privateKey.length !== 32)
    throw new RangeError(`Curve25519 key: expected 32 bytes, got ${privateKey.length}`);
  return ladder.getPublicKey(privateKey);
}
