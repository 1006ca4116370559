// A UDP socket's streams are made when they are first asked for; whether they are or not, the socket does the same.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { UDPSocket, UDPSocketOpenInfo } from '../../src/client/udp-socket.ts';
import { TunnelError } from '../../src/core/errors.ts';
import { LoneEngine } from '../support/lone-engine.ts';
import { OUR_V4 } from '../support/lone-stack.ts';

const PORT = 53;

let engine: LoneEngine;

beforeEach(() => {
  engine = new LoneEngine();
});

/** Until whatever was posted has arrived. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function bound(localPort = PORT): Promise<{ socket: UDPSocket; info: UDPSocketOpenInfo }> {
  const socket = engine.bind({ localAddress: OUR_V4, localPort });
  return { socket, info: await socket.opened };
}

async function connected(): Promise<{ socket: UDPSocket; info: UDPSocketOpenInfo }> {
  const socket = engine.bind({ remoteAddress: OUR_V4, remotePort: PORT });
  return { socket, info: await socket.opened };
}

async function send({ info }: { info: UDPSocketOpenInfo }, ...texts: string[]): Promise<void> {
  const writer = info.writable.getWriter();
  for (const text of texts) await writer.write({ data: new TextEncoder().encode(text) });
  writer.releaseLock();
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
  it('lists both streams, and always the same', async () => {
    const { info } = await bound();
    expect(Object.keys(info)).toEqual([
      'readable',
      'writable',
      'localAddress',
      'localPort',
      'multicastController',
    ]);
    expect(info.readable).toBeInstanceOf(ReadableStream);
    expect(info.writable).toBeInstanceOf(WritableStream);
    expect(info.readable).toBe(info.readable);
    expect({ ...info }.writable).toBe(info.writable);
  });

  it('makes no stream that nobody asks for', async () => {
    const made: string[] = [];
    for (const name of ['ReadableStream', 'WritableStream'] as const) {
      const construct: ProxyHandler<new () => object>['construct'] = (target, args) => {
        made.push(name);
        return Reflect.construct(target, args) as object;
      };
      vi.stubGlobal(name, new Proxy(globalThis[name] as new () => object, { construct }));
    }
    try {
      const { socket, info } = await bound();
      expect(made).toEqual([]);
      expect(info.writable).toBeDefined();
      expect(made).toEqual(['WritableStream']);
      await socket.close();
      expect(made).toEqual(['WritableStream']);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

describe('without streams', () => {
  it('datagrams wait in order until somebody reads', async () => {
    const theirs = await bound();
    await send(await connected(), 'one', 'two', 'three');
    await quiet();
    const reader = theirs.info.readable.getReader();
    for (const text of ['one', 'two', 'three']) {
      const { value } = await reader.read();
      expect(new TextDecoder().decode(value!.data)).toBe(text);
      expect(value!.remoteAddress).toBe(OUR_V4);
    }
  });

  it('close() closes, and the port is free again', async () => {
    const { socket, info } = await bound();
    await socket.close();
    expect(await stateOf(socket.closed)).toBe('fulfilled');
    expect((await info.readable.getReader().read()).done).toBe(true);
    const writer = info.writable.getWriter();
    await expect(writer.write({ data: new Uint8Array(1) })).rejects.toBeUndefined();
    await expect(bound()).resolves.toBeDefined();
  });

  it('an error is what streams that are made later begin with', async () => {
    const { socket, info } = await connected();
    engine.client.end(new TunnelError('ERR_WORKER', 'The engine died.'));
    await expect(socket.closed).rejects.toThrow('The engine died.');
    await expect(info.readable.getReader().read()).rejects.toThrow('The engine died.');
    await expect(info.writable.getWriter().closed).rejects.toThrow('The engine died.');
  });

  it('one direction can be closed before the other is asked for', async () => {
    const { socket, info } = await bound();
    await info.writable.close();
    expect(await stateOf(socket.closed)).toBe('pending');
    await socket.close();
    expect(await stateOf(socket.closed)).toBe('fulfilled');
  });
});

describe('a signal', () => {
  it('that aborts while the socket opens rejects `opened` and frees the port', async () => {
    const controller = new AbortController();
    const socket = engine.bind({ localAddress: OUR_V4, localPort: PORT, signal: controller.signal });
    const reason = new Error('changed my mind');
    controller.abort(reason);
    await expect(socket.opened).rejects.toBe(reason);
    await expect(socket.closed).rejects.toBe(reason);
    await quiet();
    await expect(bound()).resolves.toBeDefined();
  });

  it('is let go when the socket is closed', async () => {
    const { signal } = new AbortController();
    const removed = vi.spyOn(signal, 'removeEventListener');
    const socket = engine.bind({ localAddress: OUR_V4, localPort: PORT, signal });
    await socket.opened;
    await socket.close();
    await quiet();
    expect(removed).toHaveBeenCalledOnce();
  });
});

describe('a message that cannot be sent', () => {
  it.each(['close()', 'cancel()'])(
    'ends the writable, and %s ends the socket, which says so again',
    async (how) => {
      const { socket, info } = await connected();
      const writer = info.writable.getWriter();
      await expect(writer.write({ data: new Uint8Array(1), remoteAddress: OUR_V4 })).rejects.toThrow(
        TypeError,
      );
      writer.releaseLock();
      expect(await stateOf(socket.closed)).toBe('pending');
      if (how === 'close()') await expect(socket.close()).rejects.toThrow(TypeError);
      else await info.readable.cancel();
      await expect(socket.closed).rejects.toThrow(TypeError);
      await expect(bound(info.localPort)).resolves.toBeDefined();
    },
  );
});
