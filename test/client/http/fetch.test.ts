// fetch through a tunnel, as the fetch standard has it, with Node's own HTTP server at the other end.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { ResponseHead } from '../../../src/client/http/response-head.ts';
import { failureOf, type Lab, serve, serveRaw } from './lab.ts';

let lab: Lab;

afterEach(() => lab.stop());

const MIB = 1024 * 1024;

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request) text += String(part);
  return text;
}

/** A server that tells the request it got. */
async function mirror(): Promise<void> {
  lab = await serve(async (request, response) => {
    const { method, url, headers } = request;
    response.end(JSON.stringify({ method, url, headers, body: await textOf(request) }));
  });
}

async function mirrored(path: string, init?: Parameters<Lab['get']>[1]) {
  const response = await lab.get(path, init);
  return (await response.json()) as {
    method: string;
    url: string;
    headers: Record<string, string>;
    body: string;
  };
}

describe('a request', () => {
  it('says what fetch says', async () => {
    await mirror();
    const { method, url, headers } = await mirrored('/a%20b?c=d#e');
    expect({ method, url }).toEqual({ method: 'GET', url: '/a%20b?c=d' });
    expect(headers).toEqual({
      host: 'inside.test',
      accept: '*/*',
      'accept-language': '*',
      'accept-encoding': 'gzip, deflate',
      'user-agent': 'tabwire',
    });
  });

  it('may say Cookie, Host and User-Agent, but not where it ends', async () => {
    await mirror();
    const { headers } = await mirrored('/', {
      method: 'post',
      body: 'hello',
      headers: {
        Cookie: 'a=b',
        Host: 'other.test',
        'User-Agent': 'me',
        'Content-Length': '2',
        Connection: 'close',
      },
    });
    expect(headers).toMatchObject({ cookie: 'a=b', host: 'other.test', 'user-agent': 'me' });
    expect(headers).toMatchObject({ 'content-length': '5', 'content-type': 'text/plain;charset=UTF-8' });
    expect(headers).not.toHaveProperty('connection', 'close');
  });

  it('asks for no compression of a range', async () => {
    await mirror();
    const { headers } = await mirrored('/', { headers: { Range: 'bytes=1-2' } });
    expect(headers).toMatchObject({ range: 'bytes=1-2', 'accept-encoding': 'identity' });
  });

  it('may be a Request, whose headers `init` replaces', async () => {
    await mirror();
    const request = new Request('http://inside.test/r', {
      method: 'PUT',
      body: 'of the request',
      headers: { 'X-A': '1' },
    });
    const response = await lab.client.fetch(request, { headers: { 'X-B': '2' } });
    const { method, headers, body } = (await response.json()) as Awaited<ReturnType<typeof mirrored>>;
    expect({ method, body }).toEqual({ method: 'PUT', body: 'of the request' });
    expect(headers).toMatchObject({ 'x-b': '2', 'content-length': '14' });
    expect(headers).not.toHaveProperty('x-a');
  });

  it('may be a Request that has no stream to give, as Firefox’s', async () => {
    await mirror();
    for (const [body, type] of [
      ['of the request', 'text/plain;charset=UTF-8'],
      [new Blob(['of the request'], { type: 'image/x' }), 'image/x'],
      ['', 'text/plain;charset=UTF-8'],
    ] as const) {
      const request = new Request('http://inside.test/r', { method: 'PUT', body });
      Object.defineProperty(request, 'body', { value: undefined });
      const response = await lab.client.fetch(request);
      const seen = (await response.json()) as Awaited<ReturnType<typeof mirrored>>;
      const length = body === '' ? 0 : 14;
      expect(seen.body).toBe(length === 0 ? '' : 'of the request');
      expect(seen.headers).toMatchObject({ 'content-length': String(length), 'content-type': type });
      expect(seen.headers).not.toHaveProperty('transfer-encoding');
    }
  });

  it('that has no stream to give is sent again to where a redirect leads', async () => {
    const bodies: string[] = [];
    lab = await serve(async (request, response) => {
      bodies.push(await textOf(request));
      if (request.url === '/r') response.writeHead(307, { Location: '/there' });
      response.end();
    });
    const request = new Request('http://inside.test/r', { method: 'PUT', body: 'again' });
    Object.defineProperty(request, 'body', { value: undefined });
    expect((await lab.client.fetch(request)).redirected).toBe(true);
    expect(bodies).toEqual(['again', 'again']);
  });

  it('sends FormData with its boundary, and its length', async () => {
    await mirror();
    const form = new FormData();
    form.set('field', 'value');
    form.set('file', new File(['content'], 'name.txt', { type: 'text/plain' }));
    const { headers, body } = await mirrored('/', { method: 'POST', body: form });
    const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(headers['content-type']!)![1]!;
    expect(body.split(`--${boundary}`)).toHaveLength(4);
    expect(body).toContain('filename="name.txt"');
    expect(Number(headers['content-length'])).toBe(body.length);
  });

  it('sends a POST without a body as one of no bytes', async () => {
    await mirror();
    expect((await mirrored('/', { method: 'POST' })).headers).toHaveProperty('content-length', '0');
  });

  it.each([
    ['a relative URL', '/x', {}],
    ['another scheme', 'ftp://inside.test/', {}],
    ['credentials in the URL', 'http://a:b@inside.test/', {}],
    ['CONNECT', 'http://inside.test/', { method: 'CONNECT' }],
    ['a method that is none', 'http://inside.test/', { method: 'A B' }],
    ['a GET with a body', 'http://inside.test/', { body: 'x' }],
    ['a header with a line end', 'http://inside.test/', { headers: { a: 'b\r\nc: d' } }],
    ['integrity', 'http://inside.test/', { integrity: 'sha256-x' }],
  ])('is a TypeError with %s', async (_, url, init) => {
    await mirror();
    expect((await failureOf(lab.client.fetch(url, init))).code).toBeUndefined();
    expect(lab.connections()).toBe(0);
  });

  it('for https: needs a TLS layer', async () => {
    await mirror();
    expect(await failureOf(lab.client.fetch('https://inside.test/'))).toMatchObject({
      code: 'ERR_TLS_UNAVAILABLE',
    });
  });
});

