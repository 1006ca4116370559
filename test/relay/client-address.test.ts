import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { readOptions } from '../../src/relay-host/options.ts';

const proxiesOf = (trustedProxies: string[]) => readOptions({ allow: ['192.0.2.1'], trustedProxies }).proxies;

function addressOf(from: string, forwarded: string | undefined, ...proxies: string[]): string {
  const request = { socket: { remoteAddress: from }, headers: { 'x-forwarded-for': forwarded } };
  return proxiesOf(proxies).addressOf(request as unknown as IncomingMessage);
}

describe('whose request it is', () => {
  it.each<[string, string | undefined, string[], string]>([
    // Nobody is trusted: whatever is claimed.
    ['198.51.100.7', '1.2.3.4', [], '198.51.100.7'],
    ['198.51.100.7', '1.2.3.4', ['10.0.0.0/8'], '198.51.100.7'],
    // One proxy, that appended what it saw to what the client invented.
    ['127.0.0.1', '1.2.3.4, 198.51.100.7', ['127.0.0.1'], '198.51.100.7'],
    ['::ffff:127.0.0.1', '198.51.100.7', ['127.0.0.1/32'], '198.51.100.7'],
    // Two of ours in a row.
    ['127.0.0.1', '1.2.3.4, 198.51.100.7, 10.1.2.3', ['127.0.0.1', '10.0.0.0/8'], '198.51.100.7'],
    ['fd00::1', '2001:db8::5, fd00::2', ['fd00::/8'], '2001:db8::5'],
    // Nothing said, or nothing sensible: the last one known.
    ['127.0.0.1', undefined, ['127.0.0.1'], '127.0.0.1'],
    ['127.0.0.1', '', ['127.0.0.1'], '127.0.0.1'],
    ['127.0.0.1', '198.51.100.7, unknown', ['127.0.0.1'], '127.0.0.1'],
    ['127.0.0.1', 'junk, 10.1.2.3', ['127.0.0.1', '10.0.0.0/8'], '10.1.2.3'],
    ['127.0.0.1', '198.51.100.7:1234', ['127.0.0.1'], '127.0.0.1'],
    ['127.0.0.1', '10.0.0.1, 10.0.0.2', ['127.0.0.1', '10.0.0.0/8'], '10.0.0.1'],
  ])('from %s, forwarded for %j, trusting %j: %s', (from, forwarded, proxies, expected) => {
    expect(addressOf(from, forwarded, ...proxies)).toBe(expected);
  });

  it('reads no more of a long chain than an honest one has', () => {
    const chain = Array.from({ length: 100_000 }, () => '10.0.0.1').join(',');
    expect(addressOf('10.0.0.9', `198.51.100.7,${chain}`, '10.0.0.0/8')).toBe('10.0.0.1');
  });

  it.each(['', 'proxy.example', '10.0.0.0/33', '10.0.0.0/8/8', '127.1'])('%j is no proxy', (text) => {
    expect(() => proxiesOf([text])).toThrow(/trustedProxies/);
  });
});
