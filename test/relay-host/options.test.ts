import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS, mayServe } from '../../relay/config.ts';
import { parseListen, readOptions } from '../../src/relay-host/options.ts';

describe('options', () => {
  it('nothing allowed is no relay', () => {
    expect(() => readOptions({ allow: [] })).toThrow(/nothing is allowed/);
  });

  it.each([
    ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['relay.example:443', { host: 'relay.example', port: 443 }],
  ])('listens on %s', (text, expected) => expect(parseListen(text)).toEqual(expected));

  it.each(['', '8080', '127.0.0.1', '127.0.0.1:70000', '::1:80', 'a:b'])('%j is no listen address', (text) =>
    expect(() => parseListen(text)).toThrow(/expected HOST:PORT/),
  );

  it.each([
    [['203.0.113.7'], '127.0.0.1', true],
    [['203.0.113.7', 'hub.example.com'], '127.0.0.1', true],
    [['203.0.113.7', 'hub.example.com'], '::1', true],
    [['203.0.113.7'], '0.0.0.0', true],
    [['hub.example.com'], '0.0.0.0', false],
    [['203.0.113.0/24'], '0.0.0.0', false],
    [['203.0.113.7', '203.0.113.8'], '0.0.0.0', false],
    [['203.0.113.7', '203.0.113.8'], '192.168.1.2', false],
  ])('without authentication, allowing %j on %s: %s', (allow, host, expected) => {
    expect(mayServe(readOptions({ allow }), host)).toBe(expected);
  });

  it.each([
    [['203.0.113.7'], true],
    [['hub.example.com'], true],
    [['hub.example.com', 'other.example.com'], false],
    [['203.0.113.0/24'], false],
    [['203.0.113.7', '203.0.113.8'], false],
  ])('without authentication, allowing %j on loopback behind a trusted proxy: %s', (allow, expected) => {
    expect(mayServe(readOptions({ allow, trustedProxies: ['127.0.0.1'] }), '127.0.0.1')).toBe(expected);
  });

  it('limits are checked by name and range', () => {
    const read = (limits: object) => readOptions({ allow: ['203.0.113.7'], limits });
    expect(read({}).limits).toEqual(DEFAULT_LIMITS);
    expect(read({ channels: 63 }).limits.channels).toBe(63);
    expect(() => read({ channels: 64 })).toThrow(/limits\.channels: expected <=63, not 64/);
    expect(() => read({ maxDatagram: 65_533 })).toThrow(/maxDatagram/);
    expect(() => read({ chanels: 4 })).toThrow(/limits\.chanels: there is no such setting/);
    expect(() => read({ sessions: -1 })).toThrow(/limits.sessions/);
    expect(() => read({ sessions: Number.NaN })).toThrow(/limits.sessions/);
  });

  it('a ticket key of less than 32 bytes is refused', () => {
    const read = (length: number) =>
      readOptions({ allow: ['203.0.113.7'], tickets: { keys: [randomBytes(length)] } });
    expect(() => read(31)).toThrow('32 random bytes');
    expect(() => read(32)).not.toThrow();
  });
});