describe('a stream as body', () => {
  it('leaves as it comes, before it is over', async () => {
    lab = await serve(async (request, response) => {
      response.write('first: ');
      for await (const part of request) response.write(part);
      response.end();
    });
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({ start: (it) => void (controller = it) });
    const response = await lab.get('/', { method: 'POST', body, duplex: 'half' });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toBe('first: ');
    for (const text of ['one', 'two']) {
      controller.enqueue(new TextEncoder().encode(text));
      expect((await reader.read()).value).toBe(text);
    }
    controller.close();
    expect((await reader.read()).done).toBe(true);
  });

  it('is read no faster than the server reads', async () => {
    let goOn!: () => void;
    lab = await serve(async (request, response) => {
      request.pause();
      await new Promise<void>((resolve) => (goOn = resolve));
      let length = 0;
      for await (const part of request) length += (part as Buffer).length;
      response.end(String(length));
    });
    let pulled = 0;
    const body = new ReadableStream({
      pull(controller) {
        pulled++;
        if (pulled > 64) controller.close();
        else controller.enqueue(new Uint8Array(MIB));
      },
    });
    const answer = lab.get('/', { method: 'POST', body });
    await once(lab.server, 'request');
    for (let before = -1; before !== pulled; ) {
      before = pulled;
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(pulled).toBeLessThan(32);
    goOn();
    expect(await (await answer).text()).toBe(String(64 * MIB));
  });

  it('that fails, fails the request with its own error', async () => {
    await mirror();
    const mistake = new Error('no more');
    const body = new ReadableStream({ pull: (controller) => controller.error(mistake) });
    await expect(lab.get('/', { method: 'POST', body })).rejects.toBe(mistake);
  });

  it('that the server refuses at once still gets the answer', async () => {
    lab = await serve((_, response) => {
      response.writeHead(413, { Connection: 'close' }).end('too much');
    });
    let isCancelled = false;
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1000)),
      cancel: () => void (isCancelled = true),
    });
    const response = await lab.get('/', { method: 'POST', body });
    expect([response.status, await response.text()]).toEqual([413, 'too much']);
    await expect.poll(() => isCancelled).toBe(true);
  });
});

