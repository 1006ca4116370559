import { expect } from 'vitest';
import { OUR_V4, PEER_V4 } from './ground.ts';
import {
  HELLO,
  INVALID_STATE,
  interfaceRows,
  type Lab,
  NETWORK_ERROR,
  next,
  type Row,
  readAll,
  table,
  textOf,
  untyped,
  write,
} from './table.ts';

/** Pages have no `SharedArrayBuffer` to call, but what it would make. */
const SHARED = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer;
const make = (lab: Lab) => new lab.tunnel.TCPSocket(OUR_V4, 9);

table('TCPSocket', [
  ...interfaceRows('1', 'TCPSocket', 2, make),
  ...mistakes([
    ['keepAliveDelay less than 1,000', { keepAliveDelay: 999 }],
    ['sendBufferSize equal to 0', { sendBufferSize: 0 }],
    ['receiveBufferSize equal to 0', { receiveBufferSize: 0 }],
  ]),
  ...mistakes(
    [
      ['an unsigned long below its range', { sendBufferSize: -1 }],
      ['an unsigned long above its range', { receiveBufferSize: 2 ** 32 }],
      ['an unsigned long that is no number', { keepAliveDelay: 'soon' }],
      ['an unsigned long that is infinite', { keepAliveDelay: Number.POSITIVE_INFINITY }],
      ['a SocketDnsQueryType that is none', { dnsQueryType: 'IPv4' }],
      ['options that are no dictionary', 5],
    ],
    '1.1.1',
  ),
  {
    section: '1.1',
    says: 'remoteAddress is text: what is no symbol is converted',
    holds: ({ tunnel }) => {
      expect(() => new (untyped(tunnel.TCPSocket))(Symbol('host'), 80)).toThrow(TypeError);
      expect(() => new (untyped(tunnel.TCPSocket))({ toString: () => OUR_V4 }, 80)).not.toThrow();
    },
  },
  {
    section: '1.1',
    says: 'remotePort wraps modulo 65536, as an unsigned short does',
    holds: async (lab) => {
      await lab.pair();
      const socket = new lab.tunnel.TCPSocket(OUR_V4, 65_536 + 80);
      expect((await socket.opened).remotePort).toBe(80);
    },
  },
  {
    section: '1.1',
    says: 'options may be null or absent: an empty dictionary',
    holds: ({ tunnel }) => {
      expect(() => new (untyped(tunnel.TCPSocket))(OUR_V4, 80, null)).not.toThrow();
      expect(() => new (untyped(tunnel.TCPSocket))(OUR_V4, 80, undefined)).not.toThrow();
    },
  },
  ...failures([
    ['nobody listens', OUR_V4, 81, 'ERR_CONNECTION_REFUSED'],
    ['the name does not resolve', 'nowhere.internal', 80, 'ERR_NAME_NOT_RESOLVED'],
    ['the name is none', 'a b', 80, 'ERR_NAME_NOT_RESOLVED'],
    ['the name is empty', '', 80, 'ERR_NAME_NOT_RESOLVED'],
    ['the port is 0', OUR_V4, 0, undefined],
  ]),
  {
    section: '1.1',
    says: 'on failure, opened rejects first and closed second, with the same NetworkError',
    holds: async ({ tunnel }) => {
      const socket = new tunnel.TCPSocket(OUR_V4, 81);
      const order: string[] = [];
      const [opened, closed] = await Promise.allSettled([
        socket.opened.finally(() => order.push('opened')),
        socket.closed.finally(() => order.push('closed')),
      ]);
      expect(order).toEqual(['opened', 'closed']);
      expect(opened).toEqual(closed);
    },
  },
  {
    section: '1.1',
    says: 'nothing is thrown, and nothing is unhandled, by a socket that nobody waits for',
    holds: async (lab) => {
      const unhandled = await lab.unhandledBy(() => {
        expect(() => new lab.tunnel.TCPSocket(OUR_V4, 81)).not.toThrow();
      });
      expect(unhandled).toEqual([]);
    },
  },
  {
    section: '1.1.1',
    says: 'keepAliveDelay is the time of silence before a probe',
    in: [
      'test/client/socket-options.test.ts',
      'with `keepAliveDelay` asks after so long a silence, and without never',
    ],
  },
  {
    section: '1.1.1',
    says: 'dnsQueryType says which addresses of a name count',
    in: ['test/core/netstack/happy-eyeballs.test.ts', 'keeps to one family where that is asked for'],
  },
  {
    section: '1.1.1',
    says: 'noDelay disables the algorithm of Nagle, which is on by default',
    in: ['test/client/socket-options.test.ts', 'with `noDelay` sends a small write at once'],
  },
  {
    section: '1.1.1',
    says: 'receiveBufferSize fixes how much the peer may send',
    in: ['test/client/socket-options.test.ts', 'with `receiveBufferSize` is sent no more than that'],
  },
  {
    section: '1.1.1',
    says: 'dnsQueryType does not change where an address leads',
    holds: async (lab) => {
      await lab.pair();
      const socket = new lab.tunnel.TCPSocket(OUR_V4, 80, { dnsQueryType: 'ipv4' });
      expect((await socket.opened).remoteAddress).toBe(OUR_V4);
    },
  },
  {
    section: '1.2',
    says: 'readable yields Uint8Arrays with a buffer of their own',
    holds: async (lab) => {
      const [ours, theirs] = await lab.pair();
      await write(theirs.info.writable, HELLO);
      const chunk = await next(ours.info.readable);
      expect(chunk).toBeInstanceOf(Uint8Array);
      expect(textOf(chunk!)).toBe('hello');
    },
  },
  {
    section: '1.2',
    says: 'a BYOB view is filled with no more than it holds, and the rest is not lost',
    holds: async (lab) => {
      const [ours, theirs] = await lab.pair();
      await write(theirs.info.writable, HELLO);
      const reader = ours.info.readable.getReader({ mode: 'byob' });
      const first = await reader.read(new Uint8Array(2));
      const rest = await reader.read(new Uint8Array(10));
      expect([first, rest].map(({ value }) => textOf(value!))).toEqual(['he', 'llo']);
    },
  },
  {
    section: '1.2',
    says: 'a BYOB read takes views of other types, at their offset',
    holds: async (lab) => {
      const [ours, theirs] = await lab.pair();
      await write(theirs.info.writable, Uint8Array.of(1, 2, 3, 4));
      const reader = ours.info.readable.getReader({ mode: 'byob' });
      const { value } = await reader.read(new Uint16Array(new ArrayBuffer(8), 2, 2));
      expect(value).toBeInstanceOf(Uint16Array);
      expect(new Uint8Array(value!.buffer)).toEqual(Uint8Array.of(0, 0, 1, 2, 3, 4, 0, 0));
    },
  },
  {
    section: '1.2',
    says: "the peer's FIN closes readable, also under a read that waits, and closed still waits for writable",
    holds: async (lab) => {
      const [ours, theirs] = await lab.pair();
      const reading = ours.info.readable.getReader().read();
      await theirs.info.writable.close();
      await expect(reading).resolves.toEqual({ done: true, value: undefined });
      expect(await lab.stateOf(ours.socket.closed)).toBe('pending');
      await ours.info.writable.close();
      await expect(ours.socket.closed).resolves.toBeUndefined();
    },
  },
  {
    section: '1.2',
    says: 'a BYOB read that waits when the FIN comes gets its buffer back, empty',
    holds: async (lab) => {
      const [ours, theirs] = await lab.pair();
      const reading = ours.info.readable.getReader({ mode: 'byob' }).read(new Uint8Array(4));
      await lab.quiet();
      await theirs.info.writable.close();
      const { done, value } = await reading;
      expect(done).toBe(true);
      expect(value).toHaveLength(0);
      expect(value!.buffer.byteLength).toBe(4);
    },
  },
  {
    section: '1.2',
    says: 'a network error errors readable with a NetworkError, and closed rejects with it',
    holds: async (lab) => {
      const other = new AbortController();
      const [, theirs] = await lab.pair({ signal: other.signal });
      const reading = theirs.info.readable.getReader().read();
      other.abort();
      const error: unknown = await reading.catch((reason: unknown) => reason);
      expect(error).toMatchObject({ ...NETWORK_ERROR, cause: { code: 'ERR_CONNECTION_RESET' } });
      await expect(theirs.socket.closed).rejects.toBe(error);
    },
  },
  {
    section: '1.2',
    says: 'cancel() resolves with undefined and leaves writable as it is',
    holds: async (lab) => {
      const [ours, theirs] = await lab.pair();
      await expect(ours.info.readable.cancel('enough')).resolves.toBeUndefined();
      expect(await lab.stateOf(ours.socket.closed)).toBe('pending');
      await write(ours.info.writable, HELLO);
      await ours.info.writable.close();
      expect(textOf(await readAll(theirs.info.readable))).toBe('hello');
      await expect(ours.socket.closed).resolves.toBeUndefined();
    },
  },
  {
    section: '1.2',
    says: 'when readable is over and writable is errored, closed rejects with the error of writable',
    holds: async (lab) => {
      const [ours] = await lab.pair();
      const error: unknown = await write(ours.info.writable, 'text').catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(TypeError);
      expect(await lab.stateOf(ours.socket.closed)).toBe('pending');
      await ours.info.readable.cancel();
      await expect(ours.socket.closed).rejects.toBe(error);
    },
  },
  ...['text', null, [1, 2], 7, SHARED, new Uint8Array(SHARED)].map(
    (chunk): Row => ({
      section: '1.3',
      says: `a chunk that is no BufferSource (${describeChunk(chunk)}) rejects with a TypeError, and ends our half`,
      holds: async (lab) => {
        const [ours, theirs] = await lab.pair();
        await write(ours.info.writable, HELLO);
        await expect(write(ours.info.writable, chunk)).rejects.toThrow(TypeError);
        await expect(ours.info.writable.getWriter().closed).rejects.toThrow(TypeError);
        expect(textOf(await readAll(theirs.info.readable))).toBe('hello');
      },
    }),
  ),
  {
    section: '1.3',
    says: 'every kind of BufferSource is written: buffers, views with an offset, empty ones',
    holds: async (lab) => {
      const [ours, theirs] = await lab.pair();
      const { buffer } = Uint8Array.of(1, 2, 3, 4, 5, 6);
      const views = [buffer, new DataView(buffer, 1, 2), new Uint16Array(buffer, 2, 1), new Uint8Array()];
      await write(ours.info.writable, ...views);
      await ours.info.writable.close();
      expect([...(await readAll(theirs.info.readable))]).toEqual([1, 2, 3, 4, 5, 6, 2, 3, 3, 4]);
    },
  },
  {
    section: '1.3',
    says: 'the bytes are copied: the buffer stays the caller’s, and may change once write() was called',
    holds: async (lab) => {
      const [ours, theirs] = await lab.pair();
      const bytes = HELLO.slice();
      const writer = ours.info.writable.getWriter();
      await writer.ready;
      const writing = writer.write(bytes);
      await writing;
      bytes.fill(0);
      expect(bytes.buffer.byteLength).toBe(5);
      await writer.close();
      expect(textOf(await readAll(theirs.info.readable))).toBe('hello');
    },
  },
  {
    section: '1.3',
    says: 'a buffer that was transferred away is empty, and no error',
    holds: async (lab) => {
      const [ours, theirs] = await lab.pair();
      const { buffer } = HELLO.slice();
      const view = new Uint8Array(buffer);
      structuredClone(buffer, { transfer: [buffer] });
      await write(ours.info.writable, buffer, view, HELLO);
      await ours.info.writable.close();
      expect(textOf(await readAll(theirs.info.readable))).toBe('hello');
    },
  },
  {
    section: '1.3',
    says: 'after a network error write() rejects with the NetworkError',
    holds: async (lab) => {
      const other = new AbortController();
      const [, theirs] = await lab.pair({ signal: other.signal });
      other.abort();
      await lab.quiet();
      await expect(write(theirs.info.writable, HELLO)).rejects.toMatchObject(NETWORK_ERROR);
    },
  },
  ...(['close', 'abort'] as const).map(
    (how): Row => ({
      section: '1.3',
      says: `${how}() shuts our direction down, resolves with undefined, and leaves readable as it is`,
      holds: async (lab) => {
        const [ours, theirs] = await lab.pair();
        await expect(ours.info.writable[how]()).resolves.toBeUndefined();
        expect(await readAll(theirs.info.readable)).toHaveLength(0);
        await write(theirs.info.writable, HELLO);
        await theirs.info.writable.close();
        expect(textOf(await readAll(ours.info.readable))).toBe('hello');
        await expect(ours.socket.closed).resolves.toBeUndefined();
      },
    }),
  ),
  {
    section: '1.3',
    says: 'abort() while a write waits for room: the write rejects with its reason, at once',
    holds: async (lab) => {
      const [ours] = await lab.pair({ sendBufferSize: 4096 });
      const writer = ours.info.writable.getWriter();
      const writing = writer.write(new Uint8Array(8 << 20));
      await lab.quiet();
      const reason = new Error('enough');
      await writer.abort(reason);
      await expect(writing).rejects.toBe(reason);
    },
  },
  {
    section: '1.4',
    says: 'opened resolves when the connection is there, and not before',
    holds: async (lab) => {
      const socket = new lab.tunnel.TCPSocket(PEER_V4, 80);
      expect(await lab.stateOf(socket.opened)).toBe('pending');
      const [ours] = await lab.pair();
      expect(await lab.stateOf(ours.socket.opened)).toBe('fulfilled');
    },
  },
  {
    section: '1.4.1',
    says: 'TCPSocketOpenInfo has readable, writable, and both addresses and ports',
    holds: async (lab) => {
      const [ours, theirs] = await lab.pair();
      const { readable, writable, ...places } = ours.info;
      expect(readable).toBeInstanceOf(ReadableStream);
      expect(writable).toBeInstanceOf(WritableStream);
      expect(places).toEqual({
        remoteAddress: OUR_V4,
        remotePort: 80,
        localAddress: OUR_V4,
        localPort: theirs.info.remotePort,
      });
    },
  },
  {
    section: '1.5',
    says: 'closed resolves with undefined when the user closed the socket',
    holds: async (lab) => {
      const [ours] = await lab.pair();
      await ours.socket.close();
      await expect(ours.socket.closed).resolves.toBeUndefined();
    },
  },
  {
    section: '1.5',
    says: 'closed settles when both streams are over, in either order',
    holds: async (lab) => {
      const [ours, theirs] = await lab.pair();
      await ours.info.writable.close();
      expect(await lab.stateOf(ours.socket.closed)).toBe('pending');
      await theirs.info.writable.close();
      await expect(ours.socket.closed).resolves.toBeUndefined();
    },
  },
  {
    section: '1.6',
    says: 'close() before opened is settled rejects with InvalidStateError, and the socket opens all the same',
    holds: async (lab) => {
      const [ours] = await lab.pair();
      const socket = new lab.tunnel.TCPSocket(OUR_V4, 80);
      await expect(socket.close()).rejects.toMatchObject(INVALID_STATE);
      await expect(socket.opened).resolves.toBeDefined();
      await ours.socket.close();
    },
  },
  {
    section: '1.6',
    says: 'close() after opened was rejected rejects with InvalidStateError',
    holds: async ({ tunnel }) => {
      const socket = new tunnel.TCPSocket(OUR_V4, 81);
      await expect(socket.opened).rejects.toMatchObject(NETWORK_ERROR);
      await expect(socket.close()).rejects.toMatchObject(INVALID_STATE);
    },
  },
  {
    section: '1.6',
    says: 'close() after closed is settled does as closed did',
    holds: async (lab) => {
      const other = new AbortController();
      const [, theirs] = await lab.pair({ signal: other.signal });
      other.abort();
      const failure: unknown = await theirs.socket.closed.catch((reason: unknown) => reason);
      await expect(theirs.socket.close()).rejects.toBe(failure);
      const [ours] = await lab.pair({}, { port: 82 });
      await ours.socket.close();
      await expect(ours.socket.close()).resolves.toBeUndefined();
    },
  },
  ...(['readable', 'writable'] as const).map(
    (which): Row => ({
      section: '1.6',
      says: `close() while ${which} is locked rejects with InvalidStateError and ends nothing`,
      holds: async (lab) => {
        const [ours] = await lab.pair();
        const lock = which === 'readable' ? ours.info.readable.getReader() : ours.info.writable.getWriter();
        await expect(ours.socket.close()).rejects.toMatchObject(INVALID_STATE);
        lock.releaseLock();
        expect(await lab.stateOf(ours.socket.closed)).toBe('pending');
        await expect(ours.socket.close()).resolves.toBeUndefined();
      },
    }),
  ),
  {
    section: '1.6',
    says: 'close() cancels readable and aborts writable; what writable had taken arrives',
    holds: async (lab) => {
      const [ours, theirs] = await lab.pair();
      await write(ours.info.writable, HELLO);
      await expect(ours.socket.close()).resolves.toBeUndefined();
      await expect(ours.info.readable.getReader().read()).resolves.toMatchObject({ done: true });
      await expect(write(ours.info.writable, HELLO)).rejects.toBeUndefined();
      expect(textOf(await readAll(theirs.info.readable))).toBe('hello');
    },
  },
  {
    section: '5.2',
    says: 'private addresses need no permission: those of a tunnel are what one asks for',
    holds: async (lab) => {
      const [ours] = await lab.pair();
      expect(ours.info.remoteAddress).toBe('10.0.0.2');
    },
  },
]);

function mistakes(cases: [what: string, options: unknown][], section: '1.1' | '1.1.1' = '1.1'): Row[] {
  return cases.map(([what, options]) => ({
    section,
    says: `${what} is a TypeError of the constructor`,
    holds: ({ tunnel }) => {
      expect(() => new (untyped(tunnel.TCPSocket))(OUR_V4, 80, options)).toThrow(TypeError);
    },
  }));
}

function failures(cases: [what: string, host: string, port: number, code: string | undefined][]): Row[] {
  return cases.map(([what, host, port, code]) => ({
    section: '1.1',
    says: `${what}: opened and closed reject with a NetworkError${code ? ` that has ${code} as its cause` : ''}`,
    holds: async ({ tunnel }) => {
      const socket = new tunnel.TCPSocket(host, port);
      const failure = code ? { ...NETWORK_ERROR, cause: { code } } : NETWORK_ERROR;
      await expect(socket.opened).rejects.toMatchObject(failure);
      await expect(socket.closed).rejects.toMatchObject(failure);
    },
  }));
}

function describeChunk(chunk: unknown): string {
  return ArrayBuffer.isView(chunk)
    ? 'a view of shared memory'
    : (JSON.stringify(chunk) ?? '').replace('{}', 'shared memory');
}
