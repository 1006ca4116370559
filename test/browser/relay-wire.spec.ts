// What only a real browser can tell of a relay: which close codes a page sees, into how many frames large messages are cut,
// and whether a page that does nothing, cannot do anything or is frozen still answers pings. In Chromium and in Firefox.
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from '@playwright/test';
import {
  AUTH,
  BEARER_PREFIX,
  CLOSE_BAD_RECORD,
  CLOSE_LIMIT,
  CLOSE_RESTARTING,
  CLOSE_TEXT_FRAME,
  CLOSE_TIMEOUT,
  CLOSE_TOKEN,
  CONTROL_CHANNEL,
  type Control,
  MAX_MESSAGE,
  OPEN,
  PING,
  RecordWriter,
  SUBPROTOCOL,
  writeControl,
} from '../../src/core/wire/relay.ts';
import { createRelay, type Relay, type RelayOptions } from '../../src/relay-host/index.ts';
import { data, FakeEndpoint, initiation } from '../relay/fake-endpoint.ts';
import { until } from '../relay/relay-client.ts';
import { expect, test } from '../support/browser-test.ts';
import { firefoxExecutable } from '../support/firefox.ts';
import { launchFirefox } from '../support/launch-firefox.ts';

/** A relay pings once a second at most, and after two pings without an answer it ends a session with the third. */
const UNANSWERED = 3500;
const MESSAGES = 30;

declare global {
  interface Window {
    socket: WebSocket;
    /** How the socket ended. */
    ended: Promise<{ code: number; reason: string; wasClean: boolean }>;
  }
}

/** How many frames each message that came to a server had. */
class FrameCounter {
  readonly framesOfMessages: number[] = [];
  #bytes = Buffer.alloc(0);
  #frames = 0;

  readonly take = (chunk: Buffer): void => {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#next());
  };

  /** RFC 6455 §5.2, as clients send it. False when there is no whole frame. */
  #next(): boolean {
    const bytes = this.#bytes;
    if (bytes.length < 14) return false;
    const short = bytes[1]! & 127;
    const [length, header] =
      short < 126 ? [short, 6] : short === 126 ? [bytes.readUInt16BE(2), 8] : [bytes.readUInt32BE(6), 14];
    if (bytes.length < header + length) return false;
    const isControl = (bytes[0]! & 8) !== 0;
    if (!isControl) this.#frames++;
    if (!isControl && bytes[0]! >= 0x80) {
      this.framesOfMessages.push(this.#frames);
      this.#frames = 0;
    }
    this.#bytes = bytes.subarray(header + length);
    return true;
  }
}

