// A browser's life: tabs with one key, reloads, sleep and freezing.
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from '@playwright/test';
import { expect, test } from '../support/browser-test.ts';
import { chromiumOptions } from '../support/chromium.ts';
import { Demo } from '../support/demo.ts';
import { PageServer } from '../support/page-server.ts';
import { RelayProcess } from '../support/relay-process.ts';
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

/** On command, the wall clock jumps ahead and the monotonic one does not: as after the machine slept. */
const SLEEPING = `
  let slept = 0;
  const { now } = Date;
  Date.now = () => now() + slept;
  new BroadcastChannel('sleep').onmessage = ({ data }) => (slept += data);
`;

test('after ten minutes of sleep a word of the page brings the tunnel back at once', async ({ context }) => {
  // A peer of its own: this one will have seen timestamps of a time to come.
  const demo = await Demo.up();
  try {
    const page = await openPage(context, demo);
    await open(page, demo, { prelude: SLEEPING });
    expect(await ping(page, demo)).toBeGreaterThan(0);
    const { seen, after } = await page.evaluate(async () => {
      const seen: string[] = [];
      window.tunnel.addEventListener('peer', ({ detail }) => seen.push(detail.change));
      window.tunnel.addEventListener('transport', ({ detail }) => seen.push(detail.state));
      new BroadcastChannel('sleep').postMessage(600_000);
      await new Promise((resolve) => setTimeout(resolve, 100));
      const woken = performance.now();
      const back = new Promise((resolve) => window.tunnel.addEventListener('handshake', resolve));
      document.dispatchEvent(new Event('visibilitychange'));
      await back;
      return { seen, after: performance.now() - woken };
    });
    expect(after).toBeLessThan(1500);
    expect(seen.filter((what) => what === 'attempt')).toHaveLength(1);
    expect(seen).toContain('connecting');
    expect(seen).not.toContain('waiting');
    expect(await ping(page, demo)).toBeGreaterThan(0);
  } finally {
    await demo.down();
  }
});

test.describe('the back/forward cache, which freezes a page and its worker', () => {
  /**
   * A browser that has one (Playwright's have it switched off, as it cannot follow a page through it), a tab with a
   * tunnel that has just been left by a link, and another tab of the same origin, which reads what the first writes
   * into the storage that they share.
   */
  async function leave(demo: Demo) {
    const browser = await chromium.launch({
      ...chromiumOptions,
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    });
    const site = await PageServer.start(
      join(import.meta.dirname, '../../dist/harness'),
      () => ['ws://127.0.0.1:*'],
      'no-cache',
    );
    const relay = await RelayProcess.start({ allow: [demo.endpoint], origins: [site.origin] });
    const there = { ...demo, config: demo.config, peer4: demo.peer4, site, relay } as unknown as Demo;
    const context = await browser.newContext();
    const [page, observer] = [await openPage(context, there), await openPage(context, there)];
    const session = await context.newCDPSession(page);
    await page.evaluate(() => {
      localStorage.setItem('log', '');
      const note = (text: string) => localStorage.setItem('log', `${localStorage.getItem('log')}${text};`);
      addEventListener('pagehide', ({ persisted }) => note(`hidden ${persisted}`));
      addEventListener('pageshow', ({ persisted }) => {
        note(`shown ${persisted}`);
        const shown = performance.now();
        // A ping each 100 ms, until one comes back.
        void (async () => {
          for (;;) {
            const [reply] = await window.page.pings(window.tunnel, '10.86.0.1', { count: 1, timeout: 100 });
            if (reply!.ok) break;
          }
          note(`reached after ${Math.round(performance.now() - shown)}`);
        })();
      });
    });
    expect(await open(page, there)).toMatchObject({ initiations: 1 });
    await page.goto(`${site.origin}/nothing-here`);
    return {
      there,
      observer,
      /** As the button does it; Playwright sees nothing of it. */
      back: () => void session.send('Runtime.evaluate', { expression: 'history.back()' }).catch(() => {}),
      log: () => observer.evaluate(() => localStorage.getItem('log')),
      end: async () => {
        await browser.close();
        await relay.stop();
        await site.stop();
      },
    };
  }

  test('a page that comes back from it has its tunnel back at once', async ({ demo }) => {
    const { observer, log, back, end } = await leave(demo);
    try {
      await expect.poll(log).toBe('hidden true;');
      // The relay lets only a handshake through at first, and between two of ours are five seconds.
      await observer.waitForTimeout(5500);
      back();
      await expect.poll(log).toMatch(/^hidden true;shown true;reached after \d+;$/);
      const [, after] = /reached after (\d+)/.exec((await log())!)!;
      expect(Number(after)).toBeLessThan(1500);
    } finally {
      await end();
    }
  });

  test('a page in it does not keep its key from the next tab', async ({ demo }) => {
    const { there, observer, log, end } = await leave(demo);
    try {
      await expect.poll(log).toBe('hidden true;');
      expect(await open(observer, there)).toMatchObject({ initiations: 1 });
      expect(await ping(observer, there)).toBeGreaterThan(0);
    } finally {
      await end();
    }
  });
});
