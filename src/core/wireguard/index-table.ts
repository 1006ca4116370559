import type { Keypair } from './keypair.ts';

/** Who an index belongs to: a peer's handshake, or one of its sessions once the handshake has become one. */
export interface IndexEntry<Peer> {
  readonly peer: Peer;
  keypair: Keypair | undefined;
}

/**
 * The indices by which peers address us (WG §5.4.2): random, never 0, unique among all live handshakes and sessions of
 * the device. Keys are kept as signed 32-bit integers, which the engine can look up without making a number object.
 */
export class IndexTable<Peer> {
  readonly #entries = new Map<number, IndexEntry<Peer>>();
  readonly #random = new Uint8Array(4);
  readonly #randomView = new DataView(this.#random.buffer);
  readonly #fillRandom: (bytes: Uint8Array) => void;

  constructor(fillRandom: (bytes: Uint8Array) => void) {
    this.#fillRandom = fillRandom;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** A new index for a handshake of this peer. */
  allocate(peer: Peer): number {
    for (;;) {
      this.#fillRandom(this.#random);
      const index = this.#randomView.getUint32(0);
      if (index === 0 || this.#entries.has(index | 0)) continue;
      this.#entries.set(index | 0, { peer, keypair: undefined });
      return index;
    }
  }

  get(index: number): IndexEntry<Peer> | undefined {
    return this.#entries.get(index | 0);
  }

  /** The handshake became a session: its index goes on as the session's. */
  assign(index: number, keypair: Keypair): void {
    this.#entries.get(index | 0)!.keypair = keypair;
  }

  release(index: number): void {
    this.#entries.delete(index | 0);
  }
}
