import { totalmem } from 'node:os';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

/** Whoever waits longer than this for a turn, in ms … */
const TOO_LATE = 200;
/** … for so many seconds in a row, should not be joined by more. */
const PATIENCE = 5;
const RESOLUTION = 20;
/** Of the memory that this process may have. */
const MOST_MEMORY = 0.85;

/** Notices when this process has more to do than it can. Asked once a second. */
export class LoadWatch {
  readonly #delays: IntervalHistogram;
  #lateSeconds = 0;
  #isFull = false;

  constructor() {
    this.#delays = monitorEventLoopDelay({ resolution: RESOLUTION });
    this.#delays.enable();
  }

  get isOverloaded(): boolean {
    return this.#lateSeconds >= PATIENCE || this.#isFull;
  }

  /**
   * True when it becomes too much. `p99`: of the last second, or as a test says, the wait that 99 of 100 turns did not
   * exceed, in ms; `memory`: which part of what there is this process has.
   */
  tick(p99 = this.#delays.percentile(99) / 1e6, memory = process.memoryUsage.rss() / MEMORY): boolean {
    const wasOverloaded = this.isOverloaded;
    this.#isFull = memory > MOST_MEMORY;
    this.#lateSeconds = p99 > TOO_LATE ? this.#lateSeconds + 1 : 0;
    this.#delays.reset();
    return this.isOverloaded && !wasOverloaded;
  }

  stop(): void {
    this.#delays.disable();
  }
}

/** What a container or the machine gives. */
const MEMORY = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
