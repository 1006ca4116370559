import { diffieHellman, publicKeyOf } from '../bridge/crypto-key.ts';
import { wipe } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { StaticIdentity } from '../core/crypto/identity.ts';
import type { Instant } from '../core/time.ts';

type Answer = (shared: Uint8Array | undefined, now: Instant) => void;

/**
 * The identity of a private key in WebCrypto, which need not be extractable: constant time, and out of reach of a
 * memory dump of ours. Every answer comes in a later turn, in any order.
 */
export class CryptoKeyIdentity implements StaticIdentity {
  readonly publicKey: Uint8Array;
  #key: CryptoKey | undefined;
  readonly #clock: Clock;
  readonly #answered: (mistake?: unknown) => void;

  /**
   * `answered` is called after each answer, so that what it led to is sent; with what was thrown, if something was.
   * Throws ERR_UNSUPPORTED.
   */
  static async of(
    key: CryptoKey,
    clock: Clock,
    answered: (mistake?: unknown) => void,
  ): Promise<CryptoKeyIdentity> {
    return new CryptoKeyIdentity(key, await publicKeyOf(key), clock, answered);
  }

  private constructor(
    key: CryptoKey,
    publicKey: Uint8Array,
    clock: Clock,
    answered: (mistake?: unknown) => void,
  ) {
    this.publicKey = publicKey;
    this.#key = key;
    this.#clock = clock;
    this.#answered = answered;
  }

  dh(publicKey: Uint8Array, _now: Instant, answer: Answer): void {
    if (!this.#key) return;
    this.#ask(this.#key, publicKey, answer).then(
      () => this.#key && this.#answered(),
      (mistake: unknown) => this.#answered(mistake),
    );
  }

  /** Whatever happens there is an answer, unless the identity is gone: whoever asked keeps count. */
  async #ask(key: CryptoKey, publicKey: Uint8Array, answer: Answer): Promise<void> {
    let shared: Uint8Array | undefined;
    try {
      shared = await diffieHellman(key, publicKey);
    } finally {
      if (this.#key) answer(shared, this.#clock.now());
      else if (shared) wipe(shared);
    }
  }

  destroy(): void {
    this.#key = undefined;
  }
}