/** A relay on a page's own origin, so that the page may use it, and what it needs. */
async function start(options: Partial<RelayOptions> = {}) {
  const peer = await FakeEndpoint.open();
  const relay = createRelay({ allow: [`127.0.0.1:${peer.port}`], ...options });
  const frames = new FrameCounter();
  const server = createServer((request, response) => {
    if (relay.handleRequest(request, response)) return;
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<title>ready</title>');
  });
  server.on('upgrade', (_request, socket) => socket.on('data', frames.take));
  relay.attach(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = async (): Promise<void> => {
    await relay.close();
    server.closeAllConnections();
    server.close();
    await peer.close();
  };
  return { peer, relay, frames, origin, stop };
}

type Party = Awaited<ReturnType<typeof start>>;

function message(...records: readonly (readonly [number, Uint8Array])[]): number[] {
  const writer = new RecordWriter(new Uint8Array(MAX_MESSAGE));
  for (const [channel, body] of records) writer.append(channel, body);
  return [...writer.bytes.subarray(0, writer.end)];
}

const control = (...bodies: readonly Control[]): number[] =>
  message(...bodies.map((body) => [CONTROL_CHANNEL, writeControl(body)] as const));

const openOf = (peer: FakeEndpoint): Control => ({
  type: OPEN,
  channel: 1,
  flags: 0,
  port: peer.port,
  host: '127.0.0.1',
});

/** Opens `window.socket`. */
async function connect(page: Page, protocols: readonly string[] = [SUBPROTOCOL]): Promise<void> {
  await page.evaluate(
    ([names]) => {
      window.socket = new WebSocket(`ws://${location.host}/v1`, [...names]);
      window.ended = new Promise((resolve) => {
        window.socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
      });
      return new Promise<void>((resolve) => {
        window.socket.onopen = window.socket.onerror = () => resolve();
      });
    },
    [protocols] as const,
  );
}

const send = (page: Page, bytes: readonly number[] | string, times = 1): Promise<void> =>
  page.evaluate(
    ([what, count]) => {
      for (let n = 0; n < count; n++)
        window.socket.send(typeof what === 'string' ? what : Uint8Array.from(what));
    },
    [bytes, times] as const,
  );

const ending = (page: Page) => page.evaluate(() => window.ended);

/** A session past its handshake. */
async function shakeHands(page: Page, { peer, relay }: Party): Promise<void> {
  await connect(page);
  await send(page, message([CONTROL_CHANNEL, writeControl(openOf(peer))], [1, initiation(7)]));
  await until(() => relay.counters.down.datagrams > 0, 'the response');
}

async function outlives(relay: Relay, ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  expect(relay.sessions).toBe(1);
}

const { publicKey } = generateKeyPairSync('ed25519');
const AUTH_OPTIONS = {
  auth: {
    keys: [{ alg: 'EdDSA' as const, key: publicKey.export({ type: 'spki', format: 'pem' }) as string }],
  },
};

interface Case {
  readonly what: string;
  readonly options?: Partial<RelayOptions>;
  readonly protocols?: readonly string[];
  act(page: Page, party: Party): Promise<unknown>;
  readonly code: number;
  readonly reason: RegExp;
}

const nothing = () => Promise.resolve();
const pings = Array.from({ length: 60 }, () => ({ type: PING, nonce: new Uint8Array(8) }) as const);
const CASES: readonly Case[] = [
  {
    what: 'a text message',
    act: (page) => send(page, 'hello'),
    code: CLOSE_TEXT_FRAME,
    reason: /^text/,
  },
  {
    what: 'a record longer than its message',
    act: (page) => send(page, [0, 0, 9, 1]),
    code: CLOSE_BAD_RECORD,
    reason: /^record/,
  },
  {
    what: 'too many control records',
    act: (page) => send(page, control(...pings), 3),
    code: CLOSE_LIMIT,
    reason: /^rate/,
  },
  {
    what: 'a message that is too long',
    act: (page) => send(page, Array<number>(MAX_MESSAGE + 1).fill(0)),
    code: 1009,
    reason: /^/,
  },
  {
    what: 'no OPEN',
    options: { limits: { openTimeout: 100 } },
    act: nothing,
    code: CLOSE_TIMEOUT,
    reason: /^open/,
  },
  {
    what: 'a token among the subprotocols that is none',
    options: AUTH_OPTIONS,
    protocols: [SUBPROTOCOL, `${BEARER_PREFIX}a.b.c`],
    act: nothing,
    code: CLOSE_TOKEN,
    reason: /^token_malformed/,
  },
  {
    what: 'a token in AUTH that is none',
    options: AUTH_OPTIONS,
    act: (page) => send(page, control({ type: AUTH, token: 'a.b.c' })),
    code: CLOSE_TOKEN,
    reason: /^token_malformed/,
  },
  {
    what: 'a relay that stops',
    act: (_page, { relay }) => relay.close(),
    code: CLOSE_RESTARTING,
    reason: /^restarting/,
  },
  {
    what: 'a page of an origin that is not served: no reason, whatever it was',
    options: { origins: ['https://console.example.com'] },
    act: nothing,
    code: 1006,
    reason: /^$/,
  },
];

for (const name of ['Chromium', 'Firefox'] as const)
  test.describe(name, () => {
    const isMissing = name === 'Firefox' && firefoxExecutable() === undefined;
    test.skip(isMissing && !process.env.CI, 'skipped: there is no Firefox');

    let own: Page | undefined;
    let party: Party | undefined;

    /** A page at a relay with these options. */
    async function at(page: Page, options?: Partial<RelayOptions>): Promise<{ page: Page; party: Party }> {
      if (name === 'Firefox' && !own) {
        const browser = await launchFirefox();
        own = await browser.newPage();
      }
      await party?.stop();
      party = await start(options);
      const here = own ?? page;
      await here.goto(`${party.origin}/`);
      return { page: here, party };
    }

    test.afterEach(async () => {
      await party?.stop();
      party = undefined;
    });

    test.afterAll(() => own?.context().browser()?.close());

    test('shows a page how its session ended', async ({ page: first }) => {
      for (const { what, options, protocols, act, code, reason } of CASES) {
        const { page, party } = await at(first, options);
        await connect(page, protocols);
        await act(page, party);
        const seen = await ending(page);
        expect(seen.code, what).toBe(code);
        expect(seen.reason, what).toMatch(reason);
      }
    });

    test('sends the largest messages in no more frames than the relay takes', async ({ page: first }) => {
      const { page, party } = await at(first);
      await shakeHands(page, party);
      const full = Array.from({ length: 31 }, () => [1, data(party.peer.index, 2048)] as const);
      const bytes = message(...full);
      expect(bytes.length).toBeGreaterThan(60_000);
      await send(page, bytes, MESSAGES);
      const { counters } = party.relay;
      await until(() => counters.up.datagrams === 1 + MESSAGES * full.length, 'all datagrams');
      expect(party.relay.sessions).toBe(1);
      // The first has OPEN and the handshake.
      expect(party.frames.framesOfMessages).toHaveLength(1 + MESSAGES);
      expect(Math.max(...party.frames.framesOfMessages)).toBeLessThanOrEqual(8);
    });

    // Chromium can freeze a page; in Firefox one can only be too busy.
    test('answers pings for a page whose scripts do not run', async ({ page: first, context }) => {
      const { page, party } = await at(first, { limits: { pingInterval: 300 } });
      await shakeHands(page, party);
      if (name === 'Chromium') {
        const devtools = await context.newCDPSession(page);
        await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
        await outlives(party.relay, UNANSWERED);
        await devtools.send('Page.setWebLifecycleState', { state: 'active' });
      } else {
        const busy = page.evaluate((until) => {
          while (performance.timeOrigin + performance.now() < until);
        }, Date.now() + UNANSWERED);
        await outlives(party.relay, UNANSWERED);
        await busy;
      }
      expect(await page.evaluate(() => window.socket.readyState)).toBe(1);
    });
  });
