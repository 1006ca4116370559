// Mistakes of the caller that only the engine can find. (Those that the page finds by itself throw at once.)
import { expect, it } from 'vitest';
import { LoneEngine } from '../support/lone-engine.ts';
import { PEER_V4 } from '../support/lone-stack.ts';

const data = new Uint8Array(1);

it('a UDP socket for port 0 is a NetworkError whose cause is the mistake, and `closed` says the same', async () => {
  const socket = new LoneEngine().bind({ remoteAddress: PEER_V4, remotePort: 0 });
  const cause = new RangeError('remote.port: expected 1–65535, got 0');
  const failure: unknown = await socket.opened.catch((reason: unknown) => reason);
  expect(failure).toMatchObject({ name: 'NetworkError', message: cause.message, cause });
  await expect(socket.closed).rejects.toBe(failure);
});

it('a message to port 0 is a NetworkError of that write', async () => {
  const { writable } = await new LoneEngine().bind({ localAddress: '0.0.0.0' }).opened;
  const writing = writable.getWriter().write({ data, remoteAddress: PEER_V4, remotePort: 65_536 });
  const cause = new RangeError('to.port: expected 1–65535, got 0');
  await expect(writing).rejects.toMatchObject({ name: 'NetworkError', cause });
});
