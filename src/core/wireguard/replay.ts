import { REJECT_AFTER_MESSAGES_HIGH, REJECT_AFTER_MESSAGES_LOW } from './constants.ts';

// 8192 bits in a ring, of which the last word entered is always kept free of the past: 8192 − 64 are usable.
const WORDS = 256;
const WINDOW = 8128;

/** Whether the counter is one that is never sent nor accepted. */
export function isBeyondLimit(low: number, high: number): boolean {
  return high === REJECT_AFTER_MESSAGES_HIGH && low >= REJECT_AFTER_MESSAGES_LOW;
}

/**
 * The sliding window of RFC 6479 (WG §5.4.6): which counters of a session were seen. Counters have 64 bits and
 * come as two unsigned halves. Ask only about authentic packets.
 */
export class ReplayWindow {
  readonly #bits = new Uint32Array(WORDS);
  #lastLow = 0;
  #lastHigh = 0;

  /** True for a counter that was not seen before and is not too old; it has been seen from now on. */
  accept(low: number, high: number): boolean {
    if (isBeyondLimit(low, high)) return false;
    if (high > this.#lastHigh || (high === this.#lastHigh && low > this.#lastLow)) this.#advance(low, high);
    else if (this.#behind(low, high) > WINDOW) return false;
    const word = (low >>> 5) % WORDS;
    const bit = 1 << (low & 31);
    if ((this.#bits[word]! & bit) !== 0) return false;
    this.#bits[word]! |= bit;
    return true;
  }

  /** How far the counter lies behind the greatest one; exact up to 2^53, and far beyond the window after that. */
  #behind(low: number, high: number): number {
    return (this.#lastHigh - high) * 0x1_0000_0000 + this.#lastLow - low;
  }

  /** Makes it the greatest, and clears the words that are entered. */
  #advance(low: number, high: number): void {
    const lastWord = this.#lastLow >>> 5;
    const entered = (high - this.#lastHigh) * 0x800_0000 + (low >>> 5) - lastWord;
    if (entered >= WORDS) this.#bits.fill(0);
    else for (let i = 1; i <= entered; i++) this.#bits[(lastWord + i) % WORDS] = 0;
    this.#lastLow = low;
    this.#lastHigh = high;
  }
}
