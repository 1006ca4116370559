/** What a host knows of the keys in use: who runs an engine with one now, and how far its timestamps have come. */
export interface KeyRegistry {
  /** How far it can see, as messages say it: `in this browser`, `in this process`. */
  readonly scope: string;
  /**
   * Claims the key (base64 public key) for this engine. Undefined when another engine holds it and `takeOver` is not
   * set, or when a third one took it over while we were waiting.
   */
  claim(publicKey: string, takeOver: boolean, holder: KeyHolder): Promise<KeyClaim | undefined>;
}

/** Who claims a key. */
export interface KeyHolder {
  /** Another engine has taken the key over: from this very turn on the holder must be silent. At most once. */
  lost(): void;
  /** Something of the registry does not work here. The tunnel does, with the risk that the sentence names. */
  warn(message: string): void;
}

export interface KeyClaim {
  /** Not below the greatest timestamp ever sent with this key (12 bytes, TAI64N), as far as the host knows. */
  readonly lastTimestamp: Uint8Array | undefined;
  /** Keeps a timestamp for the next engine with this key. Never waits, never fails. */
  saveTimestamp(timestamp: Uint8Array): void;
  /** The key is free for others; resolves, within a second or so, when what was to be kept is kept. Idempotent. */
  release(): Promise<void>;
}

/** Keys within one process: two engines in it cannot use the same one, and timestamps last as long as it does. */
export class ProcessKeyRegistry implements KeyRegistry {
  readonly scope = 'in this process';
  readonly #holders = new Map<string, KeyHolder>();
  readonly #timestamps = new Map<string, Uint8Array>();

  async claim(publicKey: string, takeOver: boolean, holder: KeyHolder): Promise<KeyClaim | undefined> {
    const other = this.#holders.get(publicKey);
    if (other && !takeOver) return undefined;
    this.#holders.set(publicKey, holder);
    other?.lost();
    return {
      lastTimestamp: this.#timestamps.get(publicKey),
      saveTimestamp: (timestamp) => {
        this.#timestamps.set(publicKey, timestamp.slice());
      },
      release: async () => {
        if (this.#holders.get(publicKey) === holder) this.#holders.delete(publicKey);
      },
    };
  }
}
