// Mistakes of the caller that only the engine can find. (Those that the page finds by itself throw at once.)
import { expect, it } from 'vitest';
import { LoneEngine } from '../support/lone-engine.ts';
import { PEER_V4 } from '../support/lone-stack.ts';

const data = new Uint8Array(1);

it('a UDP socket for port 0 is a RangeError, and `closed` says the same', async () => {
  const socket = new LoneEngine().bind({ remoteAddress: PEER_V4, remotePort: 0 });
  await expect(socket.opened).rejects.toThrow(new RangeError('remote.port: expected 1–65535, got 0'));
  await expect(socket.closed).rejects.toThrow(RangeError);
});

it('a message to port 0 is a RangeError of that write', async () => {
  const { writable } = await new LoneEngine().bind({ localAddress: '0.0.0.0' }).opened;
  const writing = writable.getWriter().write({ data, remoteAddress: PEER_V4, remotePort: 65_536 });
  await expect(writing).rejects.toThrow(new RangeError('to.port: expected 1–65535, got 0'));
});
