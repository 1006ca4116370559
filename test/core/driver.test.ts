import { describe, expect, it } from 'vitest';
import { Driver } from '../../src/core/driver.ts';
import type { Endpoint } from '../../src/core/endpoint.ts';
import type { PacketBuffer } from '../../src/core/packet-buffer.ts';
import { type Instant, NEVER } from '../../src/core/time.ts';
import type { DatagramTransport } from '../../src/core/transport.ts';
import type { TunnelCore } from '../../src/core/tunnel.ts';

describe('the loop', () => {
  it('goes on with the next event after a mistake in one', () => {
    const polls: Instant[] = [];
    let mistake = true;
    const tunnel = {
      poll(now: Instant) {
        polls.push(now);
        if (mistake) throw new Error('a mistake of ours');
      },
      pollAt: () => NEVER,
    } as unknown as TunnelCore;
    const transport = { flush() {}, close() {} } as unknown as DatagramTransport;
    const wakes: Instant[] = [];
    const clock = { now: () => 7, wakeAt: (at: Instant) => void wakes.push(at) };
    const driver = new Driver(clock, transport, tunnel, { afterPoll() {}, transportState() {}, slept() {} });
    expect(() => driver.settle()).toThrow('a mistake of ours');
    mistake = false;
    driver.settle();
    expect({ polls, wakes }).toEqual({ polls: [7, 7], wakes: [NEVER] });
  });

  /** A driver, and what it does in which order. */
  function recorded() {
    const done: string[] = [];
    const time = { now: 1000 };
    const tunnel = {
      catchUp: (now: Instant) => void done.push(`catch up ${now}`),
      receiveDatagram: (_datagram: PacketBuffer, _from: Endpoint, now: Instant) =>
        void done.push(`datagram ${now}`),
      poll: (now: Instant) => void done.push(`poll ${now}`),
      pollAt: () => NEVER,
    } as unknown as TunnelCore;
    const transport = { flush() {}, close() {} } as unknown as DatagramTransport;
    const driver = new Driver({ now: () => time.now, wakeAt() {} }, transport, tunnel, {
      afterPoll() {},
      transportState() {},
      slept: () => void done.push('slept'),
    });
    const receive = () => driver.receiveDatagram({} as PacketBuffer, {} as Endpoint);
    return { driver, time, receive, done };
  }

  it('does what is overdue before the first datagram of a batch, with one now for all of it', () => {
    const { driver, time, receive, done } = recorded();
    receive();
    time.now += 5;
    receive();
    driver.endBatch();
    time.now += 5;
    receive();
    expect(done).toEqual([
      'catch up 1000',
      'datagram 1000',
      'datagram 1000',
      'poll 1000',
      'catch up 1010',
      'datagram 1010',
    ]);
  });

  it('notices a sleep that is longer than sessions last, once and before anything else', () => {
    const { driver, time, done } = recorded();
    driver.settle();
    time.now += 180_000;
    driver.settle();
    expect(done.splice(0)).toEqual(['poll 1000', 'poll 181000']);
    time.now += 180_001;
    driver.settle();
    driver.settle();
    expect(done).toEqual(['slept', 'poll 361001', 'poll 361001']);
  });
});
