// setNoDelay and setKeepAlive of the stand-in for `net`, in the packets that leave.
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Tunnel } from '../../src/client/tunnel.ts';
import * as net from '../../src/shims/net.ts';
import { EnginePair, PEER_V4 } from '../support/engine-pair.ts';

const PORT = 80;

let pair: EnginePair;

beforeEach(async () => {
  pair = new EnginePair();
  net.setDefaultTunnel(pair.us.asTunnel() as unknown as Tunnel);
  const { readable } = await pair.them.listen('::', { localPort: PORT }).opened;
  void readable.pipeTo(new WritableStream());
});

afterEach(() => {
  net.setDefaultTunnel(undefined);
  pair.end();
});

async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

type Options = Parameters<typeof net.connect>[0] & object;

async function open(options: object = {}, before: (socket: net.Socket) => void = () => {}) {
  const socket = net.connect({ host: PEER_V4, port: PORT, ...options } as Options) as net.Socket;
  before(socket);
  await once(socket, 'connect');
  await quiet();
  return socket;
}

/** Packets that leave for two small writes, the first of which nobody acknowledges. */
async function packetsOfTwoWrites(socket: net.Socket): Promise<number> {
  pair.isConnected = false;
  for (const text of ['a', 'b']) {
    socket.write(text);
    await quiet();
  }
  return pair.us.lone.sent.length;
}

/** Probes in so many milliseconds of silence. */
async function probesIn(time: number): Promise<number> {
  pair.ours.length = 0;
  pair.advance(time);
  await quiet();
  return pair.ours.length;
}

it.each([
  ['by default small writes wait', {}, () => {}, 1],
  ['noDelay of connect', { noDelay: true }, () => {}, 2],
  ['setNoDelay before there is a connection', {}, (socket: net.Socket) => void socket.setNoDelay(), 2],
  ['taken back before', { noDelay: true }, (socket: net.Socket) => void socket.setNoDelay(false), 1],
])('%s', async (_, options, before, packets) => {
  expect(await packetsOfTwoWrites(await open(options, before))).toBe(packets);
});

it('setNoDelay sends what waits', async () => {
  const socket = await open();
  expect(await packetsOfTwoWrites(socket)).toBe(1);
  socket.setNoDelay(true);
  await quiet();
  expect(pair.us.lone.sent).toHaveLength(2);
});

it.each([
  ['keepAlive of connect', { keepAlive: true, keepAliveInitialDelay: 3000 }, () => {}],
  [
    'setKeepAlive before there is a connection',
    {},
    (socket: net.Socket) => void socket.setKeepAlive(true, 3000),
  ],
])('%s', async (_, options, before) => {
  await open(options, before);
  expect(await probesIn(2900)).toBe(0);
  expect(await probesIn(200)).toBe(1);
});

it('setKeepAlive later, and no more', async () => {
  const socket = await open();
  expect(await probesIn(600_000)).toBe(0);
  socket.setKeepAlive(true, 3000);
  await quiet();
  expect(await probesIn(3100)).toBe(1);
  socket.setKeepAlive(false);
  await quiet();
  expect(await probesIn(600_000)).toBe(0);
});
