// The WebSocket interface, with the `ws` package as its server, over loopback.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ServerOptions, WebSocketServer, type WebSocket as WsSocket } from 'ws';
import { DEFAULT_LIMITS, type WebSocketLimits } from '../../../src/client/websocket/connection.ts';
import { WebSocket } from '../../../src/client/websocket/websocket.ts';
import { loopbackDialer } from '../../support/loopback-dialer.ts';

let server: WebSocketServer;

async function serve(options: ServerOptions = {}): Promise<void> {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  await once(server, 'listening');
}

beforeEach(() => serve());
afterEach(() => {
  for (const client of server.clients) client.terminate();
  server.close();
});

const port = () => (server.address() as AddressInfo).port;

function connect(protocols?: string | string[], limits: Partial<WebSocketLimits> = {}): WebSocket {
  const all = { ...DEFAULT_LIMITS, ...limits };
  return new WebSocket(loopbackDialer, `ws://127.0.0.1:${port()}/chat?x=1`, protocols, all);
}

async function pair(
  protocols?: string[],
  limits?: Partial<WebSocketLimits>,
): Promise<{ socket: WebSocket; other: WsSocket }> {
  const accepted = once(server, 'connection') as Promise<[WsSocket]>;
  const socket = connect(protocols, limits);
  await once(socket, 'open');
  const [other] = await accepted;
  return { socket, other };
}

async function closeOf(socket: WebSocket): Promise<{ wasClean: boolean; code: number; reason: string }> {
  const [{ wasClean, code, reason }] = (await once(socket, 'close')) as [CloseEvent];
  return { wasClean, code, reason };
}

describe('messages', () => {
  it('go out as text and as bytes of each kind, in the order in which they were sent', async () => {
    const { socket, other } = await pair();
    const got: string[] = [];
    other.on('message', (data: Buffer, isBinary) => got.push(`${isBinary ? data.toString('hex') : data}`));
    const bytes = Uint8Array.of(1, 2, 3, 4);
    socket.send('grüß Gott \ud800');
    socket.send(new Blob([bytes]));
    socket.send(bytes.buffer);
    socket.send(new DataView(bytes.buffer, 1, 2));
    socket.send(bytes);
    socket.send('');
    bytes.fill(9);
    expect(socket.bufferedAmount).toBe(12 + 3 + 4 + 4 + 2 + 4);
    socket.close();
    await closeOf(socket);
    expect(got).toEqual(['grüß Gott \ufffd', '01020304', '01020304', '0203', '01020304', '']);
    expect(socket.bufferedAmount).toBe(0);
  });

  it('come in as text, Blob or ArrayBuffer', async () => {
    const { socket, other } = await pair();
    const data: unknown[] = [];
    socket.onmessage = (event) => data.push(event.data);
    other.send('text');
    other.send(Buffer.from([1, 2]));
    await once(socket, 'message');
    await expect.poll(() => data.length).toBe(2);
    socket.binaryType = 'arraybuffer';
    socket.binaryType = 'neither' as BinaryType;
    other.send(Buffer.from([3]));
    await expect.poll(() => data.length).toBe(3);
    expect(data[0]).toBe('text');
    expect(await (data[1] as Blob).bytes()).toEqual(Uint8Array.of(1, 2));
    expect(new Uint8Array(data[2] as ArrayBuffer)).toEqual(Uint8Array.of(3));
  });

  it('of a megabyte go both ways, and a ping between fragments is answered', async () => {
    const { socket, other } = await pair();
    other.on('message', (data) => other.send(data, { binary: true }));
    socket.binaryType = 'arraybuffer';
    const bytes = new Uint8Array(1_000_003).map((_, i) => i * 7);
    socket.send(bytes);
    const [{ data }] = (await once(socket, 'message')) as [MessageEvent<ArrayBuffer>];
    expect(Buffer.compare(new Uint8Array(data), bytes)).toBe(0);
    other.send('frag', { fin: false });
    other.ping('are you there');
    other.send('ments', { fin: true });
    const [[pong], [message]] = await Promise.all([once(other, 'pong'), once(socket, 'message')]);
    expect(String(pong)).toBe('are you there');
    expect((message as MessageEvent).data).toBe('fragments');
  });

  it('wait for a server that does not read', async () => {
    const { socket, other } = await pair();
    other.pause();
    const size = 32 * 1024 * 1024;
    socket.send(new Uint8Array(size));
    await new Promise((resolve) => setImmediate(resolve));
    expect(socket.bufferedAmount).toBeGreaterThan(0);
    const message = once(other, 'message');
    other.resume();
    expect(((await message) as [Buffer])[0].length).toBe(size);
    await expect.poll(() => socket.bufferedAmount).toBe(0);
  }, 15_000);

  it('that are too long end the connection with 1009', async () => {
    const { socket, other } = await pair([], { maxMessage: 1000 });
    const told = once(other, 'close');
    const failed = once(socket, 'error');
    other.send(Buffer.alloc(1001));
    expect(await closeOf(socket)).toEqual({ wasClean: false, code: 1006, reason: '' });
    expect((await told)[0]).toBe(1009);
    expect(String((await failed)[0].message)).toContain('more than 1000 bytes');
  });
});

