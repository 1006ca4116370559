import type { Millis } from '../time.ts';
import { JITTER_MAX } from './constants.ts';

/**
 * Uniform whole milliseconds from 0 to JITTER_MAX (WG §6.4); random bytes are drawn many at a time, because a timer asks
 * often.
 */
export class Jitter {
  readonly #fillRandom: (bytes: Uint8Array) => void;
  readonly #bytes = new Uint8Array(256);
  readonly #draws = new Uint16Array(this.#bytes.buffer);
  #used = this.#draws.length;

  constructor(fillRandom: (bytes: Uint8Array) => void) {
    this.#fillRandom = fillRandom;
  }

  next(): Millis {
    const range = JITTER_MAX + 1;
    for (;;) {
      if (this.#used === this.#draws.length) {
        this.#fillRandom(this.#bytes);
        this.#used = 0;
      }
      const draw = this.#draws[this.#used++]!;
      // What is left of 65,536 beyond a multiple of the range would favour small values.
      if (draw < 65_536 - (65_536 % range)) return draw % range;
    }
  }
}
