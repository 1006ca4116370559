import { describe, expect, it } from 'vitest';
import { RelayConfigError } from '../../src/relay-host/config-error.ts';
import { readOrigins } from '../../src/relay-host/origins.ts';

const REACHED = { address: '127.0.0.1', port: 8080 };

describe('origins', () => {
  const policy = readOrigins(
    [
      'https://console.example.com',
      'http://127.0.0.1:5173',
      'https://*.tenants.example.com',
      'HTTPS://Upper.example:443',
    ],
    false,
  );

  it.each([
    ['https://console.example.com', true],
    ['HTTPS://CONSOLE.example.com', true],
    ['http://127.0.0.1:5173', true],
    ['https://a.tenants.example.com', true],
    ['https://upper.example', true],
    [undefined, false],
    ['', false],
    ['null', false],
    ['https://console.example.com.evil', false],
    ['https://evil.example.com', false],
    ['https://console.example.com:8443', false],
    ['http://console.example.com', false],
    ['https://console.example.com/', false],
    ['http://127.0.0.1', false],
    ['https://tenants.example.com', false],
    ['https://.tenants.example.com', false],
    ['https://a.b.tenants.example.com', false],
    ['https://a.tenants.example.com.evil', false],
    ['https://eviltenants.example.com', false],
    ['http://a.tenants.example.com', false],
    ['https://a/.tenants.example.com', false],
    ['https://x@.tenants.example.com', false],
    ['https://*.tenants.example.com', false],
  ])('%j: %s', (origin, permitted) => expect(policy.permits(origin, REACHED)).toBe(permitted));

  it('a client without an origin passes only if that is allowed; "null" never does', () => {
    const open = readOrigins([], true);
    expect(open.permits(undefined, REACHED)).toBe(true);
    expect(open.permits('null', REACHED)).toBe(false);
  });

  it.each([
    '*',
    'https://*',
    'console.example.com',
    'https://console.example.com/path',
    'null',
    'ftp://a.example',
    'https://a.*.example.com',
    'https://u:p@a.example',
  ])('%j is no origin', (origin) => expect(() => readOrigins([origin], false)).toThrow(RelayConfigError));
});
