// Each event is a task of its own, as a browser's are: who awaits one is there for the next, however close they came.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { acceptOf } from '../../../src/client/websocket/handshake.ts';
import { WebSocket } from '../../../src/client/websocket/websocket.ts';
import { loopbackDialer } from '../../support/loopback-dialer.ts';

let server: Server;
afterEach(() => server.close());

/** A server that says all of it in one write, and ends. `answer` may be none of a WebSocket. */
async function talkative(answer: (accept: string) => string, frames: Uint8Array): Promise<WebSocket> {
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (request) => {
      const [, key] = /Sec-WebSocket-Key: (.*)\r\n/.exec(String(request))!;
      void acceptOf(key!).then((accept) => socket.end(Buffer.concat([Buffer.from(answer(accept)), frames])));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return new WebSocket(loopbackDialer, `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

/** The next event of this type, after as many microtasks as a program's own layers may take. */
async function next<Type extends 'open' | 'message' | 'error' | 'close'>(
  socket: WebSocket,
  type: Type,
): Promise<unknown> {
  const event = await new Promise<{ data?: unknown; code?: number }>((resolve) => {
    socket[`on${type}`] = resolve as never;
  });
  for (let layer = 0; layer < 10; layer++) await Promise.resolve();
  socket[`on${type}`] = null;
  return event.data ?? event.code;
}

it('open, two messages and the close in one segment are seen one after the other', async () => {
  const head = (accept: string) =>
    `HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
  const frames = Uint8Array.of(0x81, 1, 65, 0x01, 1, 66, 0x89, 0, 0x80, 1, 67, 0x88, 2, 0x03, 0xe9);
  const socket = await talkative(head, frames);
  await next(socket, 'open');
  expect(await next(socket, 'message')).toBe('A');
  expect(await next(socket, 'message')).toBe('BC');
  expect(await next(socket, 'close')).toBe(1001);
});

it('so are the error and the close of one that failed', async () => {
  const socket = await talkative(() => 'HTTP/1.1 503 x\r\n\r\n', new Uint8Array(0));
  await next(socket, 'error');
  expect(await next(socket, 'close')).toBe(1006);
});