describe('a response', () => {
  it('has what fetch gives', async () => {
    lab = await serve((_, response) => {
      response.writeHead(201, 'Made', { 'X-A': ['1', '2'], 'Content-Type': 'text/plain' }).end('hello');
    });
    const response = await lab.get('/x?y#z');
    const { status, statusText, ok, url, redirected, type } = response;
    expect({ status, statusText, ok, url, redirected, type }).toEqual({
      ...{ status: 201, statusText: 'Made', ok: true },
      ...{ url: 'http://inside.test/x?y', redirected: false, type: 'basic' },
    });
    expect(response).toBeInstanceOf(Response);
    expect(response.headers.get('x-a')).toBe('1, 2');
    const copy = response.clone();
    expect([copy.url, await copy.text(), await response.text()]).toEqual([url, 'hello', 'hello']);
  });

  it.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('to %s with status %d has no body, and the connection goes on', async (method, status) => {
    lab = await serve((_, response) => {
      response.writeHead(status, status === 200 ? { 'Content-Length': '1000' } : {}).end();
    });
    for (let time = 0; time < 2; time++) {
      const response = await lab.get('/', { method });
      expect([response.status, response.body, await response.text()]).toEqual([status, null, '']);
    }
    expect(lab.connections()).toBe(1);
  });

  it.each([204, 304])('with status %d has no body even if it tells a length', async (status) => {
    lab = await serveRaw((socket) => socket.write(`HTTP/1.1 ${status} X\r\nContent-Length: 5\r\n\r\n`));
    for (let time = 0; time < 3; time++) expect((await lab.get('/')).status).toBe(status);
    expect(lab.connections()).toBe(1);
  });

  it('of 8 MiB comes whole, in chunks or with its length', async () => {
    const bytes = Buffer.alloc(8 * MIB, 'tabwire');
    lab = await serve((request, response) => {
      if (request.url === '/length') response.setHeader('Content-Length', bytes.length);
      response.write(bytes.subarray(0, MIB));
      response.end(bytes.subarray(MIB));
    });
    for (const path of ['/length', '/chunks']) {
      const received = Buffer.from(await (await lab.get(path)).arrayBuffer());
      expect(received.equals(bytes), path).toBe(true);
    }
    expect(lab.connections()).toBe(1);
  });

  it('that nobody reads is not read ahead without end', async () => {
    let sent = 0;
    lab = await serve((_, response) => {
      const more = () => {
        while (sent < 256 && response.write(Buffer.alloc(MIB / 4))) sent++;
        if (sent < 256) response.once('drain', more);
        else response.end();
      };
      more();
    });
    const response = await lab.get('/');
    for (let before = -1; before !== sent; ) {
      before = sent;
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeLessThan(128);
    await response.body!.cancel();
  });

  it('can be read into the reader’s own buffer', async () => {
    lab = await serve((_, response) => response.end('hello'));
    const reader = (await lab.get('/')).body!.getReader({ mode: 'byob' });
    const { value } = await reader.read(new Uint8Array(3));
    expect(Buffer.from(value!).toString()).toBe('hel');
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
  ])('in %s is decompressed', async (coding, compress) => {
    const text = 'a tunnel '.repeat(10_000);
    lab = await serve((_, response) => response.setHeader('Content-Encoding', coding).end(compress(text)));
    expect(await (await lab.get('/')).text()).toBe(text);
  });

  it('in two codings is decompressed twice, in one we do not know not at all, and empty is empty', async () => {
    lab = await serve((request, response) => {
      const coding = request.url!.slice(1);
      const body = coding === 'gzip' ? '' : coding === 'br' ? 'as it is' : gzipSync(deflateSync('twice'));
      response.setHeader('Content-Encoding', coding).end(body);
    });
    expect(await (await lab.get('/deflate,gzip')).text()).toBe('twice');
    expect(await (await lab.get('/br')).text()).toBe('as it is');
    expect(await (await lab.get('/gzip')).text()).toBe('');
  });

  it('has its informational answers and Set-Cookie told to `onHead`', async () => {
    lab = await serve((_, response) => {
      response.writeEarlyHints({ link: '</a>' });
      response.setHeader('Set-Cookie', ['a=1', 'b=2']).end();
    });
    const heads: ResponseHead[] = [];
    await lab.get('/', { tunnel: { onHead: (head) => heads.push(head) } });
    expect(heads.map(({ status }) => status)).toEqual([103, 200]);
    expect(heads[1]!.headers.filter(([name]) => name === 'Set-Cookie')).toEqual([
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ]);
  });
});

describe('an abort', () => {
  it('before, between and within rejects with the reason', async () => {
    lab = await serve((request, response) => {
      if (request.url === '/body') response.write('half');
    });
    const reason = new Error('enough');
    await expect(lab.get('/', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const waiting = new AbortController();
    const answer = lab.get('/', { signal: waiting.signal });
    await once(lab.server, 'request');
    waiting.abort(reason);
    await expect(answer).rejects.toBe(reason);
    const reading = new AbortController();
    const response = await lab.get('/body', { signal: reading.signal });
    reading.abort(reason);
    await expect(response.text()).rejects.toBe(reason);
  });

  it('after the answer does not end the connection that others use now', async () => {
    lab = await serve((_, response) => response.end('hello'));
    const first = new AbortController();
    await (await lab.get('/', { signal: first.signal })).text();
    first.abort();
    expect(await (await lab.get('/')).text()).toBe('hello');
    expect(lab.connections()).toBe(1);
  });
});
