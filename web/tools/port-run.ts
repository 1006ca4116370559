import { signal } from '@preact/signals';
import type { PortState, Tunnel } from '../../src/index.ts';
import { readPorts } from './port-list.ts';
import { type Explain, Run } from './run.ts';

export interface PortResult {
  port: number;
  state: PortState;
}

/** So many questions are open at once, so that a silent host takes its time but not the tunnel's. */
const AT_ONCE = 16;
const TIMEOUT = 3000;

/** Whether somebody listens, port by port. */
export class PortRun extends Run {
  /** By port, of those that are known. */
  readonly results = signal<PortResult[]>([]);
  readonly asked = signal(0);

  async check(tunnel: Tunnel, host: string, text: string, explain: Explain): Promise<void> {
    this.results.value = [];
    this.asked.value = 0;
    await this.start(explain, async (signal) => {
      const { ports, problem } = readPorts(text);
      if (problem !== undefined) throw new Error(problem);
      this.asked.value = ports.length;
      const rest = ports.values();
      const ask = async () => {
        for (const port of rest) {
          const state = await tunnel.checkPort(host, port, { timeout: TIMEOUT, signal });
          if (signal.aborted) return;
          this.results.value = [...this.results.value, { port, state }].sort((a, b) => a.port - b.port);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, ask));
    });
  }
}

/** `2 open, 1 closed, 5 filtered` */
export function countStates(results: readonly PortResult[]): string {
  const states: PortState[] = ['open', 'closed', 'filtered'];
  return states
    .map((state) => ({ state, number: results.filter((result) => result.state === state).length }))
    .filter(({ number, state }) => number > 0 || state === 'open')
    .map(({ state, number }) => `${number} ${state}`)
    .join(', ');
}
