import type { Instant } from '../core/time.ts';

/** Something that takes note of events while the core runs and acts on them afterwards. */
export interface Drainable {
  drain(now: Instant): void;
}

/** Those with something to do after the next poll. Observers may not call into the core; they come here instead. */
export class Noted {
  #now = new Set<Drainable>();
  #next = new Set<Drainable>();

  note(drainable: Drainable): void {
    this.#next.add(drainable);
  }

  /** What is noted while draining waits for the next time. */
  drain(now: Instant): void {
    if (this.#next.size === 0) return;
    [this.#now, this.#next] = [this.#next, this.#now];
    for (const drainable of this.#now) drainable.drain(now);
    this.#now.clear();
  }
}
