import { describe, expect, it } from 'vitest';
import { tcpPacket } from '../support/tcp-packets.ts';
import { Link, type LinkModel, PERFECT, printEvent } from './link.ts';
import type { LossModel } from './loss.ts';

interface Sent {
  at: number;
  number: number;
}

/** `count` packets of `size` bytes, one each `every` ms; what arrives when, by the packets' order. */
function through(
  model: Partial<LinkModel>,
  count: number,
  { every = 1, size = 100, only = undefined as ReadonlySet<string> | undefined } = {},
) {
  const arrived: Sent[] = [];
  const refused: number[] = [];
  let now = 0;
  const link = new Link(
    'a→',
    7,
    { ...PERFECT, ...model },
    {
      receive: (bytes) => arrived.push({ at: now, number: bytes[24]! * 256 + bytes[25]! }),
      tooLarge: (_, mtu) => refused.push(mtu),
    },
    only,
  );
  const pass = (until: number) => {
    for (; link.next <= until; link.deliver(now)) now = Math.max(now, link.next);
    now = until;
  };
  for (let i = 0; i < count; i++) {
    pass(i * every);
    link.take(
      tcpPacket({
        source: '10.0.0.1',
        destination: '10.0.0.2',
        sequence: i << 16,
        data: new Uint8Array(size - 40),
      }),
      now,
    );
  }
  pass(1e6);
  return { arrived, refused, link, numbers: arrived.map(({ number }) => number) };
}

function lost(loss: LossModel, count = 1000): number {
  return count - through({ loss }, count).arrived.length;
}

describe('a link of the simulator', () => {
  it('delays, and keeps the order whatever the jitter', () => {
    expect(through({ delay: 7 }, 3).arrived).toEqual([
      { at: 7, number: 0 },
      { at: 8, number: 1 },
      { at: 9, number: 2 },
    ]);
    const { numbers } = through({ jitter: 100 }, 50);
    expect(numbers).toEqual([...numbers].sort((x, y) => x - y));
  });

  it('lets through what its rate allows and drops the tail of what does not fit its queue', () => {
    const { arrived, link } = through({ delay: 0, rate: 10, queue: 300 }, 10, { size: 80 });
    expect(arrived.map(({ at }) => at).slice(0, 3)).toEqual([10, 20, 30]);
    expect(arrived.length).toBeLessThan(6);
    expect(link.events.every(({ what }) => what === 'queue full')).toBe(true);
  });

  it('loses as its model says', () => {
    expect(lost({ kind: 'bernoulli', probability: 0.1 })).toBeGreaterThan(60);
    expect(lost({ kind: 'bernoulli', probability: 0.1 })).toBeLessThan(150);
    expect(lost({ kind: 'periodic', every: 10 })).toBe(100);
    expect(lost({ kind: 'nth', numbers: [0, 5, 5000] })).toBe(2);
    expect(lost({ kind: 'first', of: 'data', count: 3 })).toBe(3);
    expect(lost({ kind: 'first', of: 'syn', count: 3 })).toBe(0);
    expect(lost({ kind: 'blackout', from: 900 })).toBe(100);
    const bursts: LossModel = { kind: 'bursts', toBad: 0.02, toGood: 0.2, whenGood: 0, whenBad: 1 };
    const { link } = through({ loss: bursts }, 1000);
    const inARow = link.events.filter(({ packet }, i) => link.events[i + 1]?.packet === packet + 1);
    expect(inARow.length).toBeGreaterThan(link.events.length / 2);
  });

  it('duplicates, reorders, and holds back until so many have overtaken', () => {
    expect(through({ duplicate: 1 }, 2).numbers).toEqual([0, 0, 1, 1]);
    const only = new Set([printEvent({ link: 'a→', packet: 1, what: 'held back', kind: 'data' })]);
    expect(through({ reorder: 1, reorderBy: { packets: 2 } }, 5, { only }).numbers).toEqual([0, 2, 3, 1, 4]);
    expect(through({ reorder: 1, reorderBy: { ms: 100 } }, 5, { only }).numbers.at(-1)).toBe(1);
  });

  it('corrupts a bit that the checksum notices', () => {
    const { link, numbers } = through({ corrupt: 0.5 }, 100);
    expect(numbers).toHaveLength(100);
    expect(link.events.length).toBeGreaterThan(30);
  });

  it('stalls, and then delivers in one burst', () => {
    const { arrived } = through({ delay: 0, stall: { every: 100, length: 50 } }, 100);
    expect(arrived.filter(({ at }) => at > 50 && at < 100)).toEqual([]);
    expect(arrived.filter(({ at }) => at === 100).length).toBeGreaterThan(40);
  });

  it('delivers in batches', () => {
    const { arrived } = through({ delay: 3, batch: 10 }, 30);
    expect(new Set(arrived.map(({ at }) => at))).toEqual(new Set([10, 20, 30, 40]));
  });

  it('thins pure ACKs that wait together', () => {
    expect(through({ thinning: 1 }, 8, { size: 40 }).numbers.length).toBeLessThan(4);
    expect(through({ thinning: 1 }, 8, { size: 41 }).numbers).toHaveLength(8);
  });

  it('refuses what is larger than its MTU, and says so unless it is a black hole', () => {
    expect(through({ mtu: 99 }, 2).refused).toEqual([99, 99]);
    const { refused, numbers } = through({ mtu: 99, isBlackHole: true }, 2);
    expect([refused, numbers]).toEqual([[], []]);
  });
});
