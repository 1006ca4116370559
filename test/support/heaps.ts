import type { CDPSession, Page } from '@playwright/test';
import { WorkerSession } from './worker-session.ts';

/** The two heaps of a page that has one worker, in bytes. */
export class Heaps {
  readonly #page: CDPSession;
  readonly #worker: WorkerSession;

  private constructor(page: CDPSession, worker: WorkerSession) {
    this.#page = page;
    this.#worker = worker;
  }

  static async of(page: Page): Promise<Heaps> {
    const session = await page.context().newCDPSession(page);
    return new Heaps(session, await WorkerSession.of(session));
  }

  /** When they have come to rest: connections end some packets after their sockets. */
  async settled(): Promise<{ page: number; worker: number }> {
    let last = await this.#sizes();
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      const now = await this.#sizes();
      if (last.worker - now.worker < 10_000) return now;
      last = now;
    }
  }

  async #sizes(): Promise<{ page: number; worker: number }> {
    await this.#page.send('HeapProfiler.collectGarbage');
    const { usedSize: page } = await this.#page.send('Runtime.getHeapUsage');
    await this.#worker.send('HeapProfiler.collectGarbage');
    const { usedSize: worker } = await this.#worker.send<{ usedSize: number }>('Runtime.getHeapUsage');
    return { page, worker };
  }
}
