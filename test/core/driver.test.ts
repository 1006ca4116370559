import { describe, expect, it } from 'vitest';
import { Driver } from '../../src/core/driver.ts';
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
    const driver = new Driver(clock, transport, tunnel, { afterPoll() {}, transportState() {} });
    expect(() => driver.settle()).toThrow('a mistake of ours');
    mistake = false;
    driver.settle();
    expect({ polls, wakes }).toEqual({ polls: [7, 7], wakes: [NEVER] });
  });
});
