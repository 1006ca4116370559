import { wipe } from '../bytes.ts';
import { kdf1, kdf2, kdf3 } from '../crypto/hkdf.ts';
import type { CryptoSuite } from '../crypto/suite.ts';

const CONSTRUCTION = ascii('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s');
const IDENTIFIER = ascii('WireGuard v1 zx2c4 Jason@zx2c4.com');
const NOTHING = new Uint8Array(0);

/**
 * Noise's symmetric state (Noise §5.2) as WireGuard uses it (WG §5.4): the chaining key and the hash of all that was
 * said, the paper's C and H. Each AEAD key is used once, with counter 0.
 */
export class SymmetricState {
  readonly #crypto: CryptoSuite;
  #chainingKey: Uint8Array;
  #hash: Uint8Array;

  private constructor(crypto: CryptoSuite, chainingKey: Uint8Array, hash: Uint8Array) {
    this.#crypto = crypto;
    this.#chainingKey = chainingKey;
    this.#hash = hash;
  }

  /** Where every handshake with this responder begins: its public key is known beforehand and is mixed in first. */
  static begin(crypto: CryptoSuite, responderPublicKey: Uint8Array): SymmetricState {
    const chainingKey = crypto.hash(CONSTRUCTION);
    const state = new SymmetricState(crypto, chainingKey, crypto.hash(chainingKey, IDENTIFIER));
    state.mixHash(responderPublicKey);
    return state;
  }

  /** For tests and for the curious; not to be kept. */
  get chainingKey(): Uint8Array {
    return this.#chainingKey;
  }

  get hash(): Uint8Array {
    return this.#hash;
  }

  copy(): SymmetricState {
    return new SymmetricState(this.#crypto, this.#chainingKey.slice(), this.#hash.slice());
  }

  mixHash(data: Uint8Array): void {
    const next = this.#crypto.hash(this.#hash, data);
    wipe(this.#hash);
    this.#hash = next;
  }

  /** An ephemeral public key goes into both, because a preshared key may follow (Noise §9.2). */
  mixEphemeral(publicKey: Uint8Array): void {
    this.mixKey(publicKey);
    this.mixHash(publicKey);
  }

  mixKey(input: Uint8Array): void {
    this.#chain(kdf1(this.#crypto, this.#chainingKey, input));
  }

  /** Mixes a DH result in and returns the key for the next field. Wipe it after use. */
  mixKeyForField(input: Uint8Array): Uint8Array {
    const [chainingKey, key] = kdf2(this.#crypto, this.#chainingKey, input);
    this.#chain(chainingKey);
    return key;
  }

  /** Mixes the preshared key in (Noise's mixKeyAndHash) and returns the key for the next field. */
  mixPresharedKey(presharedKey: Uint8Array): Uint8Array {
    const [chainingKey, tau, key] = kdf3(this.#crypto, this.#chainingKey, presharedKey);
    this.#chain(chainingKey);
    this.mixHash(tau);
    wipe(tau);
    return key;
  }

  /** Seals one field under a key that is wiped, and mixes the result in. */
  sealField(key: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const sealed = this.#crypto.sealBytes(key, 0, plaintext, this.#hash);
    wipe(key);
    this.mixHash(sealed);
    return sealed;
  }

  /** Opens one field under a key that is wiped; undefined, and nothing mixed in, when it does not open. */
  openField(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const plaintext = this.#crypto.openBytes(key, 0, sealed, this.#hash);
    wipe(key);
    if (plaintext) this.mixHash(sealed);
    return plaintext;
  }

  /** The two transport keys (WG §5.4.5): initiator to responder, and back. The state is of no use afterwards. */
  split(): [initiatorToResponder: Uint8Array, responderToInitiator: Uint8Array] {
    const keys = kdf2(this.#crypto, this.#chainingKey, NOTHING);
    this.wipe();
    return keys;
  }

  wipe(): void {
    wipe(this.#chainingKey, this.#hash);
  }

  #chain(next: Uint8Array): void {
    wipe(this.#chainingKey);
    this.#chainingKey = next;
  }
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
