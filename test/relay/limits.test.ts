import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { Admission } from '../../relay/admission.ts';
import { DEFAULT_LIMITS, mayServe, parseListen, readOptions } from '../../relay/config.ts';
import { RelayCounters } from '../../relay/counters.ts';
import { DownQueue, QueueBudget } from '../../relay/down-queue.ts';
import { BucketTable, clientKey, RatePair } from '../../relay/limits.ts';
import { jsonLines, Log, type LogEntry } from '../../relay/log.ts';
import { SessionTable } from '../../relay/session-table.ts';
import { MAX_MESSAGE, RecordReader, RecordWriter } from '../../src/core/wire/relay.ts';

describe('buckets', () => {
  it('of a session count datagrams and bytes, whichever is too much', () => {
    const limits = { ...DEFAULT_LIMITS, datagramsPerSecond: 40, bytesPerSecond: 40_000, maxDatagram: 2000 };
    const few = new RatePair(limits);
    expect(Array.from({ length: 11 }, () => few.take(0, 100)).filter(Boolean)).toHaveLength(10);
    const large = new RatePair(limits);
    expect(Array.from({ length: 8 }, () => large.take(0, 2000)).filter(Boolean)).toHaveLength(5);
  });

  it('one for each key, in a table of fixed size', () => {
    const table = new BucketTable(1, 2, 64);
    expect([table.take('a', 0), table.take('a', 0), table.take('a', 0)]).toEqual([true, true, false]);
    expect(table.take('b', 0)).toBe(true);
    expect(table.take('a', 1000)).toBe(true);
    for (let i = 0; i < 100_000; i++) table.take(`key ${i}`, 2000 + i);
    expect(table.size).toBeLessThanOrEqual(64);
    expect(table.take('a', 200_000)).toBe(true);
  });

  it('who is busy is not forgotten because many others come', () => {
    const table = new BucketTable(0, 1, 64);
    expect(table.take('busy', 0)).toBe(true);
    for (let i = 0; i < 10_000; i++) {
      table.take(`key ${i}`, i);
      if (i % 10 === 0) expect(table.take('busy', i)).toBe(false);
    }
    expect(table.size).toBeLessThanOrEqual(64);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8::/64'],
    ['::1', '::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
  ])('%s counts as %s', (address, key) => expect(clientKey(address)).toBe(key));
});

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
});

describe('options', () => {
  it('nothing allowed is no relay', () => {
    expect(() => readOptions({ allow: [] })).toThrow(/nothing is allowed/);
  });

  it.each([
    ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['relay.example:443', { host: 'relay.example', port: 443 }],
  ])('listens on %s', (text, expected) => expect(parseListen(text)).toEqual(expected));

  it.each(['', '8080', '127.0.0.1', '127.0.0.1:70000', '::1:80', 'a:b'])('%j is no listen address', (text) =>
    expect(() => parseListen(text)).toThrow(/expected HOST:PORT/),
  );

  it.each([
    [['203.0.113.7'], '127.0.0.1', true],
    [['203.0.113.7', 'hub.example.com'], '127.0.0.1', true],
    [['203.0.113.7', 'hub.example.com'], '::1', true],
    [['203.0.113.7'], '0.0.0.0', true],
    [['hub.example.com'], '0.0.0.0', false],
    [['203.0.113.0/24'], '0.0.0.0', false],
    [['203.0.113.7', '203.0.113.8'], '0.0.0.0', false],
    [['203.0.113.7', '203.0.113.8'], '192.168.1.2', false],
  ])('without authentication, allowing %j on %s: %s', (allow, host, expected) => {
    expect(mayServe(readOptions({ allow }), host)).toBe(expected);
  });

  it('on a server of somebody else’s, where it was reached decides', () => {
    const sessions = new SessionTable(new RelayCounters(), new Log(undefined, () => 0));
    const reached = (allow: string[], localAddress: string, origin?: string) => {
      const admission = new Admission(readOptions({ allow, allowNoOrigin: true }), sessions, () => 0);
      admission.load.stop();
      const socket = { localAddress, localPort: 80 };
      const request = { url: '/v1', httpVersion: '1.1', method: 'GET', headers: { origin }, socket };
      return admission.judge(request as unknown as IncomingMessage)?.code;
    };
    expect(reached(['203.0.113.7', 'hub.example.com'], '192.168.1.2')).toBe('open_relay');
    expect(reached(['203.0.113.7', 'hub.example.com'], '::ffff:127.0.0.1')).toBeUndefined();
    expect(reached(['203.0.113.7'], '192.168.1.2')).toBeUndefined();
  });

  it('limits are checked by name and range', () => {
    const read = (limits: object) => readOptions({ allow: ['203.0.113.7'], limits });
    expect(read({}).limits).toEqual(DEFAULT_LIMITS);
    expect(read({ channels: 63 }).limits.channels).toBe(63);
    expect(() => read({ channels: 64 })).toThrow(/limits\.channels: expected <=63, not 64/);
    expect(() => read({ maxDatagram: 65_533 })).toThrow(/maxDatagram/);
    expect(() => read({ chanels: 4 })).toThrow(/limits\.chanels: there is no such setting/);
    expect(() => read({ sessions: -1 })).toThrow(/limits.sessions/);
    expect(() => read({ sessions: Number.NaN })).toThrow(/limits.sessions/);
  });
});

describe('the log', () => {
  it('escapes and cuts what clients write', () => {
    const lines: string[] = [];
    const log = new Log(jsonLines({ write: (line) => lines.push(line) }), () => 0);
    log.refused('reject', 'origin', { origin: `https://a\r\n\x1b[31m${'x'.repeat(5000)}` });
    expect(lines).toHaveLength(1);
    expect(lines[0]!.length).toBeLessThan(400);
    for (const control of ['\r', '\n', '\x1b']) expect(lines[0]!.trimEnd()).not.toContain(control);
    expect(JSON.parse(lines[0]!)).toMatchObject({ event: 'reject', reason: 'origin', level: 'warn' });
  });

  it('names networks instead of addresses where it is told to', () => {
    const entries: LogEntry[] = [];
    const log = new Log(
      (entry) => entries.push(entry),
      () => 0,
      true,
    );
    for (const client of ['192.0.2.77', '::ffff:192.0.2.77', '2001:db8:1:2::3', 'fe80::1%eth0', 'junk'])
      log.info('accept', { client, origin: '192.0.2.77' });
    const shown = ['192.0.2.0/24', '192.0.2.0/24', '2001:db8:1::/48', 'fe80::/48', ''];
    expect(entries.map(({ client }) => client)).toEqual(shown);
    expect(entries[0]!.origin).toBe('192.0.2.77');
  });

  it('samples refusals and says how many it left out', () => {
    const entries: LogEntry[] = [];
    let now = 0;
    const log = new Log(
      (entry) => entries.push(entry),
      () => now,
    );
    for (let i = 0; i < 1000; i++) log.refused('reject', 'origin', {});
    log.refused('reject', 'rate', {});
    expect(entries).toHaveLength(11);
    now = 1000;
    log.refused('reject', 'origin', {});
    expect(entries).toHaveLength(12);
    expect(entries.reduce((sum, entry) => sum + Number(entry.suppressed ?? 0), 0)).toBe(990);
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
