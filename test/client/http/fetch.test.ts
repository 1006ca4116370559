// fetch over the tunnel, against a server that says byte by byte what a test wants. Both are on a stack that reaches itself.
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { Dialer } from '../../../src/client/dialer.ts';
import { HttpClient } from '../../../src/client/http/fetch.ts';
import type { FetchInit } from '../../../src/client/http/request.ts';
import type { TunnelError } from '../../../src/core/errors.ts';
import { loadHttpParser } from '../../support/http-parser.ts';
import { LoneEngine } from '../../support/lone-engine.ts';
import { OUR_V4 } from '../../support/lone-stack.ts';
import { type RawConnection, rawServer } from '../../support/raw-server.ts';

const BASE = `http://${OUR_V4}`;
const HEAD_END = '\r\n\r\n';

let engine: LoneEngine;
let client: HttpClient;
let connections: () => number;

beforeEach(() => {
  engine = new LoneEngine();
  client = new HttpClient(new Dialer(engine.client), loadHttpParser);
});

/** Answers each request with the next of these, over and over on one connection; returns the heads that came. */
async function answering(...answers: (string | Uint8Array<ArrayBuffer>)[]): Promise<string[]> {
  const heads: string[] = [];
  connections = await rawServer(engine, 80, async (connection) => {
    while (answers.length > 0) {
      heads.push(await connection.until(HEAD_END));
      await connection.write(answers.shift()!);
    }
  });
  return heads;
}

const ok = (body = '', ...headers: string[]) =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n${body}`;

async function failure(promise: Promise<unknown>): Promise<TypeError> {
  const error: unknown = await promise.then(
    () => 'it did not fail',
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TypeError);
  return error as TypeError;
}

const codeOf = ({ cause }: TypeError) => (cause as TunnelError | undefined)?.code;

async function quiet(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a request', () => {
  it('is HTTP/1.1 with Host, and its response is a Response', async () => {
    const heads = await answering(ok('hello', 'Content-Type: text/plain', 'X-Twice: a', 'X-Twice: b'));
    const response = await client.fetch(`${BASE}/path?query=1#fragment`, { headers: { 'X-Own': 'yes' } });
    expect(response).toBeInstanceOf(Response);
    expect(response.status).toBe(200);
    expect(response.statusText).toBe('OK');
    expect(response.url).toBe(`${BASE}/path?query=1`);
    expect(response.redirected).toBe(false);
    expect(response.headers.get('x-twice')).toBe('a, b');
    expect(await response.text()).toBe('hello');
    expect(heads[0]).toMatch(/^GET \/path\?query=1 HTTP\/1\.1\r\nHost: 10\.0\.0\.2\r\n/);
    expect(heads[0]).toContain('x-own: yes\r\n');
    expect(heads[0]).toContain('accept-encoding: gzip, deflate\r\n');
  });

  it('may be a Request, and its Host and Cookie may be given in `init`', async () => {
    const heads = await answering(ok());
    await client.fetch(new Request(`${BASE}/x`, { method: 'PUT', body: 'abc' }), {
      headers: { Host: 'intranet', Cookie: 'a=b' },
    });
    expect(heads[0]).toMatch(/^PUT \/x HTTP\/1\.1\r\nHost: intranet\r\n/);
    expect(heads[0]).toContain('cookie: a=b\r\n');
    expect(heads[0]).toContain('Content-Length: 3\r\n');
  });

  it('asks for a range of what is stored, not of something compressed', async () => {
    const heads = await answering(
      'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-2/9\r\nContent-Length: 2\r\n\r\nbc',
    );
    const response = await client.fetch(BASE, { headers: { Range: 'bytes=1-2' } });
    expect(response.status).toBe(206);
    expect(await response.text()).toBe('bc');
    expect(heads[0]).toContain('accept-encoding: identity\r\n');
  });

  it('sends FormData with its boundary', async () => {
    let body = '';
    await rawServer(engine, 80, async (connection) => {
      const head = await connection.until(HEAD_END);
      const boundary = /boundary=(\S+)/.exec(head)![1]!;
      body = await connection.until(`--${boundary}--`);
      await connection.write(ok());
    });
    const form = new FormData();
    form.set('name', 'value');
    form.set('file', new Blob(['bytes']), 'a.txt');
    expect((await client.fetch(BASE, { method: 'POST', body: form })).status).toBe(200);
    expect(body).toMatch(/name="name"\r\n\r\nvalue\r\n/);
    expect(body).toMatch(/filename="a.txt"\r\nContent-Type: [^\r]*\r\n\r\nbytes\r\n/);
  });

  it('streams a body in chunks, while the response comes already', async () => {
    await rawServer(engine, 80, async (connection) => {
      expect(await connection.until(HEAD_END)).toContain('Transfer-Encoding: chunked');
      await connection.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked${HEAD_END}`);
      for (let piece = 0; piece < 3; piece++) {
        const echo = await connection.until(`${piece}\r\n`.repeat(1));
        await connection.write(`1\r\n${echo.at(-3)}\r\n`);
      }
      expect(await connection.until('0\r\n\r\n')).toContain('0\r\n\r\n');
      await connection.write('0\r\n\r\n');
    });
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const response = await client.fetch(BASE, { method: 'POST', body: readable, duplex: 'half' });
    const reader = response.body!.getReader();
    for (const digit of ['0', '1', '2']) {
      void writer.write(new TextEncoder().encode(`#${digit}`));
      expect(new TextDecoder().decode((await reader.read()).value)).toBe(digit);
    }
    void writer.close();
    expect((await reader.read()).done).toBe(true);
  });

  it.each<[string, string, FetchInit]>([
    ['a relative URL', '/path', {}],
    ['another protocol', 'ftp://host/', {}],
    ['a password in the URL', 'http://me:secret@host/', {}],
    ['a GET with a body', BASE, { body: 'x' }],
    ['a method that is forbidden', BASE, { method: 'CONNECT' }],
    ['a method that splits the request', BASE, { method: 'GET / HTTP/1.1\r\nX: ' }],
    ['a header that splits the request', BASE, { headers: { 'X-Own': 'a\r\nX-Other: b' } }],
  ])('is refused with %s', async (_, url, init) => {
    await failure(client.fetch(url, init));
  });

  it('says ERR_TLS_UNAVAILABLE of https:', async () => {
    expect(codeOf(await failure(client.fetch('https://host/')))).toBe('ERR_TLS_UNAVAILABLE');
  });

  it('says what the network said', async () => {
    expect(codeOf(await failure(client.fetch(`${BASE}:81/`)))).toBe('ERR_CONNECTION_REFUSED');
  });
});

