import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/core/address.ts';
import {
  EphemeralPorts,
  FIRST_EPHEMERAL_PORT,
  LAST_EPHEMERAL_PORT,
} from '../../../src/core/netstack/ports.ts';
import { NobleSuite } from '../../reference/noble-suite.ts';
import { SeededRandom } from '../../support/random.ts';

const us = IpAddress.parse('10.0.0.2')!;
const server = IpAddress.parse('10.0.0.1')!;
const another = IpAddress.parse('10.0.0.3')!;

function ports(seed = 1): EphemeralPorts {
  const crypto = new NobleSuite();
  const random = new SeededRandom(seed);
  return new EphemeralPorts({ crypto, memory: crypto.memory, fillRandom: random.fill, wallClock: () => 0 });
}

const free = () => false;

describe('ephemeral ports', () => {
  it('go up one by one for one destination, so that none comes again soon', () => {
    const from = ports();
    const first = from.next(us, server, 80, free)!;
    for (let i = 1; i < 100; i++) {
      const range = LAST_EPHEMERAL_PORT - FIRST_EPHEMERAL_PORT + 1;
      expect(from.next(us, server, 80, free)).toBe(
        FIRST_EPHEMERAL_PORT + ((first - FIRST_EPHEMERAL_PORT + i) % range),
      );
    }
  });

  it('begin elsewhere for another address, port or run', () => {
    const from = ports();
    const firsts = new Set([
      from.next(us, server, 80, free),
      from.next(us, server, 81, free),
      from.next(us, another, 80, free),
      from.next(another, server, 80, free),
      ports(2).next(us, server, 80, free),
    ]);
    expect(firsts.size).toBe(5);
  });

  it('pass over those that are taken, and end when all are', () => {
    const from = ports();
    const only = 40_000;
    const isTaken = (port: number) => port !== only;
    expect(from.next(us, server, 80, isTaken)).toBe(only);
    expect(from.random(isTaken)).toBe(only);
    expect(from.next(us, server, 80, () => true)).toBeUndefined();
    expect(from.random(() => true)).toBeUndefined();
  });

  it('are spread over the whole range at random', () => {
    const from = ports();
    const seen = Array.from({ length: 2000 }, () => from.random(free)!);
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(FIRST_EPHEMERAL_PORT);
    expect(Math.max(...seen)).toBeLessThanOrEqual(LAST_EPHEMERAL_PORT);
    expect(new Set(seen.map((port) => port >> 10)).size).toBe(28);
  });
});
