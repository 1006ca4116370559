import { signal } from '@preact/signals';
import type { Hop, Tunnel } from '../../src/index.ts';
import { count } from '../format.ts';
import { type Explain, Run } from './run.ts';

/** The way to a host, hop by hop as the answers come. */
export class TraceRun extends Run {
  readonly hops = signal<Hop[]>([]);
  /** How it ended; undefined while it runs, or if it was stopped. */
  readonly ending = signal<string | undefined>();

  async trace(tunnel: Tunnel, host: string, method: 'icmp' | 'udp', explain: Explain): Promise<void> {
    this.hops.value = [];
    this.ending.value = undefined;
    await this.start(explain, async (signal) => {
      for await (const hop of tunnel.traceroute(host, { method, signal })) {
        if (signal.aborted) return;
        this.hops.value = [...this.hops.value, hop];
      }
      if (!signal.aborted) this.ending.value = endingOf(this.hops.value);
    });
  }
}

export function endingOf(hops: readonly Hop[]): string {
  const last = hops.at(-1);
  const length = count(hops.length, 'hop');
  if (last?.reached) return `Reached in ${length}.`;
  const router = last?.addresses[0];
  if (last?.reason && router)
    return `${router} says that it goes no further: ${last.reason.replaceAll('-', ' ')}.`;
  return `Not reached in ${length}: the last ones on the way do not answer.`;
}
