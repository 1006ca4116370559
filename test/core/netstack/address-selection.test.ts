import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/core/address.ts';
import { interleave, sortDestinations } from '../../../src/core/netstack/address-selection.ts';

const address = (text: string) => IpAddress.parse(text)!;

/** Sorts; `sources` says from which address each destination would be reached, if from any. */
function sort(sources: Record<string, string | undefined>, unrouted: string[] = []): string[] {
  const sorted = sortDestinations(Object.keys(sources).map(address), {
    sourceFor: (destination) => {
      const source = sources[destination.toString()];
      return source === undefined ? undefined : address(source);
    },
    hasRoute: (destination) => !unrouted.includes(destination.toString()),
  });
  return sorted.map(String);
}

describe('destinations, as RFC 6724 orders them', () => {
  it('§10.2: prefer a matching scope', () => {
    const sorted = sort({
      '198.51.100.121': '169.254.13.78',
      '2001:db8:1::1': '2001:db8:1::2',
    });
    expect(sorted).toEqual(['2001:db8:1::1', '198.51.100.121']);
  });

  it('§10.2: prefer a matching scope, of IPv4 too', () => {
    const sorted = sort({ '2001:db8:1::1': 'fe80::1', '198.51.100.121': '198.51.100.117' });
    expect(sorted).toEqual(['198.51.100.121', '2001:db8:1::1']);
  });

  it('§10.2: prefer the higher precedence', () => {
    const sorted = sort({ '10.1.2.3': '10.1.2.4', '2001:db8:1::1': '2001:db8:1::2' });
    expect(sorted).toEqual(['2001:db8:1::1', '10.1.2.3']);
  });

  it('§10.2: prefer the smaller scope', () => {
    const sorted = sort({ '2001:db8:1::1': '2001:db8:1::2', 'fe80::1': 'fe80::2' });
    expect(sorted).toEqual(['fe80::1', '2001:db8:1::1']);
  });

  it('§10.2: prefer a matching label', () => {
    const sorted = sort({ '2002:c633:6401::1': '2002:c633:6401::2', '2001:db8:1::1': '2002:c633:6401::2' });
    expect(sorted).toEqual(['2002:c633:6401::1', '2001:db8:1::1']);
  });

  it('§10.2: prefer the higher precedence where labels match', () => {
    const sorted = sort({ '2002:c633:6401::1': '2002:c633:6401::2', '2001:db8:1::1': '2001:db8:1::2' });
    expect(sorted).toEqual(['2001:db8:1::1', '2002:c633:6401::1']);
  });

  it('rule 1: those with neither a source nor a route come last', () => {
    const sorted = sort({ '2001:db8::1': undefined, '2001:db8::2': '2001:db8::9', '10.0.0.1': '10.0.0.2' }, [
      '2001:db8::2',
    ]);
    expect(sorted).toEqual(['10.0.0.1', '2001:db8::2', '2001:db8::1']);
  });

  it('rule 5: a ULA is not reached from a global address if there is something better', () => {
    const sorted = sort({ 'fd00::1': '2001:db8::2', '10.0.0.1': '10.0.0.2' });
    expect(sorted).toEqual(['10.0.0.1', 'fd00::1']);
  });

  it('rule 6: IPv4 comes before ULAs, and Teredo after both', () => {
    const sorted = sort({
      '2001::1': '2001::2',
      'fd00::1': 'fd00::2',
      '192.0.2.1': '192.0.2.2',
    });
    expect(sorted).toEqual(['192.0.2.1', '2001::1', 'fd00::1']);
  });

  it('rule 9: of IPv6, the longest common prefix first, in the upper 64 bits', () => {
    const source = '2001:db8:1:1::9';
    const sorted = sort({
      '2001:db8:ffff::1': source,
      '2001:db8:1:1::1': source,
      '2001:db8:1::1': source,
      '2001:db8:1:1::8': source,
    });
    expect(sorted).toEqual(['2001:db8:1:1::1', '2001:db8:1:1::8', '2001:db8:1::1', '2001:db8:ffff::1']);
  });

  it('rule 10: otherwise, and always in IPv4, the order of the servers stays', () => {
    const source = '10.0.0.2';
    expect(sort({ '192.0.2.1': source, '10.0.0.3': source, '10.0.0.1': source })).toEqual([
      '192.0.2.1',
      '10.0.0.3',
      '10.0.0.1',
    ]);
  });

  it('loopback and link-local of IPv4 are link-local in scope, private addresses are global', () => {
    expect(sort({ '10.0.0.1': '10.0.0.2', '127.0.0.1': '127.0.0.1', '169.254.1.1': '169.254.1.2' })).toEqual([
      '127.0.0.1',
      '169.254.1.1',
      '10.0.0.1',
    ]);
    expect(sort({ '127.0.0.1': '127.0.0.1', '::1': '::1' })).toEqual(['::1', '127.0.0.1']);
  });
});

it('families are interleaved, beginning with either', () => {
  const all = ['fd00::1', 'fd00::2', 'fd00::3', '10.0.0.1'].map(address);
  expect(interleave(all, 6).map(String)).toEqual(['fd00::1', '10.0.0.1', 'fd00::2', 'fd00::3']);
  expect(interleave(all, 4).map(String)).toEqual(['10.0.0.1', 'fd00::1', 'fd00::2', 'fd00::3']);
  expect(interleave([], 6)).toEqual([]);
});
