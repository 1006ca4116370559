// Servers that mean harm: what could be read in two ways is refused, and what could grow is bounded.
import { beforeEach, describe, expect, it } from 'vitest';
import { Dialer } from '../../../src/client/dialer.ts';
import { CookieJar, MAX_COOKIE_BYTES, MAX_PER_DOMAIN } from '../../../src/client/http/cookie-jar.ts';
import { HttpClient } from '../../../src/client/http/fetch.ts';
import { MAX_HEAD_BYTES, MAX_INFORMATIONAL } from '../../../src/client/http/response-parser.ts';
import { TunnelError } from '../../../src/core/errors.ts';
import { loadHttpParser } from '../../support/http-parser.ts';
import { LoneEngine } from '../../support/lone-engine.ts';
import { OUR_V4 } from '../../support/lone-stack.ts';
import { rawServer } from '../../support/raw-server.ts';

let engine: LoneEngine;
let client: HttpClient;

beforeEach(() => {
  engine = new LoneEngine();
  client = new HttpClient(new Dialer(engine.client), loadHttpParser);
});

/** The code with which reading this answer fails, or its text. */
async function readingOf(answer: string, ends = true): Promise<string> {
  await rawServer(engine, 80, async (connection) => {
    await connection.until('\r\n\r\n');
    await connection.write(answer);
    if (ends) await connection.end();
  });
  try {
    return await (await client.fetch(`http://${OUR_V4}/`)).text();
  } catch (error) {
    const told = (error as TypeError).cause;
    return told instanceof TunnelError ? told.code : String(error);
  }
}

const OK = 'HTTP/1.1 200 OK\r\n';

