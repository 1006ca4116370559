import type { PacketBuffer } from '../packet-buffer.ts';

/** A ChaCha20-Poly1305 key lying in the engine's memory. `destroy` zeroes it; using it afterwards is an error. */
export interface AeadKey {
  destroy(): void;
}

/** Curve25519 (RFC 7748). Private keys may be clamped or not; returned arrays are fresh and the caller's. */
export interface Curve {
  /** X25519; undefined when the result is all zero (a low-order point). */
  dh(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined;
  /** The public key of a private key. */
  publicKey(privateKey: Uint8Array): Uint8Array;
}

/**
 * The functions WireGuard fixes (whitepaper §5.4): Curve25519, ChaCha20-Poly1305, XChaCha20-Poly1305, BLAKE2s;
 * and SipHash for the IP stack's keyed hashes. All synchronous. Returned arrays are fresh and the caller's.
 */
export interface CryptoSuite extends Curve {
  /** Copies the 32 bytes into a key slot; undefined when all slots are taken. */
  importKey(key: Uint8Array): AeadKey | undefined;
  /**
   * Seals `packet` in place (RFC 8439 §2.8, empty AAD): grows it by the 16-byte tag at the back. The nonce is four
   * zero bytes and the 64-bit counter, little-endian, given as two unsigned halves. The packet must lie in the
   * engine's memory.
   */
  seal(key: AeadKey, counterLow: number, counterHigh: number, packet: PacketBuffer): void;
  /** Opens `packet` (ciphertext and tag) in place and drops the tag; false leaves every byte as it was. */
  open(key: AeadKey, counterLow: number, counterHigh: number, packet: PacketBuffer): boolean;

  /** One-shot AEAD with counter as nonce, for handshake fields. Returns ciphertext ‖ tag. */
  sealBytes(key: Uint8Array, counter: number, plaintext: Uint8Array, aad: Uint8Array): Uint8Array;
  /** The plaintext, or undefined when the tag is wrong. */
  openBytes(key: Uint8Array, counter: number, sealed: Uint8Array, aad: Uint8Array): Uint8Array | undefined;
  /** XChaCha20-Poly1305 with a 24-byte nonce (draft-irtf-cfrg-xchacha-03), for cookie replies. */
  xSealBytes(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array;
  xOpenBytes(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array | undefined;

  /** BLAKE2s-256 (RFC 7693) of the parts, one after the other. */
  hash(...parts: Uint8Array[]): Uint8Array;
  /** Keyed BLAKE2s with 16 bytes of output: the paper's MAC. */
  mac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array;
  /** HMAC-BLAKE2s-256 (RFC 2104). */
  hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array;

  /** SipHash-2-4 with a 16-byte key: the 64-bit result as [low, high] unsigned halves. */
  sipHash(key: Uint8Array, message: Uint8Array): [number, number];

  /** Zeroes every key and all scratch. The suite is unusable afterwards. */
  wipe(): void;
}
