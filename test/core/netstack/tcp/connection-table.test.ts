import { expect, it } from 'vitest';
import type { IpAddress } from '../../../../src/core/address.ts';
import { ConnectionTable, type TableEntry } from '../../../../src/core/netstack/tcp/connection-table.ts';
import { TupleHash } from '../../../../src/core/netstack/tcp/tuple-hash.ts';
import { address, hashEnvironment } from './fake-ip.ts';

class Entry implements TableEntry<Entry> {
  readonly localAddress: IpAddress = address('10.0.0.1');
  readonly localPort = 80;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
  hash = 0;
  hashNext: Entry | undefined;

  constructor(remote: IpAddress, port: number) {
    this.remoteAddress = remote;
    this.remotePort = port;
  }
}

it('has as many buckets as it needs, when it grows and when it shrinks, and finds everything meanwhile', () => {
  const table = new ConnectionTable<Entry>(new TupleHash(hashEnvironment(1)));
  const remote = address('10.0.0.2');
  const all = Array.from({ length: 10_000 }, (_, i) => new Entry(remote, 1 + i));
  const find = ({ localAddress, localPort, remoteAddress, remotePort }: Entry) =>
    table.get({ address: localAddress, port: localPort }, { address: remoteAddress, port: remotePort });
  for (const [i, entry] of all.entries()) {
    table.add(entry);
    expect(table.bucketCount).toBeLessThanOrEqual(Math.max(64, 2 * (i + 1)));
  }
  expect(all.every((entry) => find(entry) === entry)).toBe(true);
  for (const [i, entry] of all.entries()) {
    table.remove(entry);
    if (i % 100 === 0) expect(find(entry)).toBeUndefined();
    const left = all.length - i - 1;
    expect(table.bucketCount).toBeLessThanOrEqual(Math.max(64, 8 * left));
    if (left > 0 && i % 100 === 0) expect(find(all[i + 1]!)).toBe(all[i + 1]);
  }
  expect([table.size, table.bucketCount]).toEqual([0, 64]);
});
