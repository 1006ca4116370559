import { describe, expect, it } from 'vitest';
import {
  bytesOf,
  toDnsQueryType,
  toOptionalUnsignedLong,
  toUnsignedShort,
} from '../../src/client/web-idl.ts';

describe('arguments are converted as Web IDL says', () => {
  it('wraps an unsigned short modulo 65536', () => {
    expect(
      [80, 65536, 65537, -1, 80.9, '443', Number.NaN, Number.POSITIVE_INFINITY].map(toUnsignedShort),
    ).toEqual([80, 0, 1, 65535, 80, 443, 0, 0]);
  });

  it('enforces the range of an unsigned long and leaves absent ones absent', () => {
    expect(toOptionalUnsignedLong(undefined, 'x')).toBeUndefined();
    expect(toOptionalUnsignedLong(7.9, 'x')).toBe(7);
    for (const wrong of [-1, 2 ** 32, Number.NaN, 'seven']) {
      expect(() => toOptionalUnsignedLong(wrong, 'x')).toThrow(TypeError);
    }
    expect(() => toOptionalUnsignedLong(999, 'keepAliveDelay', 1000)).toThrow(
      'keepAliveDelay must be a number from 1000',
    );
  });

  it('knows the values of an enumeration', () => {
    expect([undefined, 'ipv4', 'ipv6'].map(toDnsQueryType)).toEqual([undefined, 'ipv4', 'ipv6']);
    for (const wrong of ['IPv4', '', null, 4]) expect(() => toDnsQueryType(wrong)).toThrow(TypeError);
  });

  it('takes the bytes of any BufferSource, in place, and nothing else', () => {
    const { buffer } = Uint8Array.of(1, 2, 3, 4);
    expect(bytesOf(new DataView(buffer, 1, 2))).toEqual(Uint8Array.of(2, 3));
    expect(bytesOf(buffer)).toHaveLength(4);
    for (const wrong of ['text', [1, 2], null, 7]) expect(() => bytesOf(wrong)).toThrow(TypeError);
  });
});
