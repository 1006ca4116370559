// A WebSocket over our own stack, which reaches itself: the server is a TCPServerSocket and three lines of protocol.
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { Dialer } from '../../../src/client/dialer.ts';
import { acceptOf } from '../../../src/client/websocket/handshake.ts';
import { WebSocket } from '../../../src/client/websocket/websocket.ts';
import { LoneEngine } from '../../support/lone-engine.ts';
import { OUR_V4, OUR_V6 } from '../../support/lone-stack.ts';

it.each([OUR_V4, `[${OUR_V6}]`])('opens, receives and closes over the stack, at %s', async (host) => {
  const engine = new LoneEngine();
  const { readable } = await engine.listen('::', { localPort: 80, noDelay: true }).opened;
  const socket = new WebSocket(new Dialer(engine.client), `ws://${host}/`);
  const { value } = await readable.getReader().read();
  const other = await value!.opened;
  const reader = other.readable.getReader();
  const writer = other.writable.getWriter();
  const request = new TextDecoder().decode((await reader.read()).value);
  const [, key] = /Sec-WebSocket-Key: (.*)\r\n/.exec(request)!;
  const head = `HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${await acceptOf(key!)}\r\n\r\n`;
  const message = once(socket, 'message') as Promise<[MessageEvent]>;
  await writer.write(new TextEncoder().encode(head));
  await writer.write(Uint8Array.of(0x81, 5, ...new TextEncoder().encode('Hello')));
  expect((await message)[0].data).toBe('Hello');
  socket.send('x');
  const frame = (await reader.read()).value!;
  expect([...frame.subarray(0, 2), frame[6]! ^ frame[2]!]).toEqual([0x81, 0x81, 120]);
  const closed = once(socket, 'close') as Promise<[CloseEvent]>;
  await writer.write(Uint8Array.of(0x88, 2, 0x03, 0xe8));
  await writer.close();
  const [{ wasClean, code }] = await closed;
  expect([wasClean, code]).toEqual([true, 1000]);
});
