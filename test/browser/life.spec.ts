// A browser's life: tabs with one key, reloads, sleep and freezing.
import type { BrowserContext, Page } from '@playwright/test';
import { expect, test } from '../support/browser-test.ts';
import type { Demo } from '../support/demo.ts';
import { workerAfter } from '../support/worker-prelude.ts';

/** Counts what the worker hands to its WebSocket, and remembers the count at the moment its Web Lock is lost. */
const COUNTING = `
  const frames = new BroadcastChannel('frames');
  const told = { sent: 0, atLoss: -1 };
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (data) {
    told.sent++;
    frames.postMessage(told);
    return send.call(this, data);
  };
  const { request } = LockManager.prototype;
  LockManager.prototype.request = function (...args) {
    const held = request.apply(this, args);
    held.catch(() => {
      if (told.atLoss < 0) told.atLoss = told.sent;
      frames.postMessage(told);
    });
    return held;
  };
`;

async function openPage(context: BrowserContext, demo: Demo): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${demo.site.origin}/`);
  await expect(page).toHaveTitle('ready');
  return page;
}

/** Opens a tunnel and gives back the failure, or how many initiations the first handshake took. */
async function open(page: Page, demo: Demo, { takeOver = false, prelude = '' } = {}) {
  return page.evaluate(
    async ([config, relay, options]) => {
      const started = performance.now();
      let initiations = 0;
      const logger = (_level: string, message: string) => {
        if (message.endsWith('Sending handshake initiation')) initiations++;
      };
      try {
        window.tunnel = await window.tabwire.Tunnel.open(config, { relay, logger, ...options });
      } catch (error) {
        const { code, message, retryable } = error as { code: string; message: string; retryable: boolean };
        return { code, message, retryable };
      }
      await window.tunnel.ready;
      return { initiations, readyAfter: performance.now() - started };
    },
    [demo.config, demo.relay.url, { takeOver, assets: { worker: workerAfter(prelude) } }] as const,
  );
}

async function ping(page: Page, demo: Demo): Promise<number | undefined> {
  const [reply] = await page.evaluate(
    (host) => window.page.pings(window.tunnel, host, { count: 1, timeout: 3000 }),
    demo.peer4,
  );
  return reply?.ok ? reply.rtt : undefined;
}

test('a second tab with the same key is refused, and the first does not notice', async ({ page, demo }) => {
  await open(page, demo);
  const second = await openPage(page.context(), demo);
  expect(await open(second, demo)).toEqual({
    code: 'ERR_IN_USE',
    retryable: true,
    message:
      'A tunnel with this private key is already open in this browser. Close it, or open this one with `takeOver: true`.',
  });
  expect(await ping(page, demo)).toBeGreaterThan(0);
});

test('taking a key over silences and ends the first tab in the turn in which it learns of it', async ({
  context,
  demo,
}) => {
  const first = await openPage(context, demo);
  await open(first, demo, { prelude: COUNTING });
  await first.evaluate(async (host) => {
    const socket = new window.tunnel.TCPSocket(host, 9);
    const { writable } = await socket.opened;
    const page = window as unknown as { seen: Record<string, unknown> };
    page.seen = { events: [] as string[], frames: undefined };
    const code = (error: unknown) => (error as { cause?: { code: string } }).cause?.code;
    new BroadcastChannel('frames').onmessage = ({ data }) => (page.seen.frames = data);
    window.tunnel.addEventListener('error', ({ detail: { error } }) =>
      (page.seen.events as string[]).push(`${error.code} ${error.message}`),
    );
    window.tunnel.addEventListener('close', () => (page.seen.events as string[]).push('close'));
    socket.closed.catch((error: unknown) => (page.seen.socket = code(error)));
    // It never stops talking.
    const writer = writable.getWriter();
    void (async () => {
      for (;;) await writer.write(new Uint8Array(50_000));
    })().catch((error: unknown) => (page.seen.writer = code(error)));
  }, demo.peer4);
  await first.waitForTimeout(200);

  const second = await openPage(context, demo);
  const opened = await open(second, demo, { takeOver: true });
  expect(opened).toMatchObject({ initiations: 1 });
  expect(await ping(second, demo)).toBeGreaterThan(0);
  await first.waitForTimeout(500);
  const seen = await first.evaluate(() => (window as unknown as { seen: Record<string, unknown> }).seen);
  expect(seen).toMatchObject({
    events: ['ERR_IN_USE Another tunnel in this browser has taken over this private key.', 'close'],
    socket: 'ERR_IN_USE',
    writer: 'ERR_IN_USE',
  });
  const { sent, atLoss } = seen.frames as { sent: number; atLoss: number };
  expect(atLoss).toBeGreaterThan(10);
  expect(sent).toBe(atLoss);
  // The winner keeps what it took.
  expect(await open(first, demo)).toMatchObject({ code: 'ERR_IN_USE' });
  expect(await ping(second, demo)).toBeGreaterThan(0);
});

test('a tab that is closed, and one whose process is killed, leave the key to the next', async ({
  context,
  demo,
}) => {
  const first = await openPage(context, demo);
  await open(first, demo);
  await first.close();
  const second = await openPage(context, demo);
  expect(await open(second, demo)).toMatchObject({ initiations: 1 });
  // Opened before, in a process of its own.
  const third = await openPage(context, demo);
  const crashed = second.waitForEvent('crash');
  const session = await context.newCDPSession(second);
  session.send('Page.crash').catch(() => {}); // nobody is left to answer
  await crashed;
  expect(await open(third, demo)).toMatchObject({ initiations: 1 });
  expect(await ping(third, demo)).toBeGreaterThan(0);
});

test('after a reload the first initiation is accepted, though the clock was set back an hour', async ({
  context,
  demo,
}) => {
  const page = await openPage(context, demo);
  await open(page, demo);
  expect(await ping(page, demo)).toBeGreaterThan(0);
  for (const hours of [1, 2]) {
    const prelude = `const { now } = Date; Date.now = () => now() - ${hours * 3_600_000};`;
    await page.reload();
    await expect(page).toHaveTitle('ready');
    const opened = await open(page, demo, { prelude });
    expect(opened).toMatchObject({ initiations: 1 });
    expect((opened as { readyAfter: number }).readyAfter).toBeLessThan(2000);
    expect(await ping(page, demo)).toBeGreaterThan(0);
  }
});
