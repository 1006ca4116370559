// A socket's streams are made when they are first asked for; whether they are or not, the connection does the same. Both
// ends are ours, on a stack that reaches itself.
import { beforeEach, describe, expect, it } from 'vitest';
import type { TCPSocket, TCPSocketOpenInfo, TCPSocketOptions } from '../../src/client/tcp-socket.ts';
import { TunnelError } from '../../src/core/errors.ts';
import { LoneEngine } from '../support/lone-engine.ts';
import { OUR_V4 } from '../support/lone-stack.ts';

const PORT = 80;
const HELLO = new TextEncoder().encode('hello');

interface End {
  socket: TCPSocket;
  info: TCPSocketOpenInfo;
}

let engine: LoneEngine;
let accepted: ReadableStreamDefaultReader<TCPSocket>;

beforeEach(async () => {
  engine = new LoneEngine();
  const { readable } = await engine.listen('0.0.0.0', { localPort: PORT, noDelay: true }).opened;
  accepted = readable.getReader();
});

/** Our end and the other one. */
async function pair(options: TCPSocketOptions = {}): Promise<{ ours: End; theirs: End }> {
  const socket = engine.connect(OUR_V4, PORT, { noDelay: true, ...options });
  const info = await socket.opened;
  const { value: other } = await accepted.read();
  return { ours: { socket, info }, theirs: { socket: other!, info: await other!.opened } };
}

/** Until whatever was posted has arrived. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function write({ info }: End, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const writer = info.writable.getWriter();
  await writer.write(bytes);
  writer.releaseLock();
}

/** To the end; the stream is free again afterwards. */
async function readAll({ info }: End): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const reader = info.readable.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) parts.push(read.value);
  reader.releaseLock();
  return Buffer.concat(parts);
}

/** `pending`, `fulfilled`, or what it was rejected with. */
async function stateOf(promise: Promise<unknown>): Promise<unknown> {
  return Promise.race([
    promise.then(
      () => 'fulfilled',
      (reason: unknown) => reason ?? 'rejected',
    ),
    quiet().then(() => 'pending'),
  ]);
}

describe('what `opened` resolves with', () => {
  it('is a dictionary of six members, whoever looks', async () => {
    const { ours } = await pair();
    const { info } = ours;
    const members = ['readable', 'writable', 'remoteAddress', 'remotePort', 'localAddress', 'localPort'];
    expect(Object.keys(info)).toEqual(members);
    expect(Object.getPrototypeOf(info)).toBe(Object.prototype);
    expect(Object.keys(JSON.parse(JSON.stringify(info)))).toEqual(members);
    const { readable, writable } = info;
    expect(readable).toBeInstanceOf(ReadableStream);
    expect(writable).toBeInstanceOf(WritableStream);
    expect({ ...info }).toEqual({
      readable,
      writable,
      remoteAddress: OUR_V4,
      remotePort: PORT,
      localAddress: OUR_V4,
      localPort: info.localPort,
    });
  });

  it('has the same streams each time, also through `opened` again and through a proxy', async () => {
    const { ours } = await pair();
    const again = await ours.socket.opened;
    expect(again).toBe(ours.info);
    expect(again.readable).toBe(ours.info.readable);
    expect(new Proxy(again, {}).writable).toBe(ours.info.writable);
    expect(Object.create(again).writable).toBe(ours.info.writable);
  });

  it('can have its members replaced, as a dictionary can', async () => {
    const { ours } = await pair();
    const decoded = ours.info.readable.pipeThrough(
      new TextDecoderStream() as unknown as ReadableWritablePair<
        Uint8Array<ArrayBuffer>,
        Uint8Array<ArrayBuffer>
      >,
    );
    ours.info.readable = decoded;
    expect(ours.info.readable).toBe(decoded);
    expect(Object.keys(ours.info)).toContain('readable');
  });
});

