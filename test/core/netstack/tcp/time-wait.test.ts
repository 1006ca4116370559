import { expect, it } from 'vitest';
import { NO_ROW } from '../../../../src/core/netstack/tcp/record-table.ts';
import type { Tcb } from '../../../../src/core/netstack/tcp/tcb.ts';
import { TimeWaitTable } from '../../../../src/core/netstack/tcp/time-wait.ts';
import { TupleHash } from '../../../../src/core/netstack/tcp/tuple-hash.ts';
import { hashEnvironment, socketAddress } from './fake-ip.ts';

const local = socketAddress('10.0.0.1', 80);

function table(): TimeWaitTable {
  return new TimeWaitTable(new TupleHash(hashEnvironment(1)));
}

it('TIME-WAIT holds 16,384 records: the oldest makes room for one more', () => {
  const waiting = table();
  const remotes = Array.from({ length: 16_390 }, (_, i) => socketAddress('10.0.0.2', 1 + i));
  for (const [now, remote] of remotes.entries()) waiting.add({ local, remote, rcvWnd: 0 } as Tcb, now);
  expect(waiting.size).toBe(16_384);
  const held = remotes.map((remote) => waiting.get(local, remote) !== NO_ROW);
  expect(held.indexOf(true)).toBe(6);
  expect(held.lastIndexOf(false)).toBe(5);
  expect(waiting.next).toBe(6 + 240_000);
});

it('TIME-WAIT keeps what it is given, whatever its size', () => {
  const waiting = table();
  const tcb = {
    local,
    remote: socketAddress('255.255.255.254', 65_535),
    sndNxt: -1,
    rcvNxt: 0x7fffffff,
    rcvWnd: 1 << 30,
    rcvScale: 14,
    timestamps: true,
    tsRecent: -0x80000000,
    tsOffset: 0x7fffffff,
    ttl: 255,
    tos: 0xff,
  } as Tcb;
  waiting.add(tcb, 5);
  expect(waiting.read(waiting.get(local, tcb.remote))).toEqual({
    sndNxt: -1,
    rcvNxt: 0x7fffffff,
    window: 65_535,
    timestamps: true,
    tsRecent: -0x80000000,
    tsOffset: 0x7fffffff,
    ttl: 255,
    tos: 0xfc,
  });
});

it('TIME-WAIT can be shorter', () => {
  const waiting = new TimeWaitTable(new TupleHash(hashEnvironment(1)), 1000);
  waiting.add({ local, remote: socketAddress('10.0.0.2', 1), rcvWnd: 0 } as Tcb, 5);
  waiting.expire(1004);
  expect(waiting.size).toBe(1);
  waiting.expire(1005);
  expect(waiting.size).toBe(0);
});
