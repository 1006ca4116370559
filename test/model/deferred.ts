// Worlds in which a static key is out of reach (a CryptoKey): its DHs are answered later, in any order, while time, the
// network and the users go on. There the reference, which knows no waiting, is silent, and the invariants have to do.
import type { RawIdentity, StaticIdentity } from '../../src/core/crypto/identity.ts';
import type { Instant } from '../../src/core/time.ts';
import { ReferenceDevice } from './reference-device.ts';
import type { World } from './world.ts';

/** A DH that is not answered yet. */
export interface Question {
  due: Instant;
  readonly answer: () => void;
}

export class DeferredIdentity implements StaticIdentity {
  readonly publicKey: Uint8Array;
  readonly #raw: RawIdentity;
  readonly #world: World;
  #isDestroyed = false;

  constructor(raw: RawIdentity, world: World) {
    this.publicKey = raw.publicKey;
    this.#raw = raw;
    this.#world = world;
  }

  dh(
    publicKey: Uint8Array,
    now: Instant,
    answer: (shared: Uint8Array | undefined, now: Instant) => void,
  ): void {
    this.#raw.dh(publicKey, now, (shared) => {
      this.#world.ask(() => {
        if (!this.#isDestroyed) answer(shared, this.#world.now);
      });
    });
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#raw.destroy();
  }
}

/** Says nothing, whatever it is told. */
export class NoReference extends ReferenceDevice {
  override addPeer(): void {}
  override removePeer(): void {}
  override setIdentity(): void {}
  override up(): void {}
  override down(): void {}
  override poll(): void {}
  override reconnected(): void {}
  override handshakeNeeded(): void {}
  override receive(): void {}
  override send(): string {
    return '';
  }
}
