import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IpAddress, IpPrefix } from '../../../src/core/address.ts';
import { AllowedIps } from '../../../src/core/wireguard/allowed-ips.ts';
import { LinearRoutes } from '../../reference/linear-routes.ts';
import { readVectors } from '../../support/vectors.ts';

interface AllowedIpsVectors {
  allowedips: {
    name: string;
    family: 4 | 6;
    ops: {
      op: 'insert' | 'remove' | 'remove_peer' | 'lookup';
      cidr: string;
      ip: string;
      peer: string | null;
    }[];
  }[];
}
const { allowedips } = readVectors<AllowedIpsVectors>('small.json');

function lookup<Owner>(table: AllowedIps<Owner>, text: string): Owner | undefined {
  const { bytes, version } = IpAddress.parse(text)!;
  // Somewhere inside a packet, not at its beginning.
  const memory = new Uint8Array(40).fill(0xa5);
  memory.set(bytes, 13);
  return table.lookup(memory, 13, version);
}

const prefix = (text: string) => IpPrefix.parse(text)!;

describe('allowed IPs', () => {
  it.each(allowedips.map((one) => [one.name, one] as const))(
    'as wireguard-go has them: %s',
    (_name, { ops }) => {
      const table = new AllowedIps<string>();
      let lookups = 0;
      for (const { op, cidr, ip, peer } of ops) {
        if (op === 'insert') table.insert(prefix(cidr), peer!);
        else if (op === 'remove') table.remove(prefix(cidr), peer!);
        else if (op === 'remove_peer') table.removeOwner(peer!);
        else {
          lookups++;
          expect(lookup(table, ip) ?? null, ip).toBe(peer);
        }
      }
      expect(lookups).toBeGreaterThan(50);
    },
  );

  it('agree with a linear list', () => {
    // Few different bytes, so that prefixes meet.
    const bytes = (length: number) =>
      fc.array(fc.constantFrom(0, 1, 0x80, 0xff), { minLength: length, maxLength: length });
    const addresses = fc.oneof(bytes(4), bytes(16)).map((list) => new IpAddress(Uint8Array.from(list)));
    const operation = fc.record({
      kind: fc.constantFrom('insert', 'insert', 'insert', 'remove', 'removeOwner', 'lookup', 'lookup'),
      address: addresses,
      length: fc.nat(128),
      owner: fc.constantFrom('a', 'b', 'c'),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
        const table = new AllowedIps<string>();
        const twin = new LinearRoutes<string>();
        for (const { kind, address: at, length, owner } of operations) {
          const route = new IpPrefix(at, Math.min(length, at.bytes.length * 8));
          if (kind === 'insert') {
            table.insert(route, owner);
            twin.insert(route, owner);
          } else if (kind === 'remove') {
            table.remove(route, owner);
            twin.remove(route, owner);
          } else if (kind === 'removeOwner') {
            table.removeOwner(owner);
            twin.removeOwner(owner);
          }
          expect(table.lookup(at.bytes, 0, at.version)).toBe(twin.lookup(at));
        }
        for (const owner of ['a', 'b', 'c'])
          expect(table.prefixesOf(owner).map(String).sort()).toEqual(twin.prefixesOf(owner).sort());
      }),
      { numRuns: 500 },
    );
  });

  it('give a prefix to the last who inserts it, and only its owner can remove it', () => {
    const table = new AllowedIps<string>();
    table.insert(prefix('10.0.0.0/8'), 'a');
    table.insert(prefix('10.1.2.3/8'), 'b');
    expect(lookup(table, '10.200.0.1')).toBe('b');
    table.remove(prefix('10.0.0.0/8'), 'a');
    expect(lookup(table, '10.200.0.1')).toBe('b');
    table.remove(prefix('10.0.0.0/8'), 'b');
    expect(lookup(table, '10.200.0.1')).toBeUndefined();
  });

  it('look beyond a /32 of IPv6', () => {
    const table = new AllowedIps<string>();
    table.insert(prefix('2001:db8::/32'), 'wide');
    table.insert(prefix('2001:db8::1/128'), 'narrow');
    expect(lookup(table, '2001:db8::1')).toBe('narrow');
    expect(lookup(table, '2001:db8::2')).toBe('wide');
  });

  it('keep families apart: an IPv4-mapped address is IPv6', () => {
    const table = new AllowedIps<string>();
    table.insert(prefix('0.0.0.0/0'), 'four');
    expect(lookup(table, '::ffff:10.0.0.1')).toBeUndefined();
    table.insert(prefix('::ffff:10.0.0.1/128'), 'six');
    expect(lookup(table, '::ffff:10.0.0.1')).toBe('six');
    expect(lookup(table, '10.0.0.1')).toBe('four');
    expect(table.prefixesOf('six').map(String)).toEqual(['::ffff:a00:1/128']);
  });

  it('know whether any of a family is there', () => {
    const table = new AllowedIps<string>();
    expect([table.hasAny(4), table.hasAny(6)]).toEqual([false, false]);
    table.insert(prefix('0.0.0.0/0'), 'a');
    table.insert(prefix('10.0.0.0/8'), 'b');
    expect([table.hasAny(4), table.hasAny(6)]).toEqual([true, false]);
    table.removeOwner('a');
    expect(table.hasAny(4)).toBe(true);
    table.removeOwner('b');
    expect(table.hasAny(4)).toBe(false);
  });

  it('are listed IPv4 first, in ascending order, the wider before the narrower', () => {
    const table = new AllowedIps<string>();
    const sorted = [
      '0.0.0.0/0',
      '10.0.0.0/8',
      '10.0.0.0/16',
      '10.1.0.0/16',
      '192.0.2.0/24',
      '::/0',
      'fd00::/8',
    ];
    for (const text of [...sorted].reverse()) table.insert(prefix(text), 'a');
    for (const text of ['10.2.0.0/16', '10.3.0.0/16']) table.insert(prefix(text), 'b');
    expect(table.prefixesOf('a').map(String)).toEqual(sorted);
    table.removeOwner('a');
    expect(table.prefixesOf('a')).toEqual([]);
    expect(table.prefixesOf('b').map(String)).toEqual(['10.2.0.0/16', '10.3.0.0/16']);
    expect(lookup(table, '10.1.0.1')).toBeUndefined();
    expect(lookup(table, '10.3.0.1')).toBe('b');
  });
});