describe('the interface', () => {
  it('says what it is at each moment', async () => {
    const socket = connect();
    expect(socket.readyState).toBe(WebSocket.CONNECTING);
    expect(() => socket.send('early')).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
    expect([socket.url, socket.protocol, socket.extensions]).toEqual([
      `ws://127.0.0.1:${port()}/chat?x=1`,
      '',
      '',
    ]);
    await once(socket, 'open');
    expect(socket.readyState).toBe(socket.OPEN);
    socket.close(3000, 'done');
    expect(socket.readyState).toBe(WebSocket.CLOSING);
    socket.send('late');
    expect(socket.bufferedAmount).toBe(4);
    expect(await closeOf(socket)).toEqual({ wasClean: true, code: 3000, reason: 'done' });
    expect(socket.readyState).toBe(WebSocket.CLOSED);
  });

  it('has on… members that keep their place among the listeners', async () => {
    const socket = connect();
    const called: string[] = [];
    socket.onopen = () => called.push('never');
    socket.addEventListener('open', () => called.push('second'));
    socket.onopen = () => called.push('first');
    socket.onerror = 'no function' as never;
    expect(socket.onerror).toBeNull();
    await once(socket, 'open');
    expect(called).toEqual(['first', 'second']);
  });

  it.each<[string, unknown, unknown, string]>([
    ['ftp://x', undefined, undefined, 'ftp'],
    ['ws://x/#', undefined, undefined, 'fragment'],
    ['ws://', undefined, undefined, 'not a URL'],
    ['ws://x', 'a b', undefined, 'subprotocol'],
    ['ws://x', '', undefined, 'subprotocol'],
    ['ws://x', ['chat', 'CHAT'], undefined, 'twice'],
  ])('throws a SyntaxError for %s with %j', (url, protocols, _none, words) => {
    expect(() => new WebSocket(loopbackDialer, url, protocols as string)).toThrow(
      expect.objectContaining({ name: 'SyntaxError', message: expect.stringContaining(words) }),
    );
  });

  it('takes http: for ws:, as the standard has it now', () => {
    const socket = new WebSocket(loopbackDialer, `http://127.0.0.1:${port()}/`);
    expect(socket.url).toBe(`ws://127.0.0.1:${port()}/`);
    socket.close();
  });

  it('agrees on a subprotocol', async () => {
    const { socket } = await pair(['soap', 'wamp']);
    expect(socket.protocol).toBe('soap');
  });
});

describe('closing', () => {
  it.each([0, 999, 1001, 1005, 2999, 5000, Number.NaN])('with %d is an InvalidAccessError', async (code) => {
    const { socket } = await pair();
    expect(() => socket.close(code)).toThrow(expect.objectContaining({ name: 'InvalidAccessError' }));
    expect(socket.readyState).toBe(WebSocket.OPEN);
  });

  it('with a reason of 124 bytes is a SyntaxError, of 123 is none', async () => {
    const { socket } = await pair();
    expect(() => socket.close(1000, 'é'.repeat(62))).toThrow(
      expect.objectContaining({ name: 'SyntaxError' }),
    );
    socket.close(1000, 'x'.repeat(123));
    expect((await closeOf(socket)).reason).toHaveLength(123);
  });

  it('without a code says none; with a reason alone, 1000', async () => {
    const { socket, other } = await pair();
    const told = once(other, 'close');
    socket.close();
    expect((await told)[0]).toBe(1005);
    const second = await pair();
    second.socket.close(undefined, 'why');
    expect(await closeOf(second.socket)).toEqual({ wasClean: true, code: 1000, reason: 'why' });
  });

  it('by the server is answered with its code; what was sent before leaves first', async () => {
    const { socket, other } = await pair();
    const told = once(other, 'close');
    other.close(1001, 'going away');
    expect(await closeOf(socket)).toEqual({ wasClean: true, code: 1001, reason: 'going away' });
    expect((await told)[0]).toBe(1001);
  });

  it('before it is open fails the connection', async () => {
    const socket = connect();
    const events: string[] = [];
    for (const type of ['open', 'error', 'close']) socket.addEventListener(type, () => events.push(type));
    socket.close();
    expect(socket.readyState).toBe(WebSocket.CLOSING);
    expect(await closeOf(socket)).toEqual({ wasClean: false, code: 1006, reason: '' });
    expect(events).toEqual(['error', 'close']);
  });

  it('does not wait longer than it must for a server that says nothing', async () => {
    const { socket, other } = await pair([], { closeTimeout: 50 });
    other.pause();
    socket.close(1000);
    expect(await closeOf(socket)).toEqual({ wasClean: false, code: 1006, reason: '' });
  });

  it('without a Close frame is not clean', async () => {
    const { socket, other } = await pair();
    other.terminate();
    expect(await closeOf(socket)).toEqual({ wasClean: false, code: 1006, reason: '' });
  });
});

describe('wss:', () => {
  it('fails with ERR_TLS_UNAVAILABLE where there is no TLS layer', async () => {
    const socket = new WebSocket(loopbackDialer, 'wss://127.0.0.1/');
    const [[event], close] = await Promise.all([once(socket, 'error'), closeOf(socket)]);
    expect((event as { error: unknown }).error).toMatchObject({ code: 'ERR_TLS_UNAVAILABLE' });
    expect(close.code).toBe(1006);
  });
});
