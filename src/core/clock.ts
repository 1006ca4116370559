import { type Instant, type Millis, NEVER } from './time.ts';

/** What tells the time to a driver, and wakes it. */
export interface Clock {
  now(): Instant;
  /** Calls `wake` once at `at` or soon after; replaces what was asked before. NEVER asks for nothing. */
  wakeAt(at: Instant, wake: () => void): void;
}

/** What a platform offers; all of it lies a little. */
export interface ClockSources {
  /** Monotonic, but on most systems it stands still while the machine sleeps. */
  performanceNow(): Millis;
  /** Goes on through sleep, but may be set back and forth. */
  dateNow(): Millis;
  setTimer(run: () => void, delay: Millis): unknown;
  clearTimer(timer: unknown): void;
}

/** A difference between the two clocks beyond this, from one look to the next, means that we slept. */
const SLEEP_NOTICED: Millis = 2000;
/** A wake-up that comes later than this was held up, and so was everything else. */
const HELD_UP: Millis = 20;
/** A longer delay overflows setTimeout's 32 bits, which then fires at once. */
const MAX_DELAY: Millis = 2 ** 31 - 1;

/**
 * A clock that never goes back and counts sleep. Ages from the monotonic clock alone would make dead sessions look
 * fresh after a night; so whenever the wall clock ran ahead of it, the difference is added. A wall clock set
 * forward only ages sessions early, and one set back does nothing.
 */
export class SleepAwareClock implements Clock {
  readonly #sources: ClockSources;
  #lastPerformance: Millis;
  #lastDate: Millis;
  #sleepOffset: Millis = 0;
  #last: Instant = Number.NEGATIVE_INFINITY;
  #wanted: Instant = NEVER;
  #wake: (() => void) | undefined;
  #armed: Instant = NEVER;
  /** When the timer should fire. */
  #due: Instant = NEVER;
  #timer: unknown;
  #letsOthersGoFirst = false;

  constructor(sources: ClockSources) {
    this.#sources = sources;
    this.#lastPerformance = sources.performanceNow();
    this.#lastDate = sources.dateNow();
  }

  now(): Instant {
    const performance = this.#sources.performanceNow();
    const date = this.#sources.dateNow();
    const asleep = date - this.#lastDate - (performance - this.#lastPerformance);
    if (asleep > SLEEP_NOTICED) this.#sleepOffset += asleep;
    this.#lastPerformance = performance;
    this.#lastDate = date;
    this.#last = Math.max(this.#last, performance + this.#sleepOffset);
    return this.#last;
  }

  wakeAt(at: Instant, wake: () => void): void {
    this.#wanted = at;
    this.#wake = wake;
    // A timer that fires too early finds out and waits on; that is cheaper than a new one for every packet. One for nothing
    // would keep a Node process that has closed its tunnel.
    if (at < this.#armed || at === NEVER) this.#arm();
  }

  #arm(): void {
    if (this.#armed !== NEVER) this.#sources.clearTimer(this.#timer);
    this.#armed = this.#wanted;
    if (this.#wanted === NEVER) return;
    const now = this.now();
    const delay = Math.min(MAX_DELAY, Math.max(0, Math.ceil(this.#wanted - now)));
    this.#due = now + delay;
    this.#timer = this.#sources.setTimer(this.#fired, delay);
  }

  readonly #fired = (): void => {
    this.#armed = NEVER;
    const now = this.now();
    // Timers also fire up to a millisecond before their time. And where the thread was held up, datagrams wait behind this
    // timer that may answer what it would give up waiting for: they go first, once.
    const isHeldUp = now - this.#due > HELD_UP;
    if (now < this.#wanted || (isHeldUp && !this.#letsOthersGoFirst)) {
      this.#letsOthersGoFirst = isHeldUp;
      this.#arm();
      return;
    }
    this.#letsOthersGoFirst = false;
    this.#wanted = NEVER;
    this.#wake?.();
  };
}
