/** Rates out of byte counters that are read about once a second. */

const HISTORY = 60;

export class Meter {
  #bytes: number | undefined;
  #at = 0;
  /** Bytes per second between the last readings, oldest first, at most 60. */
  readonly history: number[] = [];

  /** `bytes`: the counter's value; `at`: ms. Readings closer than 200 ms are left out, as their rate is noise. */
  read(bytes: number, at: number): void {
    if (this.#bytes !== undefined) {
      const elapsed = at - this.#at;
      if (elapsed < 200) return;
      // A counter that went back began again with a new tunnel.
      this.history.push((Math.max(0, bytes - this.#bytes) / elapsed) * 1000);
      if (this.history.length > HISTORY) this.history.shift();
    }
    this.#bytes = bytes;
    this.#at = at;
  }

  get rate(): number {
    return this.history.at(-1) ?? 0;
  }
}
