// How connections fail inside a tunnel, as the events of Node's `net` tell it: what a script on loopback cannot bring about.
import { getSystemErrorMap } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Tunnel } from '../../src/client/tunnel.ts';
import { TunnelError, type TunnelErrorCode } from '../../src/core/errors.ts';
import { toSystemError } from '../../src/shims/errors.ts';
import * as net from '../../src/shims/net.ts';
import { addressRecord } from '../support/dns-messages.ts';
import { EventLog } from '../support/event-log.ts';
import { LoneEngine } from '../support/lone-engine.ts';
import { OUR_V4, PEER_V4 } from '../support/lone-stack.ts';
import { icmpPacket } from '../support/packets.ts';
import { tcpPacket } from '../support/tcp-packets.ts';

const EVENTS = ['lookup', 'connect', 'ready', 'data', 'end', 'error', 'close'];

let engine: LoneEngine;
let tick: ReturnType<typeof setInterval>;

/** Time goes on by so many milliseconds with each of ours. */
function begin(pace: number, options?: ConstructorParameters<typeof LoneEngine>[0]): void {
  clearInterval(tick);
  engine = new LoneEngine(options);
  tick = setInterval(() => engine.advance(pace), 1);
  net.setDefaultTunnel(engine.asTunnel() as unknown as Tunnel);
}

beforeEach(() => begin(20));

afterEach(() => {
  clearInterval(tick);
  net.setDefaultTunnel(undefined);
});

function until(
  emitter: { once(event: string, listener: () => void): unknown },
  event: string,
): Promise<void> {
  return new Promise((resolve) => emitter.once(event, resolve));
}

function watched(socket: net.Socket): string[] {
  const log = new EventLog();
  log.watch('socket', socket as never, EVENTS);
  return log.lines;
}

/** What became of a connection that could not be made. */
async function visit(host: string): Promise<string[]> {
  const socket = net.connect(22, host);
  const lines = watched(socket);
  await until(socket, 'close');
  return lines;
}

const failed = (code: string, errno: number, address: string) => [
  `socket error {"message":"connect ${code} ${address}:22","code":"${code}","errno":${errno},"syscall":"connect","address":"${address}","port":22}`,
  'socket close true',
];

/** A connection to a peer that has said SYN-ACK and nothing since. */
async function connected(): Promise<net.Socket> {
  const socket = net.connect(22, PEER_V4);
  await expect.poll(() => engine.lone.sent.length).toBeGreaterThan(0);
  const syn = new DataView(engine.lone.take()[0]!.buffer);
  const ends = { source: PEER_V4, destination: OUR_V4, sourcePort: 22, destinationPort: syn.getUint16(20) };
  const ready = until(socket, 'ready');
  engine.lone.receive(tcpPacket({ ...ends, acknowledgment: (syn.getUint32(24) + 1) >>> 0, flags: 0x12 }));
  await ready;
  return socket;
}

/** As `tunnel.close()` has it for whoever still has sockets. */
async function closeTunnel(): Promise<void> {
  await engine.sockets.finish(100);
  engine.client.end(new TunnelError('ERR_CLOSED', 'The tunnel is closed.'));
}