describe('a response', () => {
  it('in chunks, with extensions and trailers', async () => {
    await answering(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n',
      ok('next'),
    );
    expect(await (await client.fetch(BASE)).text()).toBe('abcde');
    expect(await (await client.fetch(BASE)).text()).toBe('next');
    expect(connections()).toBe(1);
  });

  it('that ends with the connection', async () => {
    await rawServer(engine, 80, async (connection) => {
      await connection.until(HEAD_END);
      await connection.end('HTTP/1.0 200 OK\r\n\r\nto the end');
    });
    expect(await (await client.fetch(BASE)).text()).toBe('to the end');
  });

  it.each([204, 304])('of status %i has no body, whatever its headers say', async (status) => {
    await answering(`HTTP/1.1 ${status} X\r\nContent-Length: 5\r\n\r\n`, ok('next'));
    const response = await client.fetch(BASE);
    expect(response.body).toBeNull();
    expect(response.status).toBe(status);
    expect(await (await client.fetch(BASE)).text()).toBe('next');
  });

  it('to HEAD has none either', async () => {
    await answering('HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n', ok('next'));
    const response = await client.fetch(BASE, { method: 'HEAD' });
    expect(response.headers.get('content-length')).toBe('5000');
    expect(response.body).toBeNull();
    expect(await (await client.fetch(BASE)).text()).toBe('next');
  });

  it('comes after those of status 1xx, which `onResponse` hears of', async () => {
    await answering(
      `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${ok('then')}`,
    );
    const statuses: number[] = [];
    const response = await client.fetch(BASE, { onResponse: ({ status }) => statuses.push(status) });
    expect(await response.text()).toBe('then');
    expect(statuses).toEqual([103, 100, 200]);
  });

  const packed = 'much the same, much the same, much the same';
  it.each([
    ['gzip', gzipSync(packed)],
    ['x-gzip', gzipSync(packed)],
    ['deflate', deflateSync(packed)],
    ['deflate', deflateRawSync(packed)],
    ['deflate, gzip', gzipSync(deflateSync(packed))],
    ['gzip', Buffer.alloc(0)],
  ])('in %s is unpacked', async (coding, bytes) => {
    await answering(ok(bytes.toString('latin1'), `Content-Encoding: ${coding}`));
    expect(await (await client.fetch(BASE)).text()).toBe(bytes.length > 0 ? packed : '');
  });

  it('waits for its reader: a server that has much to say is stopped', async () => {
    let sent = 0;
    await rawServer(engine, 80, async (connection) => {
      await connection.until(HEAD_END);
      await connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 << 20}${HEAD_END}`);
      for (; sent < 64; sent++) await connection.write(new Uint8Array(1 << 20));
    });
    const response = await client.fetch(BASE);
    await quiet();
    await quiet();
    const stuck = sent;
    expect(stuck).toBeLessThan(32);
    await quiet();
    expect(sent).toBe(stuck);
    await response.body!.cancel();
  });
});

describe('connections', () => {
  it('are kept, and used again', async () => {
    await answering(ok('a'), ok('b'));
    expect(await (await client.fetch(BASE)).text()).toBe('a');
    expect(await (await client.fetch(BASE)).text()).toBe('b');
    expect(connections()).toBe(1);
  });

  it('are at most six to a server; more requests wait', async () => {
    const open: RawConnection[] = [];
    const count = await rawServer(engine, 80, async (connection) => {
      open.push(connection);
      for (;;) await connection.until(HEAD_END);
    });
    const all = Array.from({ length: 8 }, () => client.fetch(BASE).then((response) => response.text()));
    await quiet();
    expect(count()).toBe(6);
    for (const connection of open) await connection.write(ok('x'));
    await quiet();
    expect(count()).toBe(6);
    for (const connection of open) await connection.write(ok('x'));
    expect(await Promise.all(all)).toEqual(Array(8).fill('x'));
  });

  it('that the server closed under a request are replaced once, where nothing can happen twice', async () => {
    const count = await rawServer(engine, 80, async (connection, number) => {
      await connection.until(HEAD_END);
      await connection.write(ok(`${number}`));
      await connection.until(HEAD_END);
      await connection.end();
    });
    expect(await (await client.fetch(BASE)).text()).toBe('0');
    expect(await (await client.fetch(BASE)).text()).toBe('1');
    expect(count()).toBe(2);
    expect(codeOf(await failure(client.fetch(BASE, { method: 'POST', body: 'x' })))).toBe(
      'ERR_CONNECTION_RESET',
    );
    expect(count()).toBe(2);
  });

  it('that say something unasked are not used again', async () => {
    const count = await rawServer(engine, 80, async (connection, number) => {
      await connection.until(HEAD_END);
      await connection.write(ok(`${number}`));
      if (number === 0) await connection.write(ok('smuggled'));
    });
    expect(await (await client.fetch(BASE)).text()).toBe('0');
    await quiet();
    expect(await (await client.fetch(BASE)).text()).toBe('1');
    expect(count()).toBe(2);
  });
});

describe('redirects', () => {
  const to = (status: number, location: string) =>
    `HTTP/1.1 ${status} Moved\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`;

  it.each([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [301, 'PUT', 'PUT'],
    [307, 'POST', 'POST'],
    [308, 'POST', 'POST'],
    [303, 'HEAD', 'HEAD'],
  ])('%i turns %s into %s', async (status, method, then) => {
    const heads: string[] = [];
    await rawServer(engine, 80, async (connection) => {
      heads.push(await connection.until(HEAD_END));
      if (method !== 'HEAD') await connection.until('body');
      await connection.write(to(status, '/there'));
      heads.push(await connection.until(HEAD_END));
      if (then === method && method !== 'HEAD') await connection.until('body');
      await connection.write(method === 'HEAD' ? 'HTTP/1.1 200 OK\r\n\r\n' : ok('there'));
    });
    const body = method === 'HEAD' ? null : 'body';
    const response = await client.fetch(`${BASE}/here#part`, {
      method,
      body,
      headers: { 'Content-Language': 'en' },
    });
    expect(response.url).toBe(`${BASE}/there`);
    expect(response.redirected).toBe(true);
    expect(heads[1]).toMatch(new RegExp(`^${then} /there HTTP`));
    expect(heads[1]!.includes('content-language')).toBe(then === method);
  });

  it('take no secret to another origin', async () => {
    await answering(to(302, `${BASE}:81/`));
    let head = '';
    await rawServer(engine, 81, async (connection) => {
      head = await connection.until(HEAD_END);
      await connection.write(ok());
    });
    await client.fetch(BASE, {
      headers: { Authorization: 'secret', Cookie: 'secret', Host: 'secret', 'X-Own': 'kept' },
    });
    expect(head).not.toContain('secret');
    expect(head).toContain('x-own: kept');
  });

  it('end after twenty', async () => {
    await answering(...Array<string>(30).fill(to(302, '/again')));
    expect((await failure(client.fetch(BASE))).message).toMatch(/too often/);
  });

  it('lead to http: and https: only, and can be refused or looked at', async () => {
    await answering(to(302, 'file:///etc/passwd'), to(302, '/x'), to(302, '/x'));
    await failure(client.fetch(BASE));
    await failure(client.fetch(BASE, { redirect: 'error' }));
    const response = await client.fetch(BASE, { redirect: 'manual' });
    expect(response.status).toBe(302);
    expect(response.headers.get('location')).toBe('/x');
  });

  it('cannot send a stream twice', async () => {
    await answering(to(307, '/x'));
    const body = new Blob(['x']).stream();
    expect((await failure(client.fetch(BASE, { method: 'POST', body }))).message).toMatch(/only once/);
  });
});

