// What `dns` makes of a tunnel's answers, and of its failures, in the words of Node and c-ares.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DnsRecord } from '../../src/bridge/api.ts';
import type { Tunnel } from '../../src/client/tunnel.ts';
import { type NameFailure, TunnelError } from '../../src/core/errors.ts';
import * as dns from '../../src/shims/dns.ts';

const RECORDS: Record<string, DnsRecord[]> = {
  A: [{ type: 'A', name: 'x', ttl: 60, address: '10.0.0.1' }],
  MX: [{ type: 'MX', name: 'x', ttl: 60, preference: 5, exchange: 'mail.x' }],
  TXT: [
    { type: 'TXT', name: 'x', ttl: 60, strings: ['a', 'b'], data: [Uint8Array.of(97), Uint8Array.of(98)] },
  ],
  SRV: [{ type: 'SRV', name: 'x', ttl: 60, priority: 1, weight: 2, port: 3, target: 'srv.x' }],
  PTR: [{ type: 'PTR', name: 'x', ttl: 60, target: 'host.x' }],
  SOA: [
    {
      ...({ type: 'SOA', name: 'x', ttl: 60, mname: 'ns.x', rname: 'root.x' } as const),
      ...{ serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 },
    },
  ],
};

let failure: NameFailure | undefined;

/** Node’s callback as what it was called with. */
function told(ask: (...args: never[]) => object, ...args: unknown[]): Promise<unknown[]> {
  return new Promise((resolve) => {
    ask(...([...args, (...results: unknown[]) => resolve(results)] as never[]));
  });
}

beforeEach(() => {
  failure = undefined;
  const refuse = () => {
    throw new TunnelError('ERR_NAME_NOT_RESOLVED', 'no', {
      reason: failure!,
      retryable: failure === 'no-answer',
    });
  };
  const tunnel = {
    resolve: async (name: string, type: string) =>
      name === 'never' ? new Promise(() => {}) : failure ? refuse() : RECORDS[type],
    lookUp: async (_: string, family?: string) =>
      failure
        ? refuse()
        : ['fd00::1', '10.0.0.1'].filter((a) => !family || a.includes(':') === (family === 'ipv6')),
  };
  dns.setDefaultTunnel(tunnel as unknown as Tunnel);
});

afterEach(() => dns.setDefaultTunnel(undefined));

it('shows records as Node does, to callbacks and as promises', async () => {
  expect(await told(dns.resolve, 'x')).toEqual([null, ['10.0.0.1']]);
  expect(await told(dns.resolve4, 'x', { ttl: true })).toEqual([null, [{ address: '10.0.0.1', ttl: 60 }]]);
  expect(await told(dns.resolveMx, 'x')).toEqual([null, [{ exchange: 'mail.x', priority: 5 }]]);
  expect(await dns.promises.resolveTxt('x')).toEqual([['a', 'b']]);
  expect(await dns.promises.resolveSrv('x')).toEqual([{ name: 'srv.x', port: 3, priority: 1, weight: 2 }]);
  expect(await dns.promises.resolveSoa('x')).toMatchObject({
    nsname: 'ns.x',
    hostmaster: 'root.x',
    minttl: 5,
  });
  expect(await dns.promises.reverse('10.0.0.1')).toEqual(['host.x']);
  expect(await told(dns.lookupService, '10.0.0.1', 22)).toEqual([null, 'host.x', 'ssh']);
});

it('looks hosts up by family, all of them, and in the order that is asked for', async () => {
  expect(await told(dns.lookup, 'x')).toEqual([null, 'fd00::1', 6]);
  expect(await told(dns.lookup, 'x', 4)).toEqual([null, '10.0.0.1', 4]);
  expect(await told(dns.lookup, 'x', { all: true, verbatim: false })).toEqual([
    null,
    [
      { address: '10.0.0.1', family: 4 },
      { address: 'fd00::1', family: 6 },
    ],
  ]);
  expect(await told(dns.lookup, '10.9.8.7')).toEqual([null, '10.9.8.7', 4]);
  expect(await dns.promises.lookup('x', 6)).toEqual({ address: 'fd00::1', family: 6 });
});

it('fails in the words of c-ares, and of getaddrinfo', async () => {
  for (const [reason, query, lookup] of [
    ['no-name', 'ENOTFOUND', 'ENOTFOUND'],
    ['no-record', 'ENODATA', 'ENOTFOUND'],
    ['server-failed', 'ESERVFAIL', 'ENOTFOUND'],
    ['refused', 'EREFUSED', 'ENOTFOUND'],
    ['no-answer', 'ETIMEOUT', 'EAI_AGAIN'],
  ] as const) {
    failure = reason;
    const [asked] = await told(dns.resolve4, 'x');
    expect(asked).toMatchObject({
      code: query,
      syscall: 'queryA',
      hostname: 'x',
      message: `queryA ${query} x`,
    });
    const [looked] = await told(dns.lookup, 'x');
    const errno = lookup === 'ENOTFOUND' ? -3008 : -3001;
    expect(looked).toMatchObject({ code: lookup, errno, syscall: 'getaddrinfo', hostname: 'x' });
  }
});

it('gives up when told to, and when the time is over', async () => {
  const resolver = new dns.Resolver();
  const cancelled = told(resolver.resolve4, 'never');
  resolver.cancel();
  expect((await cancelled)[0]).toMatchObject({ code: 'ECANCELLED' });
  const impatient = new dns.Resolver({ timeout: 5 });
  expect((await told(impatient.resolve4, 'never'))[0]).toMatchObject({ code: 'ETIMEOUT' });
});

it('refuses what is no question', async () => {
  expect(() => dns.resolve(1, () => {})).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  expect(() => dns.resolve4('x')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  expect(() => dns.setServers(['x'])).toThrow(expect.objectContaining({ code: 'ERR_INVALID_IP_ADDRESS' }));
  expect(() => dns.setServers(['10.0.0.1'])).toThrow(
    expect.objectContaining({ code: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM' }),
  );
  await expect(dns.promises.resolve('x', 'Y' as 'A')).rejects.toMatchObject({
    code: 'ERR_INVALID_ARG_VALUE',
  });
});
