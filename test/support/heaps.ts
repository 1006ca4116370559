import type { CDPSession, Page } from '@playwright/test';

/** The two heaps of a page that has one worker, in bytes. */
export class Heaps {
  readonly #session: CDPSession;
  readonly #worker: string;
  #commands = 0;

  private constructor(session: CDPSession, worker: string) {
    this.#session = session;
    this.#worker = worker;
  }

  static async of(page: Page): Promise<Heaps> {
    const session = await page.context().newCDPSession(page);
    const attached = new Promise<string>((resolve) => {
      session.on('Target.attachedToTarget', ({ sessionId }) => resolve(sessionId));
    });
    await session.send('Target.setAutoAttach', {
      autoAttach: true,
      waitForDebuggerOnStart: false,
      flatten: false,
    });
    return new Heaps(session, await attached);
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
    await this.#session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await this.#session.send('Runtime.getHeapUsage');
    await this.#inWorker('HeapProfiler.collectGarbage');
    const { usedSize: worker } = (await this.#inWorker('Runtime.getHeapUsage')) as { usedSize: number };
    return { page: usedSize, worker };
  }

  /** A worker's session is not Playwright's to give: its messages are packed into the page's. */
  async #inWorker(method: string): Promise<unknown> {
    const id = ++this.#commands;
    const answer = new Promise<unknown>((resolve) => {
      const hear = ({ sessionId, message }: { sessionId: string; message: string }) => {
        const answered = JSON.parse(message) as { id?: number; result?: unknown };
        if (sessionId !== this.#worker || answered.id !== id) return;
        this.#session.off('Target.receivedMessageFromTarget', hear);
        resolve(answered.result);
      };
      this.#session.on('Target.receivedMessageFromTarget', hear);
    });
    await this.#session.send('Target.sendMessageToTarget', {
      sessionId: this.#worker,
      message: JSON.stringify({ id, method }),
    });
    return answer;
  }
}
