import { expect, expectTypeOf, it } from 'vitest';
import type { NetStackDrop } from '../../src/core/netstack/drops.ts';
import type { TcpDropReason } from '../../src/core/netstack/tcp/state.ts';
import type { TransportDropReason } from '../../src/core/transport.ts';
import type { DeviceDrop } from '../../src/core/wireguard/drops.ts';
import { type DropReason, dropWords } from '../../web/drop-words.ts';

it('every reason of the engine has words, and no words are without a reason', () => {
  expectTypeOf<DropReason>().toEqualTypeOf<NetStackDrop | TcpDropReason | TransportDropReason | DeviceDrop>();
  expect(dropWords('tcp_no_connection')).toEqual({
    kind: 'late',
    words: 'for a connection that is closed: what was still on its way',
  });
  expect(dropWords('tcp_reset_rate_limit').kind).toBe('unsent');
});

it('one that is newer is shown by its name', () => {
  expect(dropWords('never-heard_of')).toEqual({ kind: 'refused', words: 'never heard of' });
  expect(dropWords('constructor')).toEqual({ kind: 'refused', words: 'constructor' });
});
