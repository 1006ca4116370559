import type { CrowdCounts, LifeWish, TrafficReport, TrafficWish } from './crowd-child.ts';
import { HelperProcess } from './helper-process.ts';
import { sum } from './load-relay.ts';

/** Many clients of a relay, in a process of their own. */
export class Crowd {
  readonly #process = new HelperProcess('crowd-child.ts');

  /** Opens `count` sessions, so many a second. The seconds that it took. */
  grow(url: string, port: number, count: number, perSecond: number): Promise<number> {
    return this.#process.call('grow', { url, port, count, perSecond });
  }

  counts(): Promise<CrowdCounts> {
    return this.#process.call('counts');
  }

  traffic(wish: TrafficWish): Promise<TrafficReport> {
    return this.#process.call('traffic', wish);
  }

  live(wish: LifeWish): Promise<void> {
    return this.#process.call('live', wish);
  }

  /** Nothing is sent any more, and what was on its way has arrived. */
  stopLiving(): Promise<void> {
    return this.#process.call('stopLiving');
  }

  leaveAll(): Promise<void> {
    return this.#process.call('leaveAll');
  }

  get pid(): number {
    return this.#process.pid;
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}

/** How many sessions failed, and of what. */
export function failureText({ failures }: CrowdCounts): string {
  const causes = Object.entries(failures).map(([why, count]) => `${count} × ${why}`);
  return `${sum(failures)} failed${causes.length > 0 ? ` (${causes.join(', ')})` : ''}`;
}
