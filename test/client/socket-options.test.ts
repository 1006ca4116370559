// What a page asks of its sockets, in the packets that leave. Two engines, and a line between them that can be cut.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineApi } from '../../src/bridge/api.ts';
import { EngineClient } from '../../src/client/engine-client.ts';
import { TCPServerSocket, type TCPServerSocketOptions } from '../../src/client/tcp-server-socket.ts';
import type { TCPSocket, TCPSocketOpenInfo, TCPSocketOptions } from '../../src/client/tcp-socket.ts';
import { IpAddress } from '../../src/core/address.ts';
import { openLocalChannel } from '../../src/node/local-channel.ts';
import { socketsOf } from '../../src/service/socket-list.ts';
import { EnginePair, OUR_V4, OUR_V6, PEER_V4, PEER_V6, type SeenPacket } from '../support/engine-pair.ts';

const PORT = 80;
const NAME_SERVER = '10.0.0.53';
const [SYN, ACK] = [2, 16];
const byte = Uint8Array.of(7);

let pair: EnginePair;

beforeEach(() => {
  pair = new EnginePair();
});

afterEach(() => pair.end());

/** Until whatever was posted has arrived. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function listen(options: TCPServerSocketOptions = {}): Promise<ReadableStream<TCPSocket>> {
  const { readable } = await pair.them.listen('::', { localPort: PORT, ...options }).opened;
  return readable;
}

/** Ours, open, and theirs. */
async function connection(options: TCPSocketOptions, theirs?: TCPServerSocketOptions, to = PEER_V4) {
  const accepted = (await listen(theirs)).getReader();
  const ours = pair.us.connect(to, PORT, options);
  const info = await ours.opened;
  const { value: other } = await accepted.read();
  return { ours, info, other: other!, otherInfo: await other!.opened };
}

async function write({ writable }: { writable: WritableStream<BufferSource> }, ...chunks: BufferSource[]) {
  const writer = writable.getWriter();
  for (const chunk of chunks) await writer.write(chunk);
  writer.releaseLock();
}

/** A byte each way, read: what is closed with something unread is reset. */
async function exchange(...ends: TCPSocketOpenInfo[]): Promise<void> {
  for (const end of ends) await write(end, byte);
  for (const { readable } of ends) {
    const reader = readable.getReader();
    await reader.read();
    reader.releaseLock();
  }
}

const texts = (packets: SeenPacket[]) =>
  packets.filter(({ length }) => length > 0).map(({ length }) => length);

/** What a promise is rejected with, and the code of its cause. */
async function failureOf(
  promise: Promise<unknown>,
): Promise<{ name?: string; code?: string; reason: unknown }> {
  const reason = await promise.then(
    () => 'fulfilled',
    (error: unknown) => error,
  );
  const { name, cause } = reason as { name?: string; cause?: { code: string } };
  return { ...(name && { name }), ...(cause && { code: cause.code }), reason };
}

describe.each([
  ['IPv4', PEER_V4],
  ['IPv6', PEER_V6],
])('a TCPSocket over %s', (_family, address) => {
  it('sends all its segments with `ttl` and the DSCP of `tos`', async () => {
    const { info, otherInfo, ours, other } = await connection({ ttl: 7, tos: 0xb8 }, {}, address);
    await exchange(info, otherInfo);
    await Promise.all([ours.close(), other.close()]);
    await quiet();
    expect(pair.ours.length).toBeGreaterThan(3);
    expect(new Set(pair.ours.map(({ ttl, tos }) => `${ttl} ${tos & 0xfc}`))).toEqual(new Set(['7 184']));
    expect(new Set(pair.theirs.map(({ ttl, tos }) => `${ttl} ${tos & 0xfc}`))).toEqual(new Set(['64 0']));
  });

  it('leaves the ECN bits to TCP', async () => {
    const { info } = await connection({ tos: 0xff }, {}, address);
    await write(info, byte);
    await quiet();
    const [syn] = pair.ours;
    expect(syn).toMatchObject({ flags: expect.any(Number), tos: 0xfc });
    expect(syn!.flags & SYN).toBe(SYN);
  });
});

