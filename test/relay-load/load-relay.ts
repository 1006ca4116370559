import type { AllowRule, Limits } from '../../src/relay-host/index.ts';
import { HelperProcess } from './helper-process.ts';
import type { RelayReport } from './relay-child.ts';

/** All comes from one address and goes to one endpoint here: what is meant for many is out of the way. */
export const CROWDED: Partial<Limits> = {
  sessions: 20_000,
  sessionsPerClient: 1e6,
  upgradesPerSecond: 1e6,
  upgradeBurst: 1e6,
  openTimeout: 60_000,
  initiationsPerSecondOfClient: 1e6,
  initiationsPerSecondToDestination: 1e6,
};

/** The relay, in a process of its own. */
export class LoadRelay {
  readonly url: string;
  readonly #process: HelperProcess;

  private constructor(process: HelperProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  static async start(
    allow: readonly (string | AllowRule)[],
    limits: Partial<Limits> = {},
  ): Promise<LoadRelay> {
    const helper = new HelperProcess('relay-child.ts', {
      listen: '127.0.0.1:0',
      allow,
      allowNoOrigin: true,
      limits: { ...CROWDED, ...limits },
    });
    return new LoadRelay(helper, await helper.call<string>('url'));
  }

  get pid(): number {
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#process.running;
  }

  report(): Promise<RelayReport> {
    return this.#process.call('report');
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}

export function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
