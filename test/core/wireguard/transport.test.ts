import { describe, expect, it } from 'vitest';
import { paddedLength } from '../../../src/core/wireguard/transport.ts';
import { readVectors } from '../../support/vectors.ts';

const { padding } = readVectors<{ padding: { len: number; mtu: number; padded: number }[] }>('small.json');

describe('padding', () => {
  it.each(padding.map(({ len, mtu, padded }) => [len, mtu, padded] as const))(
    '%d bytes at MTU %d: %d',
    (length, mtu, padded) => {
      expect(paddedLength(length, mtu)).toBe(padded);
    },
  );
});
