// What sockets cost a page: JavaScript's heap after a collection, of the page and of its worker.
import type { CDPSession, Page } from '@playwright/test';
import type { TCPSocket } from '../../src/index.ts';
import { expect, openTunnel, test } from '../support/browser-test.ts';

const SOCKETS = 500;

declare global {
  interface Window {
    /** Sockets that the test holds open. */
    kept?: TCPSocket[] | undefined;
  }
}

/** The two heaps of a page that has one worker, in bytes. */
class Heaps {
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

/** Opens so many idle sockets and keeps them in the page. */
function open(page: Page, host: string, count: number): Promise<void> {
  return page.evaluate(
    async ([host, count]) => {
      const kept = [];
      // A few at a time: the peer's queue of connections to accept is not what is tested here.
      for (let i = 0; i < count; i += 20) {
        const sockets = Array.from({ length: 20 }, () => new window.tunnel.TCPSocket(host, 7));
        await Promise.all(sockets.map((socket) => socket.opened));
        kept.push(...sockets);
      }
      window.kept = kept;
    },
    [host, count] as const,
  );
}

function close(page: Page): Promise<void> {
  return page.evaluate(async () => {
    await Promise.all(window.kept!.map((socket) => socket.close()));
    delete window.kept;
  });
}

test('an idle socket costs at most 3 KiB, its connection included, and one that was closed nothing', async ({
  page,
  demo,
}) => {
  test.setTimeout(90_000);
  await openTunnel(page, demo);
  const heaps = await Heaps.of(page);
  // Once for the compiler, whose work stays in the heap.
  await open(page, demo.peer4, SOCKETS);
  await close(page);
  const empty = await heaps.settled();
  await open(page, demo.peer4, SOCKETS);
  const full = await heaps.settled();
  const each = { page: (full.page - empty.page) / SOCKETS, worker: (full.worker - empty.worker) / SOCKETS };
  expect(each.page).toBeGreaterThan(0);
  expect(each.page + each.worker, JSON.stringify(each)).toBeLessThan(3 * 1024);
  await close(page);
  await open(page, demo.peer4, SOCKETS);
  await close(page);
  const after = await heaps.settled();
  // A thousand came and went. What TCP remembers of each (TIME-WAIT) is no object; the compiler is not quite done.
  const left = { page: (after.page - empty.page) / 1000, worker: (after.worker - empty.worker) / 1000 };
  expect(left.page, JSON.stringify(left)).toBeLessThan(100);
  expect(left.worker, JSON.stringify(left)).toBeLessThan(250);
});
