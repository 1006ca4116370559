import { signal } from '@preact/signals';
import type { Check, Tunnel } from '../src/index.ts';
import { Run } from './tools/run.ts';

/** Asks the way leg by leg; what was seen, as it is seen. */
export class DoctorRun extends Run {
  readonly checks = signal<Check[]>([]);
  readonly isDone = signal(false);

  /** `host`: whom to ping inside, if somebody is known there. */
  async examine(tunnel: Tunnel, host: string): Promise<void> {
    this.checks.value = [];
    this.isDone.value = false;
    const explain = (error: unknown) => ({ sentence: (error as Error).message, copy: [] });
    await this.start(explain, async (signal) => {
      for await (const check of tunnel.diagnose({ signal, ...(host !== '' && { host }) })) {
        if (signal.aborted) return;
        this.checks.value = [...this.checks.value, check];
      }
      this.isDone.value = !signal.aborted;
    });
  }
}
