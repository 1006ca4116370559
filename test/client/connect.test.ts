// The WinterTC Sockets API over the tunnel. Both ends are ours, on a stack that reaches itself.
import { beforeEach, describe, expect, it } from 'vitest';
import { Dialer } from '../../src/client/dialer.ts';
import { connect, type Socket, type SocketOptions } from '../../src/client/socket.ts';
import { destinationOf } from '../../src/client/socket-address.ts';
import type { TCPSocket, TCPSocketOpenInfo } from '../../src/client/tcp-socket.ts';
import type { TlsHook, TlsOptions } from '../../src/client/tls.ts';
import { TunnelError } from '../../src/core/errors.ts';
import { LoneEngine } from '../support/lone-engine.ts';
import { OUR_V4, OUR_V6 } from '../support/lone-stack.ts';

const PORT = 80;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (words: string) => new TextEncoder().encode(words);

let engine: LoneEngine;
let dialer: Dialer;
let accepted: ReadableStreamDefaultReader<TCPSocket>;

beforeEach(async () => {
  engine = new LoneEngine();
  dialer = new Dialer(engine.client);
  const { readable } = await engine.listen('::', { localPort: PORT, noDelay: true }).opened;
  accepted = readable.getReader();
});

async function pair(options?: SocketOptions): Promise<{ socket: Socket; other: TCPSocketOpenInfo }> {
  const socket = connect(dialer, `${OUR_V4}:${PORT}`, options);
  const { value } = await accepted.read();
  return { socket, other: await value!.opened };
}

async function quiet(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function send(writable: WritableStream<BufferSource>, words: string): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(bytes(words));
  writer.releaseLock();
}

async function readAll(readable: ReadableStream<Uint8Array>): Promise<string> {
  let all = '';
  for await (const chunk of readable as unknown as AsyncIterable<Uint8Array>) all += text(chunk);
  return all;
}

/** Adds one to each byte on the way out, takes it off on the way in: a TLS layer that one can see. */
function shift(by: number): TransformStream<BufferSource, Uint8Array<ArrayBuffer>> {
  return new TransformStream({
    transform: (chunk, controller) =>
      controller.enqueue((chunk as Uint8Array<ArrayBuffer>).map((byte) => byte + by)),
  });
}

const shifting =
  (asked: TlsOptions[]): TlsHook =>
  async ({ readable, writable }, options) => {
    asked.push(options);
    const out = shift(1);
    void out.readable.pipeTo(writable);
    return { readable: readable.pipeThrough(shift(-1)), writable: out.writable, alpn: options.alpn[0] };
  };

describe('the address', () => {
  it.each([
    ['db.internal:5432', { hostname: 'db.internal', port: 5432 }],
    ['[fd00::1]:80', { hostname: 'fd00::1', port: 80 }],
    [
      { hostname: 'fd00::1', port: 80 },
      { hostname: 'fd00::1', port: 80 },
    ],
    [
      { hostname: '[fd00::1]', port: 80 },
      { hostname: 'fd00::1', port: 80 },
    ],
    ['bücher.example:1', { hostname: 'xn--bcher-kva.example', port: 1 }],
  ])('may be %j', (address, destination) => expect(destinationOf(address)).toEqual(destination));

  const malformed = [
    '',
    'host',
    'host:',
    ':80',
    'fd00::1:80',
    'http://host:80',
    'host:80/x',
    'u@host:80',
    'host:0',
    'host:65536',
    'host:-1',
    '[]:80',
  ];
  const incomplete = [{ hostname: 'host' }, { hostname: '', port: 80 }, { port: 80 }];
  it.each([...malformed, ...incomplete].map((address) => ({ address })))(
    '$address is refused at once',
    (row) => {
      expect(() => connect(dialer, row.address as string)).toThrow(TypeError);
    },
  );
});

describe('options', () => {
  it.each([
    { secureTransport: 'yes' as 'on' },
    { sni: 'db' },
    { alpn: ['h2'], secureTransport: 'off' as const },
  ])('%j are refused at once', (options) => {
    expect(() => connect(dialer, `${OUR_V4}:${PORT}`, options)).toThrow(TypeError);
  });
});

