// Connections are few, kept, and not trusted to be there.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { MAX_CONNECTIONS_TO_ORIGIN, MAX_IDLE } from '../../../src/client/http/pool.ts';
import { failureOf, type Lab, serve, serveRaw } from './lab.ts';

let lab: Lab;

afterEach(() => lab.stop());

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Answers what `answers` says of the n-th request of all, ends the connection without an answer where it says so. */
async function moody(isAnswered: (count: number) => boolean): Promise<string[]> {
  const requests: string[] = [];
  lab = await serveRaw((socket: Socket, request) => {
    requests.push(request.split(' ')[0]!);
    if (isAnswered(requests.length)) socket.write(ANSWER);
    else socket.end();
  });
  return requests;
}

describe('connections to one origin', () => {
  it('are six at most, and who waits gets the next free one', async () => {
    const open: ServerResponse[] = [];
    lab = await serve((_, response) => void open.push(response));
    const answers = Array.from({ length: 10 }, async () => (await lab.get('/')).text());
    await expect.poll(() => open.length).toBe(MAX_CONNECTIONS_TO_ORIGIN);
    for (let answered = 0; answered < 10; answered++) {
      await expect.poll(() => open.length).toBeGreaterThan(0);
      open.shift()!.end('ok');
    }
    expect(await Promise.all(answers)).toEqual(Array(10).fill('ok'));
    expect(lab.connections()).toBe(MAX_CONNECTIONS_TO_ORIGIN);
  });

  it('are not waited for by who has aborted', async () => {
    lab = await serve((_, response) => void response.write('half'));
    const busy = await Promise.all(Array.from({ length: MAX_CONNECTIONS_TO_ORIGIN }, () => lab.get('/')));
    const waiting = new AbortController();
    const answer = lab.get('/', { signal: waiting.signal });
    waiting.abort(new Error('enough'));
    await expect(answer).rejects.toThrow('enough');
    for (const response of busy) await response.body!.cancel();
    expect((await lab.get('/')).status).toBe(200);
    expect(lab.connections()).toBe(MAX_CONNECTIONS_TO_ORIGIN + 1);
  });
});

describe('a kept connection', () => {
  it('is one of at most 32', async () => {
    lab = await serve((_, response) => response.end('ok'));
    const origins = Array.from({ length: MAX_IDLE + 1 }, (_, i) => `http://${i}.test/`);
    let ended = 0;
    lab.server.on('connection', (socket: Socket) => socket.on('end', () => ended++));
    for (const origin of origins) await (await lab.client.fetch(origin)).text();
    await expect.poll(() => ended).toBe(1);
  });

  it('is not kept when the server says close, or no time', async () => {
    lab = await serve((request, response) => {
      const header = request.url === '/close' ? { Connection: 'close' } : { 'Keep-Alive': 'timeout=1' };
      response.writeHead(200, header).end('ok');
    });
    for (const path of ['/close', '/close', '/soon', '/soon'])
      expect(await (await lab.get(path)).text()).toBe('ok');
    expect(lab.connections()).toBe(4);
  });

  it('that the server has ended in the meantime is not used, not even for what must not be repeated', async () => {
    const sockets: Socket[] = [];
    lab = await serve((_, response) => response.end('ok'));
    lab.server.on('connection', (socket: Socket) => sockets.push(socket));
    await (await lab.get('/')).text();
    sockets[0]!.end();
    await once(sockets[0]!, 'close');
    expect(await (await lab.get('/', { method: 'POST', body: 'x' })).text()).toBe('ok');
    expect(lab.connections()).toBe(2);
  });

  it('that ends under a request is replaced, once, where repeating does no harm', async () => {
    const requests = await moody((count) => count !== 2);
    await (await lab.get('/')).text();
    expect(await (await lab.get('/')).text()).toBe('ok');
    expect(requests).toEqual(['GET', 'GET', 'GET']);
    expect(lab.connections()).toBe(2);
  });

  it('that ends under a POST is a failure: the server may have done it', async () => {
    const requests = await moody((count) => count !== 2);
    await (await lab.get('/')).text();
    expect(await failureOf(lab.get('/', { method: 'POST', body: 'x' }))).toMatchObject({ code: 'ERR_HTTP' });
    expect(requests).toEqual(['GET', 'POST']);
  });

  it('is replaced only once', async () => {
    const requests = await moody((count) => count === 1);
    await (await lab.get('/')).text();
    expect(await failureOf(lab.get('/'))).toMatchObject({ code: 'ERR_HTTP' });
    expect(requests).toEqual(['GET', 'GET', 'GET']);
  });

  it('that is new and ends without an answer is not tried again', async () => {
    const requests = await moody(() => false);
    expect(await failureOf(lab.get('/'))).toMatchObject({ code: 'ERR_HTTP' });
    expect(requests).toEqual(['GET']);
  });
});
