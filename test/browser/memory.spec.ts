// What sockets cost a page: JavaScript's heap after a collection, of the page and of its worker.
import type { Page } from '@playwright/test';
import type { TCPSocket } from '../../src/index.ts';
import { expect, openTunnel, test } from '../support/browser-test.ts';
import { Heaps } from '../support/heaps.ts';

const SOCKETS = 500;

declare global {
  interface Window {
    /** Sockets that the test holds open. */
    kept?: TCPSocket[] | undefined;
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