describe('a socket', () => {
  it('takes bytes before it is open, and says where it leads', async () => {
    const socket = connect(dialer, `[${OUR_V6}]:${PORT}`);
    expect(socket.secureTransport).toBe('off');
    expect(socket.upgraded).toBe(false);
    const written = send(socket.writable, 'early');
    const info = await socket.opened;
    expect(info.remoteAddress).toBe(`[${OUR_V6}]:${PORT}`);
    expect(info.localAddress).toMatch(/^\[fd00::2\]:\d+$/);
    expect(info.alpn).toBeNull();
    await written;
    const other = await (await accepted.read()).value!.opened;
    expect(text((await other.readable.getReader().read()).value!)).toBe('early');
  });

  it('is read by a BYOB reader', async () => {
    const { socket, other } = await pair();
    await send(other.writable, 'abc');
    const reader = socket.readable.getReader({ mode: 'byob' });
    expect(text((await reader.read(new Uint8Array(2))).value!)).toBe('ab');
    expect(text((await reader.read(new Uint8Array(2))).value!)).toBe('c');
    await other.writable.close();
    expect((await reader.read(new Uint8Array(2))).done).toBe(true);
  });

  it('ends well when the peer ends in the middle of an element that a reader waits for', async () => {
    const { socket, other } = await pair();
    await send(other.writable, 'abc');
    const reader = socket.readable.getReader({ mode: 'byob' });
    await reader.read(new Uint16Array(2));
    const rest = reader.read(new Uint16Array(2));
    await other.writable.close();
    await expect(rest).rejects.toThrow(TypeError);
    await expect(socket.closed).resolves.toBeUndefined();
    expect(await readAll(other.readable)).toBe('');
  });

  it('ends its side when the peer ends, and is closed', async () => {
    const { socket, other } = await pair();
    await other.writable.close();
    expect(await readAll(socket.readable)).toBe('');
    expect(await readAll(other.readable)).toBe('');
    await expect(socket.closed).resolves.toBeUndefined();
  });

  it('does so under a writer’s hands too: what was written arrives, the rest is refused', async () => {
    const { socket, other } = await pair();
    const writer = socket.writable.getWriter();
    await writer.write(bytes('before'));
    await other.writable.close();
    expect(await readAll(socket.readable)).toBe('');
    expect(await readAll(other.readable)).toBe('before');
    await expect(writer.write(bytes('after'))).rejects.toThrow(/^SocketError: /);
    await expect(socket.closed).resolves.toBeUndefined();
  });

  it('goes on writing with allowHalfOpen', async () => {
    const { socket, other } = await pair({ allowHalfOpen: true });
    await other.writable.close();
    expect(await readAll(socket.readable)).toBe('');
    await send(socket.writable, 'still');
    await socket.writable.close();
    expect(await readAll(other.readable)).toBe('still');
    await expect(socket.closed).resolves.toBeUndefined();
  });

  it('closes under locks: the reader is done, the writer is told, the peer reads the end', async () => {
    const { socket, other } = await pair();
    await socket.opened;
    const reader = socket.readable.getReader();
    const read = reader.read();
    const writer = socket.writable.getWriter();
    await writer.write(bytes('last'));
    const reason = new Error('enough');
    expect(socket.close(reason)).toBe(socket.closed);
    expect((await read).done).toBe(true);
    await expect(writer.closed).rejects.toBe(reason);
    await expect(socket.closed).resolves.toBeUndefined();
    expect(await readAll(other.readable)).toBe('last');
    expect(socket.close()).toBe(socket.closed);
  });

  it('gives up when it is closed before it is open', async () => {
    const socket = connect(dialer, '10.0.0.9:80');
    void socket.close();
    await expect(socket.opened).rejects.toThrow(/^SocketError: .*before it was open/);
  });

  it('fails with a SocketError whose cause says why: opened, closed and both streams', async () => {
    const socket = connect(dialer, `${OUR_V4}:81`);
    const failure: unknown = await socket.opened.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TypeError);
    expect((failure as TypeError).message).toMatch(/^SocketError: /);
    const cause = (failure as TypeError).cause as TunnelError;
    expect(cause).toBeInstanceOf(TunnelError);
    expect(cause.code).toBe('ERR_CONNECTION_REFUSED');
    await expect(socket.closed).rejects.toThrow(/^SocketError: /);
    await expect(socket.readable.getReader().read()).rejects.toThrow(/^SocketError: /);
    await expect(socket.writable.getWriter().closed).rejects.toThrow(/^SocketError: /);
  });

  it('feels a peer that does not read', async () => {
    const { socket } = await pair();
    const writer = socket.writable.getWriter();
    let taken = 0;
    const flood = (async () => {
      for (; taken < 64; taken++) await writer.write(new Uint8Array(1 << 20));
    })();
    flood.catch(() => {});
    await quiet();
    expect(taken).toBeLessThan(32);
    const stuck = taken;
    await quiet();
    expect(taken).toBe(stuck);
    void socket.close();
  });
});

