import { signal } from '@preact/signals';
import type { Tunnel } from '../src/index.ts';
import type { Advice } from './failure.ts';
import { type PingSample, PingStatistics, type PingSummary } from './ping-statistics.ts';

const SAMPLES_KEPT = 60;

/** A ping that runs until it is stopped; the last minute of its answers, and the summary of all. */
export class PingRun {
  readonly running = signal(false);
  readonly samples = signal<PingSample[]>([]);
  readonly summary = signal<PingSummary | undefined>();
  readonly advice = signal<Advice | undefined>();
  #abort: AbortController | undefined;

  async start(
    tunnel: Tunnel,
    host: string,
    explain: (error: unknown) => Advice | Promise<Advice>,
  ): Promise<void> {
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    this.clear();
    this.running.value = true;
    try {
      await this.#collect(tunnel, host, abort.signal);
    } catch (error) {
      if (!abort.signal.aborted) this.advice.value = await explain(error);
    } finally {
      if (this.#abort === abort) this.running.value = false;
    }
  }

  stop(): void {
    this.#abort?.abort();
    this.#abort = undefined;
    this.running.value = false;
  }

  clear(): void {
    this.samples.value = [];
    this.summary.value = undefined;
    this.advice.value = undefined;
  }

  async #collect(tunnel: Tunnel, host: string, signal: AbortSignal): Promise<void> {
    const statistics = new PingStatistics();
    const options = { interval: 1000, timeout: 2000, signal };
    for await (const reply of tunnel.ping(host, options)) {
      if (signal.aborted) return;
      if (reply.ok && reply.duplicate) continue;
      const sample = { sequence: reply.sequence, rtt: reply.ok ? reply.rtt : undefined };
      statistics.add(sample.rtt);
      // A loss is known only seconds later: it takes its place among the answers that came meanwhile.
      this.samples.value = [...this.samples.value, sample]
        .sort((a, b) => a.sequence - b.sequence)
        .slice(-SAMPLES_KEPT);
      this.summary.value = statistics.summary();
    }
  }
}
