import type { IncomingHttpHeaders } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { failureOf, type Lab, serve, serveRaw } from './lab.ts';

interface Seen {
  method: string;
  host: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

let lab: Lab;
let seen: Seen[];

afterEach(() => lab.stop());

/** A server that redirects /go to where the query says, and answers all else. */
async function redirector(status: number): Promise<void> {
  seen = [];
  lab = await serve(async (request, response) => {
    let body = '';
    for await (const part of request) body += String(part);
    const { method, headers, url } = request as Required<typeof request>;
    seen.push({ method, host: headers.host!, url, headers, body });
    const to = new URL(url, 'http://inside.test').searchParams.get('to');
    if (to === null) response.end('there');
    else response.writeHead(status, { Location: to }).end('a body nobody reads');
  });
}

const go = (to: string) => `/go?to=${encodeURIComponent(to)}`;

describe('a redirect', () => {
  it('is followed, relative or not, and the response says so', async () => {
    await redirector(302);
    const response = await lab.get(`${go('there?x#y')}`);
    const { url, redirected } = response;
    expect({ url, redirected }).toEqual({ url: 'http://inside.test/there?x', redirected: true });
    expect(await response.text()).toBe('there');
  });

  it.each([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [301, 'PUT', 'PUT'],
    [307, 'POST', 'POST'],
    [308, 'POST', 'POST'],
  ])('by %d makes %s a %s', async (status, before, after) => {
    await redirector(status);
    await lab.get(go('/there'), { method: before, body: 'hello' });
    const { method, body, headers } = seen[1]!;
    expect({ method, body }).toEqual({ method: after, body: after === 'GET' ? '' : 'hello' });
    expect('content-type' in headers).toBe(after !== 'GET');
  });

  it('by 303 leaves HEAD what it is', async () => {
    await redirector(303);
    await lab.get(go('/there'), { method: 'HEAD' });
    expect(seen[1]!.method).toBe('HEAD');
  });

  it('to another origin carries no secrets and no Host, to the same it does', async () => {
    await redirector(302);
    const headers = { Authorization: 'Basic x', Cookie: 'a=b', 'X-Kept': '1' };
    await lab.get(go('/there'), { headers });
    expect(seen[1]!.headers).toMatchObject({ authorization: 'Basic x', cookie: 'a=b' });
    await lab.get(go('http://other.test/there'), { headers });
    expect(seen[3]).toMatchObject({ host: 'other.test', headers: { 'x-kept': '1' } });
    expect(seen[3]!.headers).not.toHaveProperty('authorization');
    expect(seen[3]!.headers).not.toHaveProperty('cookie');
    await lab.get(go('http://inside.test:8080/there'), { headers });
    expect(seen[5]!.headers).not.toHaveProperty('authorization');
  });

  it('without end stops after 20', async () => {
    await redirector(302);
    const reading = lab.get(go(''));
    expect(await failureOf(reading)).toEqual({ code: 'ERR_HTTP', message: 'More than 20 redirects.' });
    expect(seen).toHaveLength(21);
  });

  it.each(['file:///etc/passwd', 'javascript:1', 'http://', 'data:,x'])('to %s is refused', async (to) => {
    await redirector(302);
    expect(await failureOf(lab.get(go(to)))).toMatchObject({ code: 'ERR_HTTP' });
  });

  it.each([
    ['two places', ['/a', '/b'], false],
    ['one place twice', ['/a', '/a'], true],
  ])('to %s: %j', async (_, places, isFollowed) => {
    lab = await serveRaw((socket, request) => {
      const locations = places.map((place) => `Location: ${place}\r\n`).join('');
      const status = request.startsWith('GET /go') ? `302 Found\r\n${locations}` : '200 OK\r\n';
      socket.write(`HTTP/1.1 ${status}Content-Length: 0\r\n\r\n`);
    });
    const answer = lab.get('/go');
    if (isFollowed) expect((await answer).url).toBe('http://inside.test/a');
    else expect(await failureOf(answer)).toMatchObject({ code: 'ERR_HTTP' });
  });

  it('is refused with `error`, and is the answer with `manual`', async () => {
    await redirector(302);
    expect(await failureOf(lab.get(go('/there'), { redirect: 'error' }))).toMatchObject({ code: 'ERR_HTTP' });
    const response = await lab.get(go('/there'), { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([302, '/there']);
    await response.text();
  });

  it('of a stream that would have to be sent again is refused', async () => {
    await redirector(307);
    const body = new Blob(['hello']).stream();
    expect(await failureOf(lab.get(go('/there'), { method: 'POST', body }))).toMatchObject({
      code: 'ERR_HTTP',
    });
  });
});
