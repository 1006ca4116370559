/**
 * A reproducible stream of random numbers: Marsaglia's xorshift128. Not for keys outside tests. Print the seed when
 * a randomized test fails.
 */
export class SeededRandom {
  readonly #state = new Uint32Array(4);

  /** Any safe integer. */
  constructor(seed: number) {
    const high = Math.trunc(seed / 2 ** 32);
    // splitmix32 spreads a small seed over the whole state
    for (let i = 0; i < 4; i++) {
      seed = (seed + 0x9e3779b9) | 0;
      if (i === 1) seed ^= high;
      let z = seed ^ (seed >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z ^= z >>> 15;
      z = Math.imul(z, 0x735a2d97);
      this.#state[i] = (z ^ (z >>> 15)) | 1;
    }
  }

  /** 32 random bits, unsigned. */
  next(): number {
    const s = this.#state;
    let t = s[3]!;
    t ^= t << 11;
    t ^= t >>> 8;
    s[3] = s[2]!;
    s[2] = s[1]!;
    s[1] = s[0]!;
    s[0] = t ^ s[0]! ^ (s[0]! >>> 19);
    return s[0]!;
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor((this.next() / 0x100000000) * bound);
  }

  /** In [0, 1). */
  fraction(): number {
    return this.next() / 0x100000000;
  }

  /** Has the shape of Environment.fillRandom, ready to be passed on. */
  readonly fill = (bytes: Uint8Array): void => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.next() >>> 24;
  };

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.fill(bytes);
    return bytes;
  }
}