describe('a TCPSocket', () => {
  it('with `noDelay` sends a small write at once, and without waits for the acknowledgement', async () => {
    for (const [noDelay, sent] of [
      [true, [1, 1]],
      [false, [1]],
    ] as const) {
      pair.end();
      pair = new EnginePair();
      const { info } = await connection({ noDelay });
      pair.isConnected = false;
      pair.ours.length = 0;
      await write(info, byte);
      await quiet();
      await write(info, byte);
      await quiet();
      expect(pair.us.lone.sent, `noDelay: ${noDelay}`).toHaveLength(sent.length);
      pair.isConnected = true;
      await quiet();
      expect(texts(pair.ours).slice(0, sent.length)).toEqual(sent);
    }
  });

  it('can have `noDelay` later', async () => {
    const { ours, info } = await connection({});
    pair.isConnected = false;
    await write(info, byte);
    await quiet();
    await write(info, byte);
    await quiet();
    expect(pair.us.lone.sent).toHaveLength(1);
    await ours.tune({ noDelay: true });
    expect(pair.us.lone.sent).toHaveLength(2);
  });

  it('with `keepAliveDelay` asks after so long a silence, and without never', async () => {
    const { info } = await connection({ keepAliveDelay: 5000 });
    await write(info, byte);
    await quiet();
    pair.advance(1000);
    await quiet();
    pair.ours.length = 0;
    pair.advance(3900);
    await quiet();
    expect(pair.ours).toEqual([]);
    pair.advance(200);
    await quiet();
    expect(pair.ours).toMatchObject([{ flags: ACK, length: 0 }]);
    // And the peer, which has none, only answers.
    expect(pair.theirs.at(-1)).toMatchObject({ flags: ACK, length: 0 });
  });

  it('can have `keepAliveDelay` later, and no more', async () => {
    const { ours } = await connection({});
    await quiet();
    pair.ours.length = 0;
    pair.advance(60_000);
    await quiet();
    expect(pair.ours).toEqual([]);
    // It has been silent for longer than that.
    await ours.tune({ keepAliveDelay: 2000 });
    await quiet();
    expect(pair.ours).toMatchObject([{ flags: ACK, length: 0 }]);
    await ours.tune({ keepAliveDelay: 0 });
    pair.advance(60_000);
    await quiet();
    expect(pair.ours).toHaveLength(1);
  });

  it('with `receiveBufferSize` is sent no more than that while nobody reads', async () => {
    for (const [receiveBufferSize, most] of [
      [8192, 8192],
      [undefined, 64 * 1024],
    ] as const) {
      pair.end();
      pair = new EnginePair();
      const { otherInfo } = await connection({ ...(receiveBufferSize && { receiveBufferSize }) });
      void otherInfo.writable
        .getWriter()
        .write(new Uint8Array(64 * 1024))
        .catch(() => {});
      for (let turn = 0; turn < 10; turn++) await quiet();
      const sent = texts(pair.theirs).reduce((sum, length) => sum + length, 0);
      expect(sent).toBeGreaterThan(most - 1400);
      expect(sent).toBeLessThanOrEqual(most);
    }
  });

  it('knows no round-trip time before one was measured', async () => {
    await listen();
    const ours = pair.us.connect(PEER_V4, PORT);
    const [opening] = socketsOf(pair.us.lone.stack);
    expect(opening!.tcp).toMatchObject({ state: 'SYN-SENT', rtt: undefined });
    await ours.opened;
    expect(await ours.info()).toMatchObject({ state: 'ESTABLISHED', rtt: 1 });
  });
});