describe('a socket whose streams nobody touched', () => {
  it('closes gracefully: the other side reads the end, and both are closed', async () => {
    const { ours, theirs } = await pair();
    const closing = ours.socket.close();
    expect(await readAll(theirs)).toHaveLength(0);
    await expect(closing).resolves.toBeUndefined();
    await theirs.info.writable.close();
    await expect(theirs.socket.closed).resolves.toBeUndefined();
    await expect(ours.socket.close()).resolves.toBeUndefined();
  });

  it('has, once closed, a readable that is closed and a writable that is aborted', async () => {
    const { ours, theirs } = await pair();
    await write(theirs, HELLO);
    await quiet();
    await ours.socket.close();
    await expect(ours.info.readable.getReader().read()).resolves.toEqual({ done: true, value: undefined });
    expect(await stateOf(ours.info.writable.getWriter().closed)).toBe('rejected');
  });

  it('keeps what arrives, up to the end, for whoever comes later', async () => {
    const { ours, theirs } = await pair();
    await write(theirs, HELLO);
    await write(theirs, HELLO);
    await theirs.info.writable.close();
    await quiet();
    const reader = ours.info.readable.getReader({ mode: 'byob' });
    const { value } = await reader.read(new Uint8Array(7));
    expect(new TextDecoder().decode(value)).toBe('hellohe');
    reader.releaseLock();
    expect(new TextDecoder().decode(await readAll(ours))).toBe('llo');
  });

  it('is closed when the other side has ended and our writable is closed, though nobody read', async () => {
    const { ours, theirs } = await pair();
    await write(theirs, HELLO);
    await theirs.info.writable.close();
    expect(await stateOf(ours.socket.closed)).toBe('pending');
    await ours.info.writable.close();
    await expect(ours.socket.closed).resolves.toBeUndefined();
    expect(new TextDecoder().decode(await readAll(ours))).toBe('hello');
  });

  it('stays half open when one stream is cancelled', async () => {
    const { ours, theirs } = await pair();
    await ours.info.readable.cancel();
    expect(await stateOf(ours.socket.closed)).toBe('pending');
    await write(ours, HELLO);
    await ours.socket.close();
    expect(new TextDecoder().decode(await readAll(theirs))).toBe('hello');
  });

  it('stays half open when one stream is aborted: the other side reads its end', async () => {
    const { ours, theirs } = await pair();
    await ours.info.writable.abort();
    expect(await readAll(theirs)).toHaveLength(0);
    await write(theirs, HELLO);
    await theirs.socket.close();
    expect(new TextDecoder().decode(await readAll(ours))).toBe('hello');
    await expect(ours.socket.closed).resolves.toBeUndefined();
  });
});

describe('a reader that stops', () => {
  const MIB = 1 << 20;

  /** Writes `total` bytes, each of which says in which 64 KiB it is. */
  async function writeAll({ info }: End, total: number): Promise<void> {
    const writer = info.writable.getWriter();
    for (let at = 0; at < total; at += 65_536)
      await writer.write(new Uint8Array(Math.min(65_536, total - at)).fill(at >> 16));
    await writer.close();
  }

  /** Bytes that have come, once no more do. */
  async function taken({ socket }: End): Promise<number> {
    for (let before = -1; ; ) {
      for (let second = 0; second < 20; second++) {
        engine.advance(100);
        await quiet();
      }
      const { bytesReceived } = await socket.info();
      if (bytesReceived === before) return before;
      before = bytesReceived;
    }
  }

  async function arrives(end: End, total: number): Promise<void> {
    const pace = setInterval(() => engine.advance(1000));
    const got = await readAll(end);
    clearInterval(pace);
    expect(got).toHaveLength(total);
    expect(got.every((byte, i) => byte === ((i >> 16) & 0xff))).toBe(true);
  }

  for (const size of [1, 100, 5000, 65_536, 300_000, MIB])
    it(`costs its receiveBufferSize and no more, here and in the engine together: ${size}`, async () => {
      const { ours, theirs } = await pair({ receiveBufferSize: size });
      const total = size < 5000 ? 2000 : 4 * MIB;
      const writing = writeAll(theirs, total);
      const cost = await taken(ours);
      expect(cost).toBeLessThanOrEqual(size);
      expect(cost).toBeGreaterThan(0.49 * size);
      await arrives(ours, total);
      await writing;
    });

  it('costs 16 MiB in the engine at most, and 256 KiB here, if it read fast before and said nothing of a size', async () => {
    const { ours, theirs } = await pair();
    const total = 32 * MIB;
    const writing = writeAll(theirs, total);
    const reader = ours.info.readable.getReader();
    // Twelve megabytes in what is hardly a round trip by the stack's clock: the peer could use twice as many in the next.
    let read = 0;
    while (read < 12 * MIB) {
      const stuck = setTimeout(() => engine.advance(50), 20);
      read += (await reader.read()).value!.length;
      clearTimeout(stuck);
    }
    engine.advance(1000);
    reader.releaseLock();
    const cost = (await taken(ours)) - read;
    expect(cost).toBeLessThanOrEqual(16.25 * MIB);
    expect(cost).toBeGreaterThan(15 * MIB);
    await ours.socket.close();
    await writing.catch(() => {});
  });

  it('that wants more at once than the buffer may hold gets it', async () => {
    const { ours, theirs } = await pair({ receiveBufferSize: 5000 });
    const writing = writeAll(theirs, 100_000);
    const reader = ours.info.readable.getReader({ mode: 'byob' });
    // Newer than the types: as many as that at least.
    const options = { min: 50_000 } as object;
    const pace = setInterval(() => engine.advance(100));
    const read = reader.read as (view: Uint8Array, options: object) => ReturnType<typeof reader.read>;
    const { value } = await read.call(reader, new Uint8Array(60_000), options);
    expect(value!.byteLength).toBeGreaterThanOrEqual(50_000);
    reader.releaseLock();
    await readAll(ours);
    clearInterval(pace);
    await writing;
  });
});

