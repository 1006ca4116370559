import { describe, expect, it } from 'vitest';
import { isLoopback, printPlace, readForward, readPlace } from '../../src/cli/places.ts';

describe('places on the command line', () => {
  it.each([
    ['127.0.0.1:80', '127.0.0.1', 80],
    ['db.internal:5432', 'db.internal', 5432],
    ['[fd00::1]:22', 'fd00::1', 22],
  ])('%s is a host and a port', (text, host, port) => {
    expect(readPlace('-W', text)).toEqual({ host, port });
    expect(printPlace({ host, port })).toBe(text);
  });

  it.each(['', 'host', 'host:', ':80', 'host:0', 'host:65536', 'fd00::1:22', '[host]:22', 'a b:1', 'u@h:1'])(
    '"%s" is none',
    (text) => {
      expect(() => readPlace('-W', text)).toThrow(/^-W ".*": expected HOST:PORT/);
    },
  );

  it.each([
    ['8080:web:80', '127.0.0.1', 8080, 'web', 80],
    ['0.0.0.0:8080:10.0.0.1:80', '0.0.0.0', 8080, '10.0.0.1', 80],
    ['[::1]:8080:[fd00::1]:80', '::1', 8080, 'fd00::1', 80],
    ['*:8080:web:80', '::', 8080, 'web', 80],
    [':8080:web:80', '::', 8080, 'web', 80],
  ])('%s is a forward', (text, from, port, host, hostPort) => {
    expect(readForward('-L', text, '127.0.0.1')).toEqual({
      listen: { host: from, port },
      target: { host, port: hostPort },
    });
  });

  it.each(['8080', '8080:web', 'web:80', '8080:fd00::1:80', '0:web:80', '1:web:99999', 'a:b:c:d'])(
    '"%s" is none',
    (text) => {
      expect(() => readForward('-L', text, '127.0.0.1')).toThrow(/expected \[HOST:\]PORT:HOST:PORT/);
    },
  );

  it('knows what only this machine reaches', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost']) expect(isLoopback(host)).toBe(true);
    for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.com', '::ffff:127.0.0.1'])
      expect(isLoopback(host)).toBe(false);
  });
});