describe('cookies', () => {
  it('are kept in the jar of the tunnel, and shown to `onResponse`', async () => {
    const heads = await answering(ok('', 'Set-Cookie: a=1; Path=/', 'Set-Cookie: b=2; HttpOnly'), ok(), ok());
    const shown: string[] = [];
    await client.fetch(BASE, {
      onResponse: ({ headers }) =>
        shown.push(...headers.filter(([name]) => name === 'Set-Cookie').map(([, value]) => value)),
    });
    await client.fetch(BASE);
    await client.fetch(BASE, { credentials: 'omit' });
    expect(shown).toEqual(['a=1; Path=/', 'b=2; HttpOnly']);
    expect(heads[1]).toContain('cookie: a=1; b=2\r\n');
    expect(heads[2]).not.toContain('cookie');
  });
});

describe('ends before its time', () => {
  it.each(['before the head', 'within the body'])('by a signal, %s', async (when) => {
    let over: Promise<unknown> | undefined;
    await rawServer(engine, 80, async (connection) => {
      over = connection.over;
      await connection.until(HEAD_END);
      if (when === 'within the body')
        await connection.write(`HTTP/1.1 200 OK\r\nContent-Length: 9${HEAD_END}abc`);
    });
    const stop = new AbortController();
    const reading = client.fetch(BASE, { signal: stop.signal }).then((response) => response.text());
    reading.catch(() => {});
    await quiet();
    const reason = new Error('enough');
    stop.abort(reason);
    await expect(reading).rejects.toBe(reason);
    expect(await over).toBeInstanceOf(DOMException);
  });

  it('by a signal that was aborted already, before anything is opened', async () => {
    await answering(ok());
    await expect(client.fetch(BASE, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(connections()).toBe(0);
  });

  it.each(['', `HTTP/1.1 200 OK\r\nContent-Length: 9${HEAD_END}abc`])(
    'where the server falls silent (after %j)',
    async (beginning) => {
      await answering(beginning);
      const reading = client.fetch(BASE, { timeout: 30 }).then((response) => response.text());
      expect(codeOf(await failure(reading))).toBe('ERR_TIMEOUT');
    },
  );

  it('where its own body fails', async () => {
    await rawServer(engine, 80, async (connection) => void (await connection.until('never')));
    const reason = new Error('no more');
    const body = new ReadableStream({ pull: (controller) => controller.error(reason) });
    await expect(client.fetch(BASE, { method: 'POST', body })).rejects.toBe(reason);
  });
});
