import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { TunnelRequestInit } from '../../src/index.ts';
import type { DownloadState } from '../../web/download-run.ts';
import { download } from '../../web/download-work.ts';
import { urlFrom, urlOf } from '../../web/tools/http-url.ts';

const target = { host: 'fd00::1', port: 8080, path: '/a b.bin' };

/** What a download says last of all it said, and what it asked for. */
async function run(response: Response) {
  const asked: { url: string; init: TunnelRequestInit | undefined }[] = [];
  const fetch = (url: RequestInfo | URL, init?: TunnelRequestInit) => {
    asked.push({ url: String(url), init });
    return Promise.resolve(response);
  };
  let state: Partial<DownloadState> = {};
  const { signal } = new AbortController();
  await download({ fetch }, target, signal, (change) => (state = { ...state, ...change }));
  return { asked, state };
}

describe('a download', () => {
  it('asks for the bytes as they are, follows nothing and sends no cookies', async () => {
    const { asked } = await run(new Response('x'));
    expect(asked[0]!.url).toBe('http://[fd00::1]:8080/a%20b.bin');
    expect(asked[0]!.init).toMatchObject({
      redirect: 'manual',
      credentials: 'omit',
      headers: { 'accept-encoding': 'identity' },
    });
  });

  it('is hashed, counted, compared with what the server announced, and kept', async () => {
    const hash = createHash('sha256').update('hello');
    const [hex, base64] = [hash.copy().digest('hex'), hash.digest('base64')];
    const headers = {
      'content-length': '5',
      'content-type': 'text/plain',
      'repr-digest': `sha-256=:${base64}:`,
    };
    const { state } = await run(new Response('hello', { headers }));
    expect(state).toMatchObject({
      phase: 'done',
      received: 5,
      total: 5,
      answer: '200',
      sha256: hex,
      asAnnounced: true,
      preview: 'hello',
      file: { name: 'a b.bin' },
    });
    const other = await run(new Response('hellO', { headers }));
    expect(other.state.asAnnounced).toBe(false);
  });

  it('of nothing is the file without a byte', async () => {
    const { state } = await run(new Response(null, { status: 204 }));
    expect(state).toMatchObject({ phase: 'done', received: 0 });
  });

  it('that is refused or sent elsewhere says so in a sentence', async () => {
    await expect(run(new Response('no', { status: 404, statusText: 'Not Found' }))).rejects.toThrow(
      'The server answered 404 Not Found: check the path.',
    );
    const elsewhere = new Response(null, { status: 302, headers: { location: '/new' } });
    await expect(run(elsewhere)).rejects.toThrow('sends you on to /new');
  });
});

describe('a URL', () => {
  it('of host, port and path cannot become that of another host', () => {
    expect(urlOf({ host: '10.0.0.1', port: 80, path: 'x?y=1' }).href).toBe('http://10.0.0.1/x?y=1');
    expect(urlOf({ host: 'a', port: 80, path: '@evil/' }).host).toBe('a');
    for (const host of ['a/b', 'a@b', 'a b', '', 'a#', 'a?x'])
      expect(() => urlOf({ host, port: 80, path: '/' }), host).toThrow('check both');
    expect(() => urlOf({ host: 'a', port: 65_536, path: '/' })).toThrow('check both');
    expect(() => urlOf({ host: 'a', port: Number.NaN, path: '/' })).toThrow('check both');
  });

  it('as a person writes it may lack scheme and brackets', () => {
    expect(urlFrom('10.0.0.1/status').href).toBe('http://10.0.0.1/status');
    expect(urlFrom('printer:8080').href).toBe('http://printer:8080/');
    expect(urlFrom('fd00::1').href).toBe('http://[fd00::1]/');
    expect(urlFrom(' https://a/b ').href).toBe('https://a/b');
    expect(() => urlFrom('')).toThrow('no URL');
    expect(() => urlFrom('http://')).toThrow('no URL');
  });
});
