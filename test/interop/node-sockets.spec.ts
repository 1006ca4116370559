// How the sockets of packages for Node bear what a page and a network do to them.
import { setTimeout as delay } from 'node:timers/promises';
import { Heaps } from '../support/heaps.ts';
import { expect, openTunnel, test } from '../support/interop-test.ts';
import { Postgres } from '../support/postgres.ts';
import { INNER } from '../support/real-peer.ts';

const MIB = 1024 * 1024;

test('a relay that is killed and comes back in the middle of a query only pauses its rows', async ({
  page,
  startLab,
}) => {
  test.setTimeout(120_000);
  const lab = await startLab({ site: 'node-page' });
  const server = await Postgres.start(lab.peer.namespace);
  try {
    await openTunnel(page, lab);
    await page.evaluate((host) => window.programs.beginRows(host, 500), INNER.peer4);
    const soFar = () => page.evaluate(() => window.programs.rowsSoFar());
    await expect.poll(async () => (await soFar()).count).toBeGreaterThan(100);
    await lab.relay.kill();
    await delay(1000);
    const { count } = await soFar();
    expect(count).toBeLessThan(500);
    await lab.relay.restart();
    await expect.poll(async () => (await soFar()).ended, { timeout: 30_000 }).toBe(true);
    const rows = await soFar();
    expect(rows).toMatchObject({ count: 500, inOrder: true, failure: undefined });
    expect(rows.longest, 'the pause').toBeGreaterThan(500);
  } finally {
    await server.stop();
  }
});

/** One minute of not reading; what waits meanwhile is in the windows of TCP and of the streams. */
test('a reader that stops for a minute costs at most the buffers, and has more at once when it reads on', async ({
  page,
  startLab,
}) => {
  test.setTimeout(180_000);
  const lab = await startLab({ site: 'node-page', files: [32 * MIB] });
  await openTunnel(page, lab);
  const request = `GET /${32 * MIB}.bin HTTP/1.0\r\n\r\n`;
  await page.evaluate(([host, request]) => window.programs.beginUnread(host, 80, request), [
    INNER.peer4,
    request,
  ] as const);
  await delay(3000);
  const filled = (await lab.peer.show()).txBytes;
  expect(filled).toBeGreaterThan(100_000);
  // A quarter of a megabyte waits in the page; the rest in TCP's buffer, which is 16 MiB at most (src/client/README.md): how far
  // it had grown for who seemed to read depends on how long a round trip was. 1 MiB is left for headers, and what was sent twice.
  expect(filled).toBeLessThan(17.25 * MIB);
  await delay(60_000);
  // Probes of the closed window, and no more.
  expect((await lab.peer.show()).txBytes - filled).toBeLessThan(20_000);
  const read = await page.evaluate((bytes) => window.programs.readOn(bytes), filled + MIB);
  expect(read.movedAfter).toBeLessThan(2000);
  expect(read.received).toBeGreaterThan(32 * MIB);
});

test('a thousand sockets of `net` that came and went leave nothing in page and worker @chromium', async ({
  page,
  startLab,
}) => {
  test.setTimeout(120_000);
  const lab = await startLab({ site: 'node-page', services: true });
  await openTunnel(page, lab);
  const heaps = await Heaps.of(page);
  const open = (count: number) =>
    page.evaluate(([host, count]) => window.programs.manySockets(host, 7, count), [
      INNER.peer4,
      count,
    ] as const);
  // Once for the compiler, whose work stays in the heap.
  expect(await open(500)).toBe(500);
  const before = await heaps.settled();
  expect(await open(1000)).toBe(1000);
  const after = await heaps.settled();
  const left = { page: (after.page - before.page) / 1000, worker: (after.worker - before.worker) / 1000 };
  expect(left.page, JSON.stringify(left)).toBeLessThan(200);
  expect(left.worker, JSON.stringify(left)).toBeLessThan(250);
});
