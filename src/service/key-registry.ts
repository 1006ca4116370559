/** What a host knows of the keys in use: who runs an engine with one now, and how far its timestamps have come. */
export interface KeyRegistry {
  /**
   * Claims the key (base64 public key) for this engine. Undefined when another engine holds it and `takeOver` is not
   * set. `lost` is called when another engine takes it over later: this one must be silent from that very turn on.
   */
  claim(publicKey: string, takeOver: boolean, lost: () => void): Promise<KeyClaim | undefined>;
}

export interface KeyClaim {
  /** The greatest timestamp ever sent with this key (12 bytes, TAI64N), as far as the host knows. */
  readonly lastTimestamp: Uint8Array | undefined;
  /** Keeps a timestamp for the next engine with this key. */
  saveTimestamp(timestamp: Uint8Array): void;
  /** The key is free for others. Idempotent. */
  release(): void;
}

/** Keys within one process: two engines in it cannot use the same one, and timestamps last as long as it does. */
export class ProcessKeyRegistry implements KeyRegistry {
  readonly #holders = new Map<string, { lost: () => void }>();
  readonly #timestamps = new Map<string, Uint8Array>();

  async claim(publicKey: string, takeOver: boolean, lost: () => void): Promise<KeyClaim | undefined> {
    const other = this.#holders.get(publicKey);
    if (other && !takeOver) return undefined;
    const holder = { lost };
    this.#holders.set(publicKey, holder);
    other?.lost();
    return {
      lastTimestamp: this.#timestamps.get(publicKey),
      saveTimestamp: (timestamp) => {
        this.#timestamps.set(publicKey, timestamp.slice());
      },
      release: () => {
        if (this.#holders.get(publicKey) === holder) this.#holders.delete(publicKey);
      },
    };
  }
}
