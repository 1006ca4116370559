// What a listener hands over before it is read: some, not many, and nothing of it is left when nobody reads any more.
import { beforeEach, describe, expect, it } from 'vitest';
import type { TCPServerSocket } from '../../src/client/tcp-server-socket.ts';
import type { TCPSocket } from '../../src/client/tcp-socket.ts';
import type { TunnelError } from '../../src/core/errors.ts';
import { LoneEngine } from '../support/lone-engine.ts';
import { OUR_V4 } from '../support/lone-stack.ts';

const PORT = 80;
/** The bound. */
const AHEAD = 16;

let engine: LoneEngine;
let server: TCPServerSocket;
let accepted: ReadableStreamDefaultReader<TCPSocket>;

beforeEach(async () => {
  engine = new LoneEngine();
  server = engine.listen('0.0.0.0', { localPort: PORT });
  accepted = (await server.opened).readable.getReader();
});

/** Until whatever was posted has arrived. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** So many connections at once, all of them open. */
async function callers(count: number): Promise<TCPSocket[]> {
  const sockets = Array.from({ length: count }, () => engine.connect(OUR_V4, PORT));
  await Promise.all(sockets.map(({ opened }) => opened));
  return sockets;
}

async function read(count: number): Promise<TCPSocket[]> {
  const sockets: TCPSocket[] = [];
  while (sockets.length < count) sockets.push((await accepted.read()).value!);
  return sockets;
}

/** The ends of connections that the engine and the page share: those that call, and those handed over. */
function shared(): number {
  let count = 0;
  for (let id = 1; id < 1000; id++)
    try {
      engine.sockets.tcpInfo(id);
      count++;
    } catch (error) {
      expect((error as TunnelError).code).toBe('ERR_CLOSED');
    }
  return count;
}

/** How each ended: `well`, or the code of its error. */
async function ends(sockets: TCPSocket[]): Promise<Set<string>> {
  const results = await Promise.allSettled(sockets.map(({ closed }) => closed));
  return new Set(
    results.map((result) =>
      result.status === 'fulfilled'
        ? 'well'
        : (((result.reason as Error).cause as TunnelError | undefined)?.code ?? String(result.reason)),
    ),
  );
}

describe('before they are read', () => {
  it('nothing is accepted until someone reads', async () => {
    await callers(5);
    await quiet();
    expect(shared()).toBe(5);
  });

  it('so many connections are handed over, and no more', async () => {
    await callers(60);
    await read(1);
    await quiet();
    expect(shared()).toBe(60 + AHEAD);
    await read(30);
    await quiet();
    expect(shared()).toBeGreaterThan(60 + 31);
    expect(shared()).toBeLessThanOrEqual(60 + 31 + AHEAD);
    await read(29);
    await quiet();
    expect(shared()).toBe(120);
  });

  it('several reads that wait each get their own', async () => {
    const waiting = Array.from({ length: 40 }, () => accepted.read());
    await quiet();
    await callers(40);
    const ports = new Set<number>();
    for (const { value } of await Promise.all(waiting)) ports.add((await value!.opened).remotePort);
    expect(ports.size).toBe(40);
  });

  it('a burst costs a few trips to the engine, not one for each', async () => {
    await callers(96);
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    await read(96);
    isOver = true;
    expect(turns).toBeLessThan(60);
  });

  it('what a connection says waits, and is there', async () => {
    const sockets = await callers(3);
    for (const [i, socket] of sockets.entries()) {
      const writer = (await socket.opened).writable.getWriter();
      await writer.write(new Uint8Array(70_000).fill(i));
      await writer.close();
    }
    await quiet();
    for (const [i, socket] of (await read(3)).entries()) {
      const bytes = await new Response((await socket.opened).readable).bytes();
      expect(Buffer.compare(bytes, new Uint8Array(70_000).fill(i))).toBe(0);
    }
  });
});

describe('a hundred at once that are closed at once', () => {
  it('end well on both sides', async () => {
    const ours = await callers(100);
    const theirs = await read(100);
    await Promise.all(theirs.map((socket) => socket.opened));
    for (const socket of theirs) void socket.close();
    for (const socket of ours) void socket.close();
    expect(await ends([...ours, ...theirs])).toEqual(new Set(['well']));
    await quiet();
    expect(shared()).toBe(0);
  });
});

describe('when the listener closes', () => {
  it('what was read lives on, and what was not is reset, handed over or not', async () => {
    const ours = await callers(40);
    const [theirs] = await read(1);
    await quiet();
    accepted.releaseLock();
    await server.close();
    await quiet();
    const { remotePort } = await theirs!.opened;
    const ports = await Promise.all(ours.map(async ({ opened }) => (await opened).localPort));
    const kept = ours[ports.indexOf(remotePort)]!;
    expect(await ends(ours.filter((socket) => socket !== kept))).toEqual(new Set(['ERR_CONNECTION_RESET']));
    expect(shared()).toBe(2);
    await Promise.all([kept.close(), theirs!.close()]);
    expect(await ends([kept, theirs!])).toEqual(new Set(['well']));
  });

  it('what is accepted at that moment is reset too', async () => {
    await callers(1);
    await read(1);
    accepted.releaseLock();
    // The engine may accept fifteen more, and does, before it hears that nobody wants them.
    const ours = Array.from({ length: 10 }, () => engine.connect(OUR_V4, PORT));
    await server.close();
    await quiet();
    const ended = await Promise.race([ends(ours), quiet().then(() => 'not yet')]);
    expect(ended).toEqual(new Set(['ERR_CONNECTION_RESET']));
    expect(shared()).toBe(2);
  });

  it('the tunnel’s end does not wait for those that nobody has read', async () => {
    await callers(20);
    await read(1);
    await quiet();
    const finished = engine.sockets.finish(2000);
    await quiet();
    expect(shared()).toBe(0);
    expect(await Promise.race([finished.then(() => 'finished'), quiet().then(() => 'waits')])).toBe(
      'finished',
    );
  });
});
