import { describe, expect, it } from 'vitest';
import { UDP_MESSAGE_OVERHEAD, UDP_RECEIVE_BYTES, UdpRing } from '../../../src/core/netstack/udp-ring.ts';
import { SeededRandom } from '../../support/random.ts';

const ADDRESS = Uint8Array.from({ length: 16 }, (_, i) => i + 1);

describe('the ring of received messages', () => {
  it('gives back what it was given, in order, however it grows and wraps', () => {
    const random = new SeededRandom(3);
    const ring = new UdpRing();
    const model: { data: Uint8Array; version: 4 | 6; port: number; ttl: number; tos: number }[] = [];
    const memory = new Uint8Array(16 + 70_000);
    memory.set(ADDRESS);
    let refused = 0;
    for (let step = 0; step < 3000; step++) {
      if (random.below(5) < (step % 600 < 300 ? 4 : 1)) {
        const length = random.below(10) === 0 ? random.below(60_000) : random.below(200);
        for (let i = 0; i < length; i += 97) memory[16 + i] = random.below(256);
        const version = random.below(2) === 0 ? 4 : 6;
        const [port, ttl, tos] = [random.below(65_536), random.below(256), random.below(256)];
        if (!ring.hasRoom(length)) {
          refused++;
          continue;
        }
        ring.push(memory, 16, 16 + length, version, 0, port, ttl, tos, step);
        model.push({ data: memory.slice(16, 16 + length), version, port, ttl, tos });
      } else {
        const expected = model.shift();
        const message = ring.shift();
        expect(message === undefined).toBe(expected === undefined);
        if (!expected || !message) continue;
        expect(Buffer.compare(message.data, expected.data)).toBe(0);
        expect(message).toMatchObject({ ttl: expected.ttl, tos: expected.tos });
        expect(message.remote.port).toBe(expected.port);
        expect(message.remote.address.bytes).toEqual(ADDRESS.slice(0, expected.version === 4 ? 4 : 16));
      }
    }
    expect(refused).toBeGreaterThan(10);
  });

  it('takes 256 KiB, headers included', () => {
    const ring = new UdpRing();
    const memory = new Uint8Array(66_000);
    let count = 0;
    for (; ring.hasRoom(1000 - UDP_MESSAGE_OVERHEAD); count++)
      ring.push(memory, 0, 1000 - UDP_MESSAGE_OVERHEAD, 4, 0, 1, 64, 0, 0);
    expect(count).toBe(Math.floor(UDP_RECEIVE_BYTES / 1000));
    const left = UDP_RECEIVE_BYTES - count * 1000;
    expect(ring.hasRoom(left - UDP_MESSAGE_OVERHEAD)).toBe(true);
    expect(ring.hasRoom(left - UDP_MESSAGE_OVERHEAD + 1)).toBe(false);
  });

  it('shares one remote among messages from one place', () => {
    const ring = new UdpRing();
    for (const port of [1, 1, 2]) ring.push(ADDRESS, 0, 0, 4, 0, port, 64, 0, 0);
    const [a, b, c] = [ring.shift()!, ring.shift()!, ring.shift()!];
    expect(a.remote).toBe(b.remote);
    expect(c.remote.port).toBe(2);
  });
});