it('an end in the middle of an element that a reader waits for is his error, and no more', async () => {
  const { ours, theirs } = await pair();
  const reader = ours.info.readable.getReader({ mode: 'byob' });
  await write(theirs, HELLO);
  expect((await reader.read(new Uint16Array(8))).value).toHaveLength(2);
  const rest = reader.read(new Uint16Array(8));
  await theirs.info.writable.close();
  await expect(rest).rejects.toThrow(TypeError);
  reader.releaseLock();
  await write(ours, HELLO);
  await ours.info.writable.close();
  expect(await readAll(theirs)).toHaveLength(5);
  expect(await ours.socket.closed).toBeUndefined();
});

describe('an error before a stream was touched', () => {
  const cases: { name: string; happen(other: AbortController): void; code: string }[] = [
    { name: 'a reset', happen: (other) => other.abort(), code: 'ERR_CONNECTION_RESET' },
    {
      name: 'the death of the engine',
      happen: () => engine.client.end(new TunnelError('ERR_WORKER', 'The worker died.')),
      code: 'ERR_WORKER',
    },
  ];
  for (const { name, code, happen } of cases) {
    it(`${name}: streams that are made later are errored, and \`closed\` rejects`, async () => {
      const other = new AbortController();
      const { theirs } = await pair({ signal: other.signal });
      happen(other);
      await quiet();
      const failure = { name: 'NetworkError', cause: { code } };
      await expect(theirs.info.readable.getReader().read()).rejects.toMatchObject(failure);
      await expect(theirs.info.writable.getWriter().write(HELLO)).rejects.toMatchObject(failure);
      await expect(theirs.socket.closed).rejects.toMatchObject(failure);
      await expect(theirs.socket.close()).rejects.toMatchObject(failure);
    });
  }

  it('a signal: its reason is the error of both streams, and of `closed`', async () => {
    const controller = new AbortController();
    const { ours } = await pair({ signal: controller.signal });
    const reason = new Error('changed my mind');
    controller.abort(reason);
    await expect(ours.socket.closed).rejects.toBe(reason);
    await expect(ours.info.readable.getReader().read()).rejects.toBe(reason);
    await expect(ours.info.writable.getWriter().closed).rejects.toBe(reason);
  });

  it('a connection that is refused rejects `opened` and `closed` with the same NetworkError', async () => {
    const socket = engine.connect(OUR_V4, 9);
    const failure = await stateOf(socket.opened);
    expect(failure).toMatchObject({ name: 'NetworkError', cause: { code: 'ERR_CONNECTION_REFUSED' } });
    await expect(socket.closed).rejects.toBe(failure);
    await expect(socket.close()).rejects.toMatchObject({ name: 'InvalidStateError' });
  });
});

describe('a chunk that is none', () => {
  it('ends our half, as aborting does, and the socket can be closed, which says so again', async () => {
    const { ours, theirs } = await pair();
    await write(ours, HELLO);
    const writer = ours.info.writable.getWriter();
    await expect(writer.write('hello' as unknown as BufferSource)).rejects.toThrow(TypeError);
    writer.releaseLock();
    expect(await readAll(theirs)).toEqual(Buffer.from(HELLO));
    expect(await stateOf(ours.socket.closed)).toBe('pending');
    await expect(ours.socket.close()).rejects.toThrow(TypeError);
  });
});

describe('without half-open', () => {
  it('the end of the other side ends ours, and a writable made later says why', async () => {
    const { ours, theirs } = await pair({ allowHalfOpen: false });
    await theirs.info.writable.close();
    await quiet();
    await expect(ours.info.writable.getWriter().write(HELLO)).rejects.toMatchObject({
      name: 'InvalidStateError',
    });
    await expect(ours.socket.closed).resolves.toBeUndefined();
    expect(await readAll(theirs)).toHaveLength(0);
  });
});

describe('close()', () => {
  it('rejects before the socket is open, and while a stream is locked', async () => {
    const early = engine.connect(OUR_V4, PORT);
    await expect(early.close()).rejects.toMatchObject({ name: 'InvalidStateError' });
    await early.opened;
    const { ours } = await pair();
    const reader = ours.info.readable.getReader();
    await expect(ours.socket.close()).rejects.toMatchObject({ name: 'InvalidStateError' });
    reader.releaseLock();
    const writer = ours.info.writable.getWriter();
    await expect(ours.socket.close()).rejects.toMatchObject({ name: 'InvalidStateError' });
    writer.releaseLock();
    await expect(ours.socket.close()).resolves.toBeUndefined();
  });

  it('delivers what was written', async () => {
    const { ours, theirs } = await pair();
    await write(ours, new Uint8Array(100_000).fill(7));
    const closing = ours.socket.close();
    const got = readAll(theirs);
    for (let i = 0; i < 50; i++) {
      engine.advance(100);
      await quiet();
    }
    expect(await got).toHaveLength(100_000);
    await closing;
  });
});
