import { expect, it } from 'vitest';
import type { Tcb } from '../../../../src/core/netstack/tcp/tcb.ts';
import { TimeWaitRecord, TimeWaitTable } from '../../../../src/core/netstack/tcp/time-wait.ts';
import { hashEnvironment, socketAddress } from './fake-ip.ts';

it('TIME-WAIT holds 16,384 records: the oldest makes room for one more', () => {
  const table = new TimeWaitTable(hashEnvironment(1));
  const local = socketAddress('10.0.0.1', 80);
  const remotes = Array.from({ length: 16_390 }, (_, i) => socketAddress('10.0.0.2', 1 + i));
  for (const [now, remote] of remotes.entries()) {
    table.add(new TimeWaitRecord({ local, remote, rcvWnd: 0 } as Tcb, now));
  }
  expect(table.size).toBe(16_384);
  const held = remotes.map((remote) => table.table.has(local, remote));
  expect(held.indexOf(true)).toBe(6);
  expect(held.lastIndexOf(false)).toBe(5);
  expect(table.next).toBe(6 + 240_000);
});
