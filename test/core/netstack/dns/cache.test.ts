import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../../src/core/address.ts';
import type { Answer } from '../../../../src/core/netstack/dns/answer.ts';
import {
  DnsCache,
  FailureCache,
  MAX_CACHE_BYTES,
  MAX_CACHE_ENTRIES,
  MAX_FAILURES,
} from '../../../../src/core/netstack/dns/cache.ts';
import { MAX_STRAGGLERS, Stragglers } from '../../../../src/core/netstack/dns/stragglers.ts';
import { LoneStack, OUR_V4 } from '../../../support/lone-stack.ts';
import { counting, udpPacket } from '../../../support/packets.ts';

const server = IpAddress.parse('10.0.0.53')!;

function answer(name: string, data = new Uint8Array(4)): Answer {
  return {
    kind: 'records',
    name,
    ttl: 300,
    aliases: 0,
    server,
    records: [{ type: 'TXT', name, ttl: 300, data: [data] }],
  };
}

describe('the cache', () => {
  it('holds 4096 entries, and lets the longest unused go', () => {
    const cache = new DnsCache();
    for (let i = 0; i < MAX_CACHE_ENTRIES; i++) cache.put(`h${i}`, 'TXT', answer(`h${i}`), 0);
    expect(cache.size).toBe(4096);
    expect(cache.get('h0', 'TXT', 1)).toBeDefined();
    cache.put('one-more', 'TXT', answer('one-more'), 1);
    expect(cache.size).toBe(4096);
    expect(cache.get('h0', 'TXT', 2)).toBeDefined();
    expect(cache.get('h1', 'TXT', 2)).toBeUndefined();
  });

  it('holds 2 MiB, however few entries that are', () => {
    const cache = new DnsCache();
    for (let i = 0; i < 100; i++) cache.put(`h${i}`, 'TXT', answer(`h${i}`, new Uint8Array(60_000)), 0);
    expect(cache.bytes).toBeLessThanOrEqual(MAX_CACHE_BYTES);
    expect(cache.size).toBe(34);
    expect(cache.get('h99', 'TXT', 1)).toBeDefined();
    cache.put('h99', 'TXT', answer('h99'), 1);
    cache.put('huge', 'TXT', answer('huge', new Uint8Array(MAX_CACHE_BYTES)), 1);
    expect(cache.get('huge', 'TXT', 1)).toBeUndefined();
    expect(cache.size).toBe(34);
  });

  it('counts nothing for what is gone', () => {
    const cache = new DnsCache();
    for (let i = 0; i < 10; i++) cache.put('a', 'TXT', answer('a', new Uint8Array(i * 100)), 0);
    const { bytes } = cache;
    cache.put('a', 'TXT', answer('a', new Uint8Array(900)), 0);
    expect(cache.bytes).toBe(bytes);
    expect(cache.get('a', 'TXT', 300_000)).toBeUndefined();
    expect(cache.bytes).toBe(0);
    cache.put('a', 'TXT', answer('a'), 0);
    cache.clear();
    expect([cache.size, cache.bytes]).toEqual([0, 0]);
  });
});

it('1024 failures are remembered, the last ones', () => {
  const failures = new FailureCache();
  for (let i = 0; i <= MAX_FAILURES; i++) failures.add(`A h${i}`, server, 'did not answer', 0);
  expect(failures.size).toBe(1024);
  expect(failures.get('A h0', server, 1)).toBeUndefined();
  expect(failures.get('A h1', server, 1)).toBe('did not answer');
  failures.succeeded('A h1', server);
  expect(failures.get('A h1', server, 1)).toBeUndefined();
});

it('1024 sockets wait for late answers, the last ones, and keep nothing of what comes', () => {
  const lone = new LoneStack();
  const stragglers = new Stragglers(lone.stack.drops, () => {});
  const bindings = Array.from({ length: MAX_STRAGGLERS + 1 }, () =>
    lone.stack.bindUdp({ remote: { address: server, port: 53 } }),
  );
  for (const binding of bindings) stragglers.add(binding, 0);
  expect(stragglers.size).toBe(1024);
  expect(() => bindings[0]!.send(new Uint8Array(1))).toThrow('closed');
  const destinationPort = bindings[1]!.local.port;
  lone.receive(
    udpPacket({
      source: '10.0.0.53',
      destination: OUR_V4,
      sourcePort: 53,
      destinationPort,
      data: counting(9),
    }),
  );
  expect(stragglers.pollAt()).toBe(0);
  stragglers.poll(1);
  expect(bindings[1]!.receive()).toBeUndefined();
  expect(lone.drops).toEqual({ 'dns-late': 1 });
  expect(stragglers.pollAt()).toBe(2000);
  stragglers.poll(2000);
  expect(stragglers.size).toBe(0);
});
