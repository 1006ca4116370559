import type { RawIdentity, StaticIdentity } from '../../../src/core/crypto/identity.ts';
import type { Instant } from '../../../src/core/time.ts';

/**
 * An identity whose private key is elsewhere: answers wait until the test lets them come, even those that should come no
 * more because it was destroyed.
 */
export class SlowIdentity implements StaticIdentity {
  readonly publicKey: Uint8Array;
  readonly waiting: ((now: Instant) => void)[] = [];
  isDestroyed = false;
  readonly #raw: RawIdentity;

  constructor(raw: RawIdentity) {
    this.publicKey = raw.publicKey;
    this.#raw = raw;
  }

  dh(publicKey: Uint8Array, now: Instant, answer: Parameters<StaticIdentity['dh']>[2]): void {
    this.waiting.push((later) => this.#raw.dh(publicKey, now, (shared) => answer(shared, later)));
  }

  /** Lets the answers come that are waiting now. */
  answer(now: Instant): void {
    for (const one of this.waiting.splice(0)) one(now);
  }

  destroy(): void {
    this.isDestroyed = true;
  }
}