describe('a TCPServerSocket', () => {
  it('sends with `ttl` and the DSCP of `tos`, from the first answer on, and so do those it accepts', async () => {
    const { otherInfo, info, ours, other } = await connection({}, { ttl: 9, tos: 0x48 });
    await exchange(info, otherInfo);
    await Promise.all([ours.close(), other.close()]);
    await quiet();
    expect(pair.theirs[0]!.flags & (SYN | ACK)).toBe(SYN | ACK);
    expect(pair.theirs.length).toBeGreaterThan(3);
    expect(new Set(pair.theirs.map(({ ttl, tos }) => `${ttl} ${tos & 0xfc}`))).toEqual(new Set(['9 72']));
  });

  it('with `allowHalfOpen` false accepts sockets that end with their peer', async () => {
    const { info, otherInfo, other } = await connection({}, { allowHalfOpen: false });
    await info.writable.close();
    expect(await otherInfo.readable.getReader().read()).toMatchObject({ done: true });
    await expect(info.readable.getReader().read()).resolves.toMatchObject({ done: true });
    await expect(other.closed).resolves.toBeUndefined();
  });

  it('accepts sockets that may be half open', async () => {
    const { info, otherInfo } = await connection({});
    await info.writable.close();
    expect(await otherInfo.readable.getReader().read()).toMatchObject({ done: true });
    await write(otherInfo, byte);
    expect(await info.readable.getReader().read()).toMatchObject({ value: byte });
  });

  it('does not open when its signal was aborted before', async () => {
    const server = pair.them.listen('::', { localPort: PORT, signal: AbortSignal.abort('no') });
    await expect(server.opened).rejects.toBe('no');
    await expect(server.closed).rejects.toBe('no');
    await expect(pair.them.listen('::', { localPort: PORT }).opened).resolves.toBeDefined();
  });

  it('that is aborted while it opens listens no more', async () => {
    const controller = new AbortController();
    const server = pair.them.listen('::', { localPort: PORT, signal: controller.signal });
    controller.abort('changed my mind');
    await expect(server.opened).rejects.toBe('changed my mind');
    await expect(server.closed).rejects.toBe('changed my mind');
    await quiet();
    await expect(pair.them.listen('::', { localPort: PORT }).opened).resolves.toBeDefined();
  });

  it('that is aborted later listens no more, and what was accepted lives on', async () => {
    const controller = new AbortController();
    const server = pair.them.listen('::', { localPort: PORT, signal: controller.signal });
    const reader = (await server.opened).readable.getReader();
    const ours = pair.us.connect(PEER_V4, PORT);
    const info = await ours.opened;
    const other = (await reader.read()).value!;
    const waiting = reader.read();
    controller.abort('enough');
    await expect(waiting).rejects.toBe('enough');
    await expect(server.closed).rejects.toBe('enough');
    await quiet();
    expect(await failureOf(pair.us.connect(PEER_V4, PORT).opened)).toMatchObject({
      code: 'ERR_CONNECTION_REFUSED',
    });
    await write(info, byte);
    expect(await (await other.opened).readable.getReader().read()).toMatchObject({ value: byte });
  });

  it('does not wait beyond `timeout` for an engine that says nothing', async () => {
    const silent = { listenTcp: () => new Promise(() => {}) } as Partial<EngineApi>;
    const engine = new EngineClient(silent as EngineApi, () => {}, openLocalChannel);
    const server = new TCPServerSocket(engine, '::', { timeout: 5 });
    expect(await failureOf(server.opened)).toMatchObject({ name: 'NetworkError', code: 'ERR_TIMEOUT' });
    expect(await failureOf(server.closed)).toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  it.each([
    ['ttl', 0],
    ['ttl', 256],
    ['tos', 256],
    ['timeout', 0],
  ])('refuses the %s %i', (name, value) => {
    expect(() => pair.us.listen('::', { [name]: value })).toThrow(TypeError);
  });
});

describe.each([
  ['IPv4', OUR_V4, PEER_V4],
  ['IPv6', OUR_V6, PEER_V6],
])('a UDPSocket over %s', (_family, _ours, remoteAddress) => {
  it('sends with `ttl` and all of `tos`', async () => {
    const { writable } = await pair.us.bind({ remoteAddress, remotePort: PORT, ttl: 3, tos: 0xff }).opened;
    await writable.getWriter().write({ data: byte });
    await quiet();
    expect(pair.ours).toMatchObject([{ protocol: 17, ttl: 3, tos: 0xff, length: 1 }]);
  });
});

describe('a UDPSocket to a name that nobody knows', () => {
  const options = { remoteAddress: 'slow.internal', remotePort: PORT };

  beforeEach(() => {
    const servers = [IpAddress.parse(NAME_SERVER)!];
    pair.us.lone.stack.names.configure({ servers, searchDomains: [] }, pair.us.lone.now);
  });

  it('waits for its address no longer than `timeout`', async () => {
    const socket = pair.us.bind({ ...options, timeout: 700 });
    let isOver = false;
    const failure = failureOf(socket.opened).finally(() => {
      isOver = true;
    });
    await quiet();
    pair.advance(690);
    await quiet();
    expect(isOver).toBe(false);
    pair.advance(10);
    expect(await failure).toMatchObject({ name: 'NetworkError', code: 'ERR_TIMEOUT' });
    expect(await failureOf(socket.closed)).toMatchObject({ code: 'ERR_TIMEOUT' });
    // The question is taken back.
    expect(pair.us.lone.stack.names.resolver.questionCount).toBe(0);
  });

  it('does not wait longer than its signal lets it', async () => {
    const controller = new AbortController();
    const socket = pair.us.bind({ ...options, signal: controller.signal });
    await quiet();
    expect(pair.us.lone.stack.names.resolver.questionCount).toBeGreaterThan(0);
    controller.abort('changed my mind');
    await expect(socket.opened).rejects.toBe('changed my mind');
    expect(pair.us.lone.stack.names.resolver.questionCount).toBe(0);
  });

  it('refuses a timeout of 0', () => {
    expect(() => pair.us.bind({ ...options, timeout: 0 })).toThrow(TypeError);
  });
});
