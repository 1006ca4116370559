import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../relay/config.ts';
import { BucketTable, clientKey, RatePair, Tally } from '../../relay/limits.ts';

describe('a tally', () => {
  it('knows of which kind there are most, of however many', () => {
    const tally = new Tally();
    expect(tally.most).toBe(0);
    for (let n = 0; n < 1_000_000; n++) tally.add(`kind ${n}`);
    tally.add('kind 7');
    expect(tally.most).toBe(2);
    tally.remove('kind 7');
    expect(tally.most).toBe(1);
  });
});

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
