import { describe, expect, it } from 'vitest';
import { IpAddress, type SocketAddress } from '../../../../src/core/address.ts';
import { NO_ROW, RecordTable } from '../../../../src/core/netstack/tcp/record-table.ts';
import { TupleHash } from '../../../../src/core/netstack/tcp/tuple-hash.ts';
import { SeededRandom } from '../../../support/random.ts';
import { hashEnvironment, socketAddress } from './fake-ip.ts';

const hash = new TupleHash(hashEnvironment(1));

/** The nth of many ends; every third is an IPv6 one. */
function ends(n: number): { local: SocketAddress; remote: SocketAddress } {
  if (n % 3 > 0) {
    const address = new IpAddress(Uint8Array.of(10, n >> 16, n >> 8, n));
    return { local: socketAddress('10.0.0.1', 80), remote: { address, port: 1 + (n & 7) } };
  }
  const bytes = new Uint8Array(16).fill(253, 0, 1);
  new DataView(bytes.buffer).setUint32(12, n);
  return { local: socketAddress('fd00::1', 80), remote: { address: new IpAddress(bytes), port: 65_535 } };
}

describe('RecordTable', () => {
  it('finds, moves and forgets like a plain map, in the order of each queue', () => {
    const random = new SeededRandom(7);
    const table = new RecordTable(2, 3);
    const plain = new Map<number, { row: number; queue: number; at: number }>();
    for (let step = 0; step < 6_000; step++) {
      const n = random.below(600);
      const { local, remote } = ends(n);
      const key = hash.ofEnds(local, remote);
      const known = plain.get(n);
      const row = table.get(local, remote, key);
      expect(row).toBe(known?.row ?? NO_ROW);
      // First it grows, then it shrinks.
      const isLeaving = random.below(6_000) < step;
      if (!known) {
        const queue = random.below(3);
        const added = table.add(local, remote, key, queue, step);
        table.setField(added, 0, n);
        table.setField(added, 1, ~n);
        plain.set(n, { row: added, queue, at: step });
      } else if (isLeaving) {
        table.remove(row, known.queue);
        plain.delete(n);
      } else {
        const queue = random.below(3);
        table.move(row, known.queue, queue, step);
        Object.assign(known, { queue, at: step });
      }
      expect(table.size).toBe(plain.size);
    }
    for (const [n, { row }] of plain) {
      expect(table.remoteOf(row)).toEqual(ends(n).remote);
      expect(table.localOf(row)).toEqual(ends(n).local);
      expect([table.field(row, 0), table.field(row, 1)]).toEqual([n, ~n]);
    }
    for (let queue = 0; queue < 3; queue++) {
      const inOrder = [...plain.values()].filter((one) => one.queue === queue).sort((a, b) => a.at - b.at);
      const found: number[] = [];
      for (let row = table.oldest(queue); row !== NO_ROW; row = table.after(row)) found.push(row);
      expect(found).toEqual(inOrder.map(({ row }) => row));
      if (inOrder[0]) expect(table.oldestSince(queue)).toBe(inOrder[0].at);
    }
  });

  it('gives its memory back with the last row', () => {
    const table = new RecordTable(2, 1);
    const empty = table.byteLength;
    const all = Array.from({ length: 5000 }, (_, n) => ends(n));
    for (const { local, remote } of all) table.add(local, remote, hash.ofEnds(local, remote), 0, 0);
    expect(table.byteLength).toBeGreaterThan(300_000);
    for (const { local, remote } of all)
      table.remove(table.get(local, remote, hash.ofEnds(local, remote)), 0);
    expect([table.size, table.byteLength]).toEqual([0, empty]);
  });
});

describe('TupleHash', () => {
  it('spreads ends that differ in any way, by a secret', () => {
    const one = ends(1);
    const hashes = new Set<number>();
    for (const { local, remote } of Array.from({ length: 3000 }, (_, n) => ends(n)))
      hashes.add(hash.ofEnds(local, remote));
    hashes.add(hash.ofEnds({ ...one.local, port: 81 }, one.remote));
    hashes.add(hash.ofEnds(one.remote, one.local));
    hashes.add(new TupleHash(hashEnvironment(2)).ofEnds(one.local, one.remote));
    expect(hashes.size).toBe(3003);
  });

  it('fills buckets evenly, also with ends that collide under another key', () => {
    const other = new TupleHash(hashEnvironment(2));
    const most = (of: TupleHash, all: ReturnType<typeof ends>[]) => {
      const buckets = new Uint16Array(1024);
      for (const { local, remote } of all) buckets[(of.ofEnds(local, remote) >>> 1) & 1023]!++;
      return Math.max(...buckets);
    };
    const all = Array.from({ length: 60_000 }, (_, n) => ends(n));
    expect(most(hash, all)).toBeLessThan(110);
    const chosen = all.filter(({ local, remote }) => ((other.ofEnds(local, remote) >>> 1) & 1023) < 16);
    expect(chosen.length).toBeGreaterThan(800);
    expect(most(other, chosen)).toBeGreaterThan(40);
    expect(most(hash, chosen)).toBeLessThan(12);
  });
});
