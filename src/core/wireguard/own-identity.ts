import { equalConstantTime, wipe } from '../bytes.ts';
import type { StaticIdentity } from '../crypto/identity.ts';
import type { CryptoSuite } from '../crypto/suite.ts';
import type { Instant } from '../time.ts';
import { cookieKey, mac1Key } from './cookie.ts';

/**
 * Our static key pair, and what follows from it: the key of mac1 in messages to us, and that of our cookie replies. It
 * can be exchanged while questions to it are open: answers of a key that is no longer ours count for nothing.
 */
export class OwnIdentity {
  readonly #crypto: CryptoSuite;
  #identity: StaticIdentity;
  #mac1Key: Uint8Array;
  #cookieKey: Uint8Array;

  constructor(identity: StaticIdentity, crypto: CryptoSuite) {
    this.#crypto = crypto;
    this.#identity = identity;
    this.#mac1Key = mac1Key(crypto, identity.publicKey);
    this.#cookieKey = cookieKey(crypto, identity.publicKey);
  }

  /** 32 bytes. */
  get publicKey(): Uint8Array {
    return this.#identity.publicKey;
  }

  /** Of messages to us. */
  get mac1Key(): Uint8Array {
    return this.#mac1Key;
  }

  /** Of cookie replies by us. */
  get cookieKey(): Uint8Array {
    return this.#cookieKey;
  }

  is(publicKey: Uint8Array): boolean {
    return equalConstantTime(publicKey, this.publicKey);
  }

  /** X25519 of our private key with `publicKey`, as StaticIdentity has it; no answer comes after `replace`. */
  dh(
    publicKey: Uint8Array,
    now: Instant,
    answer: (shared: Uint8Array | undefined, now: Instant) => void,
  ): void {
    const asked = this.#identity;
    asked.dh(publicKey, now, (shared, later) => {
      if (asked === this.#identity) answer(shared, later);
      else if (shared) wipe(shared);
    });
  }

  /** Takes another key pair, and wipes the one it had. False if it is the same key: then the new one is wiped. */
  replace(identity: StaticIdentity): boolean {
    if (identity === this.#identity) return false;
    if (this.is(identity.publicKey)) {
      identity.destroy();
      return false;
    }
    this.destroy();
    this.#identity = identity;
    this.#mac1Key = mac1Key(this.#crypto, identity.publicKey);
    this.#cookieKey = cookieKey(this.#crypto, identity.publicKey);
    return true;
  }

  destroy(): void {
    this.#identity.destroy();
    wipe(this.#mac1Key, this.#cookieKey);
  }
}
