import { ladder } from './ladder.ts';

/** The public key of a private key (32 bytes, clamped or not), for who needs one now and then. */
export function publicKey(privateKey: Uint8Array): Uint8Array {
  if (privateKey.length !== 32)
    throw new RangeError(`Curve25519 key: expected 32 bytes, got ${privateKey.length}`);
  return ladder.getPublicKey(privateKey);
}
