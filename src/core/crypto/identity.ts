import { isAllZero, wipe } from '../bytes.ts';
import type { Instant } from '../time.ts';
import type { CryptoSuite } from './suite.ts';

/**
 * Our static key pair. The private half may be out of reach (a non-extractable CryptoKey), so its DH answers
 * through a callback: in the same call where the key is raw bytes, in a later turn, with a later `now`, where
 * it is not. Whoever asks must check again, after the answer, everything that can have changed in between.
 */
export interface StaticIdentity {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** X25519 of our private key with `publicKey`; undefined when the result is all zero. */
  dh(
    publicKey: Uint8Array,
    now: Instant,
    answer: (shared: Uint8Array | undefined, now: Instant) => void,
  ): void;
  /** Wipes what can be wiped. No answer comes afterwards. */
  destroy(): void;
}

/** The identity of a raw private key; answers at once. Takes a copy and clamps it (RFC 7748 §5). */
export class RawIdentity implements StaticIdentity {
  readonly publicKey: Uint8Array;
  readonly #privateKey: Uint8Array;
  readonly #crypto: CryptoSuite;

  constructor(privateKey: Uint8Array, crypto: CryptoSuite) {
    if (privateKey.length !== 32)
      throw new RangeError(`private key: expected 32 bytes, got ${privateKey.length}`);
    if (isAllZero(privateKey)) throw new RangeError('private key: all zero');
    this.#privateKey = clamp(privateKey.slice());
    this.#crypto = crypto;
    this.publicKey = crypto.publicKey(this.#privateKey);
  }

  dh(
    publicKey: Uint8Array,
    now: Instant,
    answer: (shared: Uint8Array | undefined, now: Instant) => void,
  ): void {
    answer(this.#crypto.dh(this.#privateKey, publicKey), now);
  }

  destroy(): void {
    wipe(this.#privateKey);
  }
}

/** Clamps a private key in place (RFC 7748 §5, decodeScalar25519) and returns it. */
export function clamp(privateKey: Uint8Array): Uint8Array {
  privateKey[0]! &= 248;
  privateKey[31] = (privateKey[31]! & 127) | 64;
  return privateKey;
}
