import { describe, expect, it } from 'vitest';
import { DownQueue, QueueBudget } from '../../../src/core/queue/down-queue.ts';
import { MAX_MESSAGE, RecordReader, RecordWriter } from '../../../src/core/wire/relay.ts';

const NOW = 1000;
const datagram = (fill: number, length = 1000) => new Uint8Array(length).fill(fill);

describe('what waits for a slow client', () => {
  function take(queue: DownQueue, room = Number.POSITIVE_INFINITY, now = NOW): [number, number][] {
    const message = new RecordWriter(new Uint8Array(MAX_MESSAGE));
    queue.fill(message, room, now);
    const reader = new RecordReader();
    reader.begin(message.bytes, 0, message.end);
    const list: [number, number][] = [];
    while (reader.next()) list.push([reader.channel, message.bytes[reader.start]!]);
    return list;
  }

  it('leaves in order, control and handshakes first', () => {
    const queue = new DownQueue(new QueueBudget(1e9), 1e6);
    queue.pushData(1, datagram(1), NOW);
    queue.pushData(1, datagram(2), NOW);
    queue.pushFirst(0, datagram(9, 5));
    queue.pushFirst(1, datagram(8, 92));
    expect(take(queue)).toEqual([
      [0, 9],
      [1, 8],
      [1, 1],
      [1, 2],
    ]);
    expect(queue.isEmpty).toBe(true);
    expect(queue.bytes).toBe(0);
  });

  it('has a bound: the oldest data goes, handshakes stay', () => {
    const queue = new DownQueue(new QueueBudget(1e9), 10_000);
    queue.pushFirst(1, datagram(99, 92));
    let dropped = 0;
    for (let i = 0; i < 50; i++) dropped += queue.pushData(1, datagram(i), NOW);
    expect(queue.bytes).toBeLessThanOrEqual(10_000);
    const left = take(queue);
    expect(left[0]).toEqual([1, 99]);
    expect(left.at(-1)).toEqual([1, 49]);
    expect(left.length - 1 + dropped).toBe(50);
    expect(left.slice(1).map(([, fill]) => fill)).toEqual([42, 43, 44, 45, 46, 47, 48, 49]);
  });

  it('small datagrams count with what holding them costs', () => {
    const queue = new DownQueue(new QueueBudget(1e9), 256 * 1024);
    for (let i = 0; i < 20_000; i++) queue.pushData(1, datagram(i, 33), NOW);
    let left = 0;
    while (!queue.isEmpty) left += take(queue).length;
    expect(left).toBeLessThan(2000);
  });

  it('control records have a bound of their own', () => {
    const queue = new DownQueue(new QueueBudget(1e9), 1e6);
    const accepted = Array.from({ length: 40 }, () => queue.pushFirst(0, datagram(1, 5))).filter(Boolean);
    expect(accepted).toHaveLength(32);
  });

  it('a bulk channel does not starve another', () => {
    const queue = new DownQueue(new QueueBudget(1e9), 1e6);
    for (let i = 0; i < 200; i++) queue.pushData(1, datagram(1), NOW);
    for (let i = 0; i < 10; i++) queue.pushData(2, datagram(2), NOW);
    const first = take(queue);
    expect(first.filter(([channel]) => channel === 2)).toHaveLength(10);
    expect(first.length).toBeGreaterThan(40);
  });

  it('of data, what is short leaves before what is long, also when there is no room for that', () => {
    const queue = new DownQueue(new QueueBudget(1e9), 1e6);
    queue.pushData(1, datagram(1), NOW);
    queue.pushData(1, datagram(2, 300), NOW);
    queue.pushData(1, datagram(3, 301), NOW);
    queue.pushData(1, datagram(4, 96), NOW);
    expect(take(queue, 0)).toEqual([
      [1, 2],
      [1, 4],
    ]);
    expect(take(queue, 0)).toEqual([]);
    expect(take(queue)).toEqual([
      [1, 1],
      [1, 3],
    ]);
  });

  it('but a flood of what is short gets no more than half, and not without end what there is no room for', () => {
    const queue = new DownQueue(new QueueBudget(1e9), 1e6);
    for (let i = 0; i < 500; i++) {
      queue.pushData(1, datagram(1), NOW);
      queue.pushData(1, datagram(2, 250), NOW);
    }
    expect(take(queue, 0).length * 250).toBeLessThan(4500);
    const sent = [0, 0, 0];
    for (let i = 0; i < 20; i++)
      for (const [, fill] of take(queue, 4000)) sent[fill]! += fill === 1 ? 1000 : 250;
    expect(sent[1]).toBeGreaterThan(30_000);
    expect(sent[2]).toBeGreaterThan(30_000);
    expect(sent[2]).toBeLessThan(sent[1]! + 8192 + 2000);
  });

  it('on a slow way what waits is a quarter of a second’s worth, or some full datagrams', () => {
    const queue = new DownQueue(new QueueBudget(1e9), 1e6);
    const fill = (): number => {
      for (let i = 0; i < 200; i++) queue.pushData(1, datagram(1), NOW);
      return queue.bytes;
    };
    queue.follow(Number.POSITIVE_INFINITY);
    expect(fill()).toBe(200 * 1128);
    queue.follow(200);
    expect(fill()).toBeGreaterThan(0.9 * 250 * 200);
    expect(queue.bytes).toBeLessThanOrEqual(250 * 200);
    queue.follow(1);
    expect(fill()).toBeGreaterThan(14 * 1024);
    expect(queue.bytes).toBeLessThanOrEqual(16 * 1024);
  });

  it('a queue that has become a habit loses some, the longer the more; a burst loses none', () => {
    /** One datagram in so many ms, each way; those before them have waited for so long. */
    const drops = (every: number, wait: number): number => {
      const queue = new DownQueue(new QueueBudget(1e9), 1e9);
      queue.follow(1000 / every);
      for (let now = NOW; now <= NOW + wait; now += every) queue.pushData(1, datagram(1), now);
      let dropped = 0;
      const message = new RecordWriter(new Uint8Array(MAX_MESSAGE));
      for (let now = NOW + wait; now < NOW + wait + 3000; now += every) {
        queue.pushData(1, datagram(1), now);
        message.reset();
        dropped += queue.fill(message, 1, now);
      }
      return dropped;
    };
    expect(drops(1, 10)).toBe(0);
    expect(drops(1, 100)).toBeGreaterThan(3);
    // A slow way takes as long for a few full datagrams.
    expect(drops(25, 100)).toBe(0);
    expect(drops(25, 300)).toBeGreaterThan(3);
  });

  it('all sessions together have a budget: near its end each keeps 32 KiB', () => {
    const budget = new QueueBudget(100_000);
    const [one, two] = [new DownQueue(budget, 256 * 1024), new DownQueue(budget, 256 * 1024)];
    for (let i = 0; i < 70; i++) one.pushData(1, datagram(1), NOW);
    expect(one.bytes).toBe(70 * 1128);
    for (let i = 0; i < 100; i++) two.pushData(1, datagram(1), NOW);
    expect(two.bytes).toBeLessThanOrEqual(32 * 1024);
    one.pushData(1, datagram(1), NOW);
    expect(one.bytes).toBeLessThanOrEqual(32 * 1024);
    one.clear();
    two.dropChannel(1);
    expect(budget.used).toBe(0);
    expect(two.isEmpty).toBe(true);
  });

  it('of 2,000 slow sessions never exceeds the budget, and what goes is counted and each one’s oldest', () => {
    let dropped = 0;
    const budget = new QueueBudget(1_000_000, () => dropped++);
    const queues = Array.from({ length: 2000 }, () => new DownQueue(budget, 256 * 1024));
    for (let round = 0; round < 3; round++)
      for (const queue of queues) {
        expect(queue.pushData(1, datagram(round), NOW)).toBe(0);
        expect(budget.used).toBeLessThanOrEqual(1_000_000);
      }
    const held = Math.floor(1_000_000 / 1128);
    expect(budget.used).toBe(held * 1128);
    expect(dropped).toBe(6000 - held);
    // Whoever reads is served, however many do not.
    const quick = new DownQueue(budget, 256 * 1024);
    quick.pushData(1, datagram(7), NOW);
    expect(take(quick)).toEqual([[1, 7]]);
    expect(queues.flatMap((queue) => take(queue)).every(([, fill]) => fill === 2)).toBe(true);
    expect(budget.used).toBe(0);
  });

  it('goes over to another queue whole, or its newest part where the budget is full', () => {
    const budget = new QueueBudget(10 * 1128);
    const [old, next] = [new DownQueue(budget, 1e6), new DownQueue(budget, 1e6)];
    for (let i = 0; i < 12; i++) old.pushData(1, datagram(i), NOW);
    next.absorb(old, NOW);
    expect(take(next).map(([, fill]) => fill)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(budget.used).toBe(0);
  });

  it('leaves as far as there is room; handshakes even so', () => {
    const queue = new DownQueue(new QueueBudget(1e9), 1e6);
    for (let i = 0; i < 5; i++) queue.pushData(1, datagram(i), NOW);
    queue.pushFirst(1, datagram(8, 92));
    const message = new RecordWriter(new Uint8Array(MAX_MESSAGE));
    queue.fill(message, 0, NOW);
    expect(message.length).toBe(95);
    queue.fill(message, 95 + 1500, NOW);
    expect(message.length).toBe(95 + 2 * 1003);
    expect(queue.isEmpty).toBe(false);
  });

  /** So many datagrams a second come and go, each after so many ms in the queue. Returns how many were dropped. */
  function through(
    queue: DownQueue,
    perSecond: number,
    waits: (ms: number) => number,
    length = 5000,
  ): number {
    let dropped = 0;
    let taken = 0;
    for (let ms = 0; ms < length; ms += 1000 / perSecond) {
      queue.pushData(1, datagram(1), ms);
      const ready = Math.floor(((ms - waits(ms)) * perSecond) / 1000);
      const message = new RecordWriter(new Uint8Array(MAX_MESSAGE));
      if (ready > taken) dropped += queue.fill(message, 1003 * (ready - taken), ms);
      taken = Math.max(taken, ready);
    }
    return dropped;
  }

  it('is dropped, now and then, when all of it has waited too long for long enough (RFC 8289)', () => {
    expect(through(new DownQueue(new QueueBudget(1e9), 1e6), 200, () => 15)).toBe(0);
    const dropped = through(new DownQueue(new QueueBudget(1e9), 1e6), 200, () => 80);
    expect(dropped).toBeGreaterThan(5);
    expect(dropped).toBeLessThan(200);
  });

  it('may wait in a burst', () => {
    const burst = (ms: number) => (ms % 1000 < 150 ? 150 : 5);
    expect(through(new DownQueue(new QueueBudget(1e9), 1e6), 200, burst)).toBe(0);
  });
});
