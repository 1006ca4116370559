import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HttpError } from '../../web/http-error.ts';
import { type HttpResponse, httpGet, requestText } from '../../web/http-get.ts';

const latin1 = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/** A server that says `text` in pieces that end at `cuts`, and what it was asked. */
function server(text: string, cuts: number[] = []) {
  const bytes = latin1(text);
  const edges = [
    0,
    ...[...new Set(cuts)].filter((cut) => cut > 0 && cut < bytes.length).sort((a, b) => a - b),
    bytes.length,
  ];
  let asked = '';
  return {
    asked: () => asked,
    streams: {
      readable: new ReadableStream<Uint8Array<ArrayBuffer>>({
        start(controller) {
          for (let i = 1; i < edges.length; i++) controller.enqueue(bytes.slice(edges[i - 1], edges[i]));
          controller.close();
        },
      }),
      writable: new WritableStream<BufferSource>({
        write(chunk) {
          asked += new TextDecoder().decode(chunk);
        },
      }),
    },
  };
}

const target = { host: '10.0.0.1', port: 80, path: '/' };
const get = (text: string, cuts?: number[]) => httpGet(server(text, cuts).streams, target);

async function textOf(response: HttpResponse): Promise<string> {
  let text = '';
  for await (const part of response.body) text += String.fromCharCode(...part);
  return text;
}

describe('the request', () => {
  it('names host and port as RFC 9112 wants them', () => {
    expect(requestText({ host: '10.0.0.1', port: 80, path: '/a?b=c' })).toMatch(
      /^GET \/a\?b=c HTTP\/1\.1\r\nHost: 10\.0\.0\.1\r\n/,
    );
    expect(requestText({ host: 'fd00::1', port: 8080, path: 'x' })).toMatch(
      /^GET \/x HTTP\/1\.1\r\nHost: \[fd00::1\]:8080\r\n/,
    );
    expect(requestText(target)).toMatch(/\r\nConnection: close\r\n\r\n$/);
  });

  it('cannot be made to carry a second header or request by its path', () => {
    const text = requestText({ ...target, path: '/a HTTP/1.1\r\nX-Evil: 1\r\n\r\nGET /b' });
    expect(text.split('\r\n').filter((line) => line !== '')).toHaveLength(6);
    expect(text).not.toContain('\r\nX-Evil');
  });

  it('is sent before the answer is read', async () => {
    const peer = server('HTTP/1.1 204 No Content\r\n\r\n');
    await httpGet(peer.streams, target);
    expect(peer.asked()).toBe(requestText(target));
  });
});

describe('the answer', () => {
  it('ends where Content-Length says, whatever follows', async () => {
    const response = await get('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello, and more');
    expect(response).toMatchObject({ status: 200, reason: 'OK', length: 5 });
    expect(response.headers).toEqual([
      ['content-length', '5'],
      ['x-a', 'b'],
    ]);
    expect(await textOf(response)).toBe('hello');
  });

  it('ends with the connection where no length was said', async () => {
    const response = await get('HTTP/1.0 200\r\n\r\nall of it');
    expect(response).toMatchObject({ status: 200, reason: '', length: undefined });
    expect(await textOf(response)).toBe('all of it');
  });

  it('is put together from chunks, with extensions and trailers', async () => {
    const body =
      '4;name="v"\r\nWiki\r\n00005\r\npedia\r\nE\r\n in\r\n\r\nchunks.\r\n0\r\nExpires: never\r\n\r\n';
    const response = await get(`HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n${body}`);
    expect(await textOf(response)).toBe('Wikipedia in\r\n\r\nchunks.');
  });

  it('believes Transfer-Encoding over Content-Length (RFC 9112 §6.3)', async () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n';
    expect(await textOf(await get(`${head}6\r\nabcdef\r\n0\r\n\r\n`))).toBe('abcdef');
  });

  it('is read past interim responses, a leading empty line, bare line feeds and folded headers', async () => {
    const text =
      '\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\nX-Long: one\n  two\nContent-Length: 2\n\nok';
    const response = await get(text);
    expect(response.headers[0]).toEqual(['x-long', 'one two']);
    expect(await textOf(response)).toBe('ok');
  });

  it('has no body with 204 and 304', async () => {
    expect(await textOf(await get('HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n'))).toBe('');
  });

  it('is the same however the bytes were cut', async () => {
    const text = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n';
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(text.length)), async (cuts) => {
        expect(await textOf(await get(text, cuts))).toBe('abcde');
      }),
      { numRuns: 200 },
    );
  });
});

describe('a bad answer is one sentence', () => {
  const heads = {
    nothing: '',
    'a half head': 'HTTP/1.1 200 OK\r\nA: b\r\n',
    'another protocol': 'SSH-2.0-OpenSSH_9.2\r\n\r\n',
    'HTTP/2': 'HTTP/2 200 OK\r\n\r\n',
    'a header that is none': 'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
    'a space before the colon': 'HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc',
    'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
    'a negative length': 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
    'an encoding nobody asked for': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
    'a head without end': `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(70_000)}`,
  };
  for (const [name, text] of Object.entries(heads)) {
    it(name, async () => {
      const failure = await get(text).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(HttpError);
      expect((failure as Error).message).toMatch(/^[A-Z].*\.$/);
    });
  }

  const bodies = {
    'a body that ends early': 'Content-Length: 10\r\n\r\nabc',
    'a chunk size that is none': 'Transfer-Encoding: chunked\r\n\r\nxyz\r\n',
    'a chunk longer than said': 'Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n',
    'no last chunk': 'Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n',
  };
  for (const [name, text] of Object.entries(bodies)) {
    it(name, async () => {
      const response = await get(`HTTP/1.1 200 OK\r\n${text}`);
      await expect(textOf(response)).rejects.toBeInstanceOf(HttpError);
    });
  }
});

it('a reader that stops early lets the stream go', async () => {
  let cancelled = false;
  const readable = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(latin1('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')),
    cancel: () => {
      cancelled = true;
    },
  });
  const response = await httpGet({ readable, writable: new WritableStream() }, target);
  for await (const _ of response.body) break;
  expect(cancelled).toBe(true);
});
