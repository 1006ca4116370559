import { timingSafeEqual } from 'node:crypto';
import { blake2s } from '@noble/hashes/blake2.js';

/** WG §5.4.4: what is authenticated, and where the 16 bytes that do it begin, in a handshake initiation. */
const COVERED = 116;
const LENGTH = 16;

/**
 * Tells by `mac1` whether a handshake initiation is meant for a certain WireGuard peer. Whoever makes one knows the peer's
 * public key; that is no secret to its friends, but a stranger, a scanner or a flood of random bytes has none.
 */
export class Mac1 {
  readonly #key: Uint8Array;

  /** @param publicKey the peer's, 32 bytes */
  constructor(publicKey: Uint8Array) {
    this.#key = blake2s(Buffer.concat([Buffer.from('mac1----'), publicKey]));
  }

  /** Whether the initiation that begins at `start` is for this peer. */
  matches(bytes: Uint8Array, start: number): boolean {
    const covered = bytes.subarray(start, start + COVERED);
    const mac = blake2s(covered, { key: this.#key, dkLen: LENGTH });
    return timingSafeEqual(mac, bytes.subarray(start + COVERED, start + COVERED + LENGTH));
  }
}
