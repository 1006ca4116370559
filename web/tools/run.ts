import { signal } from '@preact/signals';
import type { Advice } from '../failure.ts';
import { holdPage } from '../leave-guard.ts';

export type Explain = (error: unknown) => Advice | Promise<Advice>;

/** One question at a time that a person starts and may stop; why it failed is said in a sentence. */
export class Run {
  readonly running = signal(false);
  readonly advice = signal<Advice | undefined>();
  #abort: AbortController | undefined;

  /** Stops what ran before. `work` ends soon after its signal, and shows nothing more from then on. */
  async start(explain: Explain, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    this.advice.value = undefined;
    this.running.value = true;
    const letGo = holdPage();
    try {
      await work(abort.signal);
    } catch (error) {
      if (!abort.signal.aborted) this.advice.value = await explain(error);
    } finally {
      letGo();
      if (this.#abort === abort) this.running.value = false;
      // What is still under way of a failed one has no reader.
      abort.abort();
    }
  }

  stop(): void {
    this.#abort?.abort();
    this.#abort = undefined;
    this.running.value = false;
  }
}
