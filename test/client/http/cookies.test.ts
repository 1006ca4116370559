// RFC 6265, as far as a client that has no pages goes.
import { beforeEach, describe, expect, it } from 'vitest';
import { parseCookieDate } from '../../../src/client/http/cookie.ts';
import { CookieJar, MAX_COOKIES, MAX_COOKIES_OF_DOMAIN } from '../../../src/client/http/cookie-jar.ts';
import { serve } from './lab.ts';

let now: number;
let jar: CookieJar;

beforeEach(() => {
  now = Date.UTC(2026, 0, 1);
  jar = new CookieJar(() => now);
});

/** What the jar sends to `to` after `from` has set this. */
function sent(setCookie: string | string[], from: string, to: string): string | undefined {
  jar.store(new URL(from), [setCookie].flat());
  return jar.headerFor(new URL(to));
}

describe('which host a cookie goes to', () => {
  it.each([
    ['a=1', 'http://a.test/', 'http://a.test/', 'a=1'],
    ['a=1', 'http://a.test/', 'http://a.test:8080/', 'a=1'],
    ['a=1', 'http://a.test/', 'http://b.a.test/', undefined],
    ['a=1; Domain=a.test', 'http://b.a.test/', 'http://c.a.test/', 'a=1'],
    ['a=1; Domain=.A.test', 'http://b.a.test/', 'http://a.test/', 'a=1'],
    ['a=1; Domain=a.test', 'http://b.a.test/', 'http://xa.test/', undefined],
    ['a=1; Domain=b.a.test', 'http://a.test/', 'http://b.a.test/', undefined],
    ['a=1; Domain=other.test', 'http://a.test/', 'http://other.test/', undefined],
    ['a=1; Domain=test', 'http://a.test/', 'http://b.test/', undefined],
    ['a=1; Domain=host', 'http://host/', 'http://b.host/', undefined],
    ['a=1; Domain=host', 'http://host/', 'http://host/', 'a=1'],
    ['a=1; Domain=10.0.0.1', 'http://10.0.0.1/', 'http://10.0.0.1/', 'a=1'],
    ['a=1; Domain=0.0.1', 'http://10.0.0.1/', 'http://10.0.0.1/', undefined],
    ['a=1', 'http://[fd00::1]/', 'http://[fd00::1]/', 'a=1'],
  ])('%s from %s to %s', (setCookie, from, to, expected) => {
    expect(sent(setCookie, from, to)).toBe(expected);
  });
});

describe('which path', () => {
  it.each([
    ['a=1', 'http://a.test/x/y', 'http://a.test/x/z', 'a=1'],
    ['a=1', 'http://a.test/x/y', 'http://a.test/', undefined],
    ['a=1; Path=/x', 'http://a.test/', 'http://a.test/x', 'a=1'],
    ['a=1; Path=/x', 'http://a.test/', 'http://a.test/x/y', 'a=1'],
    ['a=1; Path=/x', 'http://a.test/', 'http://a.test/xy', undefined],
    ['a=1; Path=x', 'http://a.test/y/z', 'http://a.test/y/', 'a=1'],
  ])('%s from %s to %s', (setCookie, from, to, expected) => {
    expect(sent(setCookie, from, to)).toBe(expected);
  });

  it('goes first if it is longer', () => {
    const all = ['a=1; Path=/', 'b=2; Path=/x/y', 'c=3; Path=/x'];
    expect(sent(all, 'http://a.test/', 'http://a.test/x/y')).toBe('b=2; c=3; a=1');
  });
});

describe('what Secure and the prefixes promise', () => {
  it.each([
    ['a=1; Secure', 'https://a.test/', 'https://a.test/', 'a=1'],
    ['a=1; Secure', 'https://a.test/', 'http://a.test/', undefined],
    ['a=1; Secure', 'http://a.test/', 'https://a.test/', undefined],
    ['__Secure-a=1', 'https://a.test/', 'https://a.test/', undefined],
    ['__Host-a=1; Secure; Path=/', 'https://a.test/', 'https://a.test/', '__Host-a=1'],
    ['__Host-a=1; Secure; Path=/; Domain=a.test', 'https://a.test/', 'https://a.test/', undefined],
  ])('%s from %s to %s', (setCookie, from, to, expected) => {
    expect(sent(setCookie, from, to)).toBe(expected);
  });
});