describe('an answer that could be read in two ways', () => {
  it.each([
    [
      'Content-Length and Transfer-Encoding',
      `${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      'the same, the other way round',
      `${OK}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`,
    ],
    ['two lengths', `${OK}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`],
    ['a list of lengths', `${OK}Content-Length: 3, 4\r\n\r\nabcd`],
    ['a length that is negative', `${OK}Content-Length: -1\r\n\r\n`],
    ['a length with a sign', `${OK}Content-Length: +3\r\n\r\nabc`],
    ['a length beyond all numbers', `${OK}Content-Length: 99999999999999999999\r\n\r\nabc`],
    ['chunked before another coding', `${OK}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`],
    ['a coding that is unknown', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ['chunked twice', `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a folded header', `${OK}X-A: b\r\n Content-Length: 3\r\n\r\nabc`],
    ['a space before the colon', `${OK}Content-Length : 3\r\n\r\nabc`],
    ['a NUL in a header', `${OK}X-A: a\0b\r\nContent-Length: 0\r\n\r\n`],
    ['a bare CR in a header', `${OK}X-A: a\rb\r\nContent-Length: 0\r\n\r\n`],
    ['a chunk size that is none', `${OK}Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n`],
    ['a chunk size beyond all numbers', `${OK}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc`],
    ['a chunk longer than it says', `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n`],
    ['a change of protocol', 'HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['HTTP/2', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ])('is refused: %s', async (_, answer) => {
    expect(await readingOf(answer)).toBe('ERR_PROTOCOL');
  });

  it.each(['HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n'])(
    'is refused where a Response cannot say it: %j',
    async (answer) => expect(await readingOf(answer)).toBe('ERR_PROTOCOL'),
  );
});

describe('an answer that is cut off', () => {
  it.each([
    '',
    'HTTP/1.1 200',
    `${OK}X-A: b`,
    `${OK}Content-Length: 9\r\n\r\nabc`,
    `${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`,
    `${OK}Transfer-Encoding: chunked\r\n\r\n9\r\nabc`,
  ])('fails, and never looks whole: %j', async (answer) => {
    expect(await readingOf(answer)).toBe('ERR_CONNECTION_RESET');
  });
});

describe('what could grow', () => {
  const lines = (count: number, line: string) => line.repeat(count);
  it.each([
    ['one header', `${OK}X-A: ${'a'.repeat(MAX_HEAD_BYTES)}`],
    ['many headers', OK + lines(MAX_HEAD_BYTES / 32, 'A:\r\n')],
    ['the name of a header', OK + 'a'.repeat(MAX_HEAD_BYTES + 1)],
    ['the reason', `HTTP/1.1 200 ${'a'.repeat(MAX_HEAD_BYTES + 1)}`],
    ['trailers', `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n${lines(MAX_HEAD_BYTES / 32, 'A: b\r\n')}`],
    ['answers of status 1xx', lines(MAX_INFORMATIONAL + 1, 'HTTP/1.1 100 X\r\n\r\n')],
  ])('is bounded: %s', async (_, answer) => {
    expect(await readingOf(answer, false)).toBe('ERR_PROTOCOL');
  });

  it('is bounded: codings around a body', async () => {
    const codings = Array(6).fill('gzip').join(', ');
    expect(await readingOf(`${OK}Content-Encoding: ${codings}\r\nContent-Length: 3\r\n\r\nabc`)).toBe(
      'ERR_PROTOCOL',
    );
  });

  it('is bounded: cookies', () => {
    const jar = new CookieJar(() => 0);
    const url = new URL('http://host.test/');
    for (let each = 0; each < MAX_PER_DOMAIN + 10; each++) jar.store(url, `n${each}=v`);
    jar.store(url, `long=${'v'.repeat(MAX_COOKIE_BYTES)}`);
    const kept = jar.cookieFor(url)!.split('; ');
    expect(kept).toHaveLength(MAX_PER_DOMAIN);
    expect(kept[0]).toBe('n10=v');
  });
});

describe('the cookie jar', () => {
  const get = (setCookie: string, from: string, to: string): string | undefined => {
    const jar = new CookieJar(() => Date.UTC(2026, 0, 1));
    jar.store(new URL(from), setCookie);
    return jar.cookieFor(new URL(to));
  };
  it.each([
    ['a=1', 'http://host.test/', 'http://host.test/', 'a=1'],
    ['a=1', 'http://host.test/', 'http://sub.host.test/', undefined],
    ['a=1; Domain=host.test', 'http://sub.host.test/', 'http://other.host.test/', 'a=1'],
    ['a=1; Domain=other.test', 'http://host.test/', 'http://other.test/', undefined],
    ['a=1; Domain=test', 'http://host.test/', 'http://host.test/', undefined],
    ['a=1; Domain=0.0.1', 'http://10.0.0.1/', 'http://10.0.0.1/', undefined],
    ['a=1', 'http://host.test/dir/page', 'http://host.test/dir/other', 'a=1'],
    ['a=1', 'http://host.test/dir/page', 'http://host.test/directory', undefined],
    ['a=1; Path=/dir', 'http://host.test/', 'http://host.test/dir/page', 'a=1'],
    ['a=1; Secure', 'http://host.test/', 'http://host.test/', undefined],
    ['a=1; Max-Age=1', 'http://host.test/', 'http://host.test/', 'a=1'],
    ['a=1; Max-Age=0', 'http://host.test/', 'http://host.test/', undefined],
    ['a=1; Expires=Thu, 01 Jan 2015 00:00:00 GMT', 'http://host.test/', 'http://host.test/', undefined],
    [
      'a=1; Expires=Thu, 01 Jan 2015 00:00:00 GMT; Max-Age=9',
      'http://host.test/',
      'http://host.test/',
      'a=1',
    ],
    ['=1', 'http://host.test/', 'http://host.test/', undefined],
    ['a=1\u0001', 'http://host.test/', 'http://host.test/', undefined],
  ])('%j of %s: what %s gets is %j', (setCookie, from, to, sent) =>
    expect(get(setCookie, from, to)).toBe(sent),
  );
});
