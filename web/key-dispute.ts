import { signal } from '@preact/signals';
import type { PeerStatus } from '../src/index.ts';
import type { Failure } from './failure.ts';

/**
 * Two devices with one key throw each other out every half minute (`src/service/key-conflict.ts`): a session of this
 * age, in ms, over which the peer is still heard, is nobody else's.
 */
const SAFE_AGE = 60_000;

/** Another device has our key: from when the engine says so until a session has shown that it is over. */
export class KeyDispute {
  readonly failure = signal<Failure | undefined>();
  /** What had come over the session when it was first seen at that age. */
  #received: number | undefined;

  /** `failure`: with whose sessions it is (`peer`). */
  begin(failure: Failure): void {
    this.failure.value = failure;
    this.#received = undefined;
  }

  end(): void {
    this.failure.value = undefined;
  }

  /**
   * Each second. A handshake answers nothing: it is how we take the session back, and lose it again. Nor does silence:
   * who sends nothing does not notice that he was robbed.
   */
  read(peers: readonly PeerStatus[], now: number): void {
    if (!this.failure.value) return;
    const peer = peers.find(({ publicKey }) => publicKey === this.failure.value?.peer);
    if (!peer) this.end();
    else if (ageOf(peer, now) < SAFE_AGE) this.#received = undefined;
    else if (peer.transferRx > (this.#received ??= peer.transferRx)) this.end();
  }
}

/** How long ago its latest handshake was, in ms. */
function ageOf({ latestHandshake }: PeerStatus, now: number): number {
  return latestHandshake ? now - latestHandshake.getTime() : 0;
}