describe('a cookie that is Secure', () => {
  it.each([
    ['a=2', 'http://a.test/', 'a=1'],
    ['a=2; Path=/x', 'http://a.test/', 'a=1'],
    ['a=2; Domain=a.test', 'http://b.a.test/', 'a=1'],
    ['a=; Max-Age=0', 'http://a.test/', 'a=1'],
    ['b=2', 'http://a.test/', 'a=1; b=2'],
    ['a=2; Secure', 'https://a.test/', 'a=2'],
    ['a=2', 'https://a.test/', 'a=2'],
  ])('is not replaced by %s from %s: %s', (setCookie, from, expected) => {
    jar.store(new URL('https://a.test/'), ['a=1; Secure; Path=/']);
    expect(sent(setCookie, from, 'https://a.test/x')).toBe(expected);
  });
});

describe('how long it lives', () => {
  const url = 'http://a.test/';

  it('is what Max-Age says, whatever Expires says', () => {
    expect(sent('a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT', url, url)).toBe('a=1');
    now += 60_000;
    expect(jar.headerFor(new URL(url))).toBeUndefined();
  });

  it('is what Expires says, and in the past it is gone', () => {
    expect(sent('a=1; Expires=Thu, 01 Jan 2026 00:01:00 GMT', url, url)).toBe('a=1');
    expect(sent('a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT', url, url)).toBeUndefined();
    expect(jar.size).toBe(0);
  });

  it.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT', Date.UTC(1994, 10, 6, 8, 49, 37)],
    ['Sunday, 06-Nov-94 08:49:37 GMT', Date.UTC(1994, 10, 6, 8, 49, 37)],
    ['Sun Nov  6 08:49:37 1994', Date.UTC(1994, 10, 6, 8, 49, 37)],
    ['Wed, 09-Jun-2021 10:18:14 GMT', Date.UTC(2021, 5, 9, 10, 18, 14)],
    ['6 Nov 30 8:9:7', Date.UTC(2030, 10, 6, 8, 9, 7)],
    ['tomorrow', undefined],
    ['Sun, 06 Nov 1994', undefined],
    ['Sun, 32 Nov 1994 08:49:37 GMT', undefined],
    ['Sun, 06 Nov 1994 25:49:37 GMT', undefined],
  ])('reads %s', (text, expected) => {
    expect(parseCookieDate(text)).toBe(expected);
  });
});

describe('what is none', () => {
  it.each(['', '=1', 'novalue', `a=${'b'.repeat(4096)}`, 'a=b\x07c', 'a=\0'])('%j', (setCookie) => {
    expect(sent(setCookie, 'http://a.test/', 'http://a.test/')).toBeUndefined();
  });
});

describe('how many are kept', () => {
  it('of a domain: fifty, the oldest goes', () => {
    const url = new URL('http://a.test/');
    for (let i = 0; i <= MAX_COOKIES_OF_DOMAIN; i++) jar.store(url, [`c${i}=1`]);
    expect(jar.size).toBe(MAX_COOKIES_OF_DOMAIN);
    expect(jar.headerFor(url)).not.toContain('c0=');
    expect(jar.headerFor(url)).toContain(`c${MAX_COOKIES_OF_DOMAIN}=`);
  });

  it('in all: three thousand', () => {
    for (let i = 0; i <= MAX_COOKIES + 5; i++) jar.store(new URL(`http://${i}.test/`), ['a=1']);
    expect(jar.size).toBe(MAX_COOKIES);
  });
});

describe('fetch', () => {
  it('keeps them, also of a redirect, and `omit` neither sends nor keeps any', async () => {
    const seen: (string | undefined)[] = [];
    const lab = await serve((request, response) => {
      seen.push(request.headers.cookie);
      response.setHeader('Set-Cookie', `at=${request.url!.slice(1)}; Path=/`);
      if (request.url === '/first') response.writeHead(302, { Location: '/second' });
      response.end();
    });
    await lab.get('/omitted', { credentials: 'omit' });
    await lab.get('/first');
    await lab.get('/third', { credentials: 'omit' });
    await lab.get('/fourth', { headers: { cookie: 'mine=1' } });
    await lab.get('/fifth');
    expect(seen).toEqual([undefined, undefined, 'at=first', undefined, 'mine=1', 'at=fourth']);
    await lab.stop();
  });
});