describe('TLS', () => {
  it.each(['on', 'starttls'] as const)('%s: without a layer it says ERR_TLS_UNAVAILABLE', async (mode) => {
    const first = connect(dialer, `${OUR_V4}:${PORT}`, { secureTransport: mode });
    const socket = mode === 'starttls' ? first.startTls() : first;
    const failure = (await socket.opened.catch((error: unknown) => error)) as TypeError;
    expect(failure.message).toMatch(/^SocketError: /);
    expect((failure.cause as TunnelError).code).toBe('ERR_TLS_UNAVAILABLE');
  });

  it('is made by the hook that Tunnel.open was given, with the name and the protocols asked for', async () => {
    const asked: TlsOptions[] = [];
    dialer.tls = shifting(asked);
    const { socket, other } = await pair({ secureTransport: 'on', sni: 'db', alpn: ['postgresql'] });
    expect((await socket.opened).alpn).toBe('postgresql');
    expect(asked).toEqual([{ serverName: 'db', alpn: ['postgresql'] }]);
    await send(socket.writable, 'HAL');
    expect(text((await other.readable.getReader().read()).value!)).toBe('IBM');
  });

  it('starts in the middle: the old socket is over, the connection is not', async () => {
    dialer.tls = shifting([]);
    const { socket, other } = await pair({ secureTransport: 'starttls' });
    const otherReader = other.readable.getReader();
    await send(socket.writable, 'STARTTLS');
    expect(text((await otherReader.read()).value!)).toBe('STARTTLS');
    const secure = socket.startTls();
    expect(socket.upgraded).toBe(true);
    expect(secure.secureTransport).toBe('on');
    await expect(socket.closed).resolves.toBeUndefined();
    await secure.opened;
    await send(secure.writable, 'HAL');
    expect(text((await otherReader.read()).value!)).toBe('IBM');
    await send(other.writable, 'IBM');
    expect(text((await secure.readable.getReader().read()).value!)).toBe('HAL');
    expect(() => socket.startTls()).toThrow(/^SocketError: .*once/);
  });

  it('does not start where it was not announced, or under a lock', async () => {
    expect(() => connect(dialer, `${OUR_V4}:${PORT}`).startTls()).toThrow(/^SocketError: .*starttls/);
    const socket = connect(dialer, `${OUR_V4}:${PORT}`, { secureTransport: 'starttls' });
    const reader = socket.readable.getReader();
    expect(() => socket.startTls()).toThrow(/^SocketError: .*lock/);
    reader.releaseLock();
    expect(socket.startTls().upgraded).toBe(false);
  });

  it('ends the connection when its handshake fails', async () => {
    dialer.tls = () => Promise.reject(new TunnelError('ERR_TIMEOUT', 'No ServerHello.'));
    const { socket, other } = await pair({ secureTransport: 'on' });
    await expect(socket.opened).rejects.toThrow('SocketError: No ServerHello.');
    await expect(other.readable.getReader().read()).rejects.toThrow();
  });
});