describe('a connection that cannot be made', () => {
  it('because nobody answers is ETIMEDOUT, once it has tried for as long as TCP does', async () => {
    begin(1000);
    const began = engine.lone.now;
    expect(await visit(PEER_V4)).toEqual(failed('ETIMEDOUT', -110, PEER_V4));
    expect(engine.lone.now - began).toBeGreaterThan(60_000);
  });

  it.each([
    ['prohibits it', 13],
    ['knows no way to the host', 1],
  ])('because a router %s is EHOSTUNREACH', async (_, code) => {
    begin(code === 1 ? 1000 : 20);
    const visited = visit(PEER_V4);
    await expect.poll(() => engine.lone.sent.length).toBeGreaterThan(0);
    const [syn] = engine.lone.take();
    engine.lone.receive(icmpPacket({ source: '10.0.0.9', destination: OUR_V4, type: 3, code, data: syn! }));
    expect(await visited).toEqual(failed('EHOSTUNREACH', -113, PEER_V4));
  });

  it('because nobody answers at the address of a name says which one', async () => {
    begin(1000);
    engine.serveNames(({ name, type }) => ({ answers: type === 'A' ? [addressRecord(name, PEER_V4)] : [] }));
    expect(await visit('silent.test')).toEqual([
      `socket lookup null "${PEER_V4}" 4 "silent.test"`,
      ...failed('ETIMEDOUT', -110, PEER_V4),
    ]);
  });

  it('because no allowed IPs cover the address is ENETUNREACH', async () => {
    begin(20, { hasRoute: () => false });
    expect(await visit('192.0.2.1')).toEqual(failed('ENETUNREACH', -101, '192.0.2.1'));
  });

  it('to what is not one host’s address is ENETUNREACH', async () => {
    for (const address of ['10.0.0.255', '239.1.2.3'])
      expect(await visit(address)).toEqual(failed('ENETUNREACH', -101, address));
  });

  it('because the tunnel closes, or has closed, is ENETDOWN', async () => {
    const visited = visit(PEER_V4);
    await expect.poll(() => engine.lone.sent.length).toBeGreaterThan(0);
    await closeTunnel();
    const closed = failed('ENETDOWN', -100, PEER_V4);
    expect(await visited).toEqual(closed);
    expect(await visit(PEER_V4)).toEqual(closed);
  });
});

describe('a connection that was made', () => {
  it('ends with ENETDOWN when the tunnel closes', async () => {
    const socket = await connected();
    const lines = watched(socket);
    await Promise.all([until(socket, 'close'), closeTunnel()]);
    expect(lines).toEqual([
      'socket error {"message":"read ENETDOWN","code":"ENETDOWN","errno":-100,"syscall":"read"}',
      'socket close true',
    ]);
  });

  it('ends with ETIMEDOUT when what it says is never acknowledged', async () => {
    const socket = await connected();
    const lines = watched(socket);
    socket.write('is anybody there?');
    clearInterval(tick);
    tick = setInterval(() => engine.advance(1000), 1);
    await until(socket, 'close');
    expect(lines).toEqual([
      'socket error {"message":"read ETIMEDOUT","code":"ETIMEDOUT","errno":-110,"syscall":"read"}',
      'socket close true',
    ]);
  });
});

describe('every code', () => {
  const EXPECTED: Partial<Record<TunnelErrorCode, string>> = {
    ERR_CONNECTION_REFUSED: 'ECONNREFUSED',
    ERR_CONNECTION_RESET: 'ECONNRESET',
    ERR_TIMEOUT: 'ETIMEDOUT',
    ERR_HANDSHAKE_TIMEOUT: 'ETIMEDOUT',
    ERR_HOST_UNREACHABLE: 'EHOSTUNREACH',
    ERR_NO_ROUTE: 'ENETUNREACH',
    ERR_ADDRESS_IN_USE: 'EADDRINUSE',
    ERR_MESSAGE_TOO_LONG: 'EMSGSIZE',
    ERR_NOT_ALLOWED: 'EACCES',
    ERR_LIMIT: 'ENOBUFS',
    ERR_CLOSED: 'ENETDOWN',
    ERR_WORKER: 'ENETDOWN',
    ERR_CONFIG: 'EIO',
  };

  it.each(Object.entries(EXPECTED))('%s is %s, with its number in Node', (code, expected) => {
    const cause = new TunnelError(code as TunnelErrorCode, 'Why.');
    const reason = new DOMException('Why.', { name: 'NetworkError', cause } as never);
    const error = toSystemError(reason, 'connect', { address: '10.0.0.1', port: 22 });
    expect(error).toMatchObject({ code: expected, syscall: 'connect', address: '10.0.0.1', port: 22, cause });
    const { errno } = error as NodeJS.ErrnoException;
    expect(getSystemErrorMap().get(errno!)?.[0]).toBe(expected);
  });
});
