import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpProxy } from '../../../src/cli/connect/http-proxy.ts';
import { Login } from '../../../src/cli/connect/login.ts';
import { freeTcpPort } from '../../support/free-port.ts';
import { InnerHost } from './inner-host.ts';

let host: InnerHost;
let port: number;
let guarded: number;
let seen: IncomingMessage;
const undo: (() => void)[] = [];
const LOGIN = `Basic ${Buffer.from('alice:secret').toString('base64')}`;

beforeAll(async () => {
  host = await InnerHost.up();
  await host.echo(7000);
  const site = createServer((asked, answer) => {
    seen = asked;
    if (asked.url === '/broken')
      return void answer.writeHead(200, { 'Content-Length': 9 }).end('half', () => answer.destroy());
    answer.writeHead(200, 'Fine', {
      Connection: 'X-Hop, close',
      'X-Hop': '1',
      'X-End': '2',
      'Set-Cookie': ['a=1', 'b=2'],
    });
    asked.pipe(answer);
  });
  // It is served what is accepted inside.
  await host.serve(80, (socket) => site.emit('connection', socket));
  port = await open();
  guarded = await open(new Login('alice', 'secret'));
});
afterAll(async () => {
  for (const step of undo) step();
  await host.down();
});

async function open(login?: Login): Promise<number> {
  const door = httpProxy(host.pair.us, login);
  undo.push(() => door.close());
  return (await door.open('--http-proxy', { host: '127.0.0.1', port: await freeTcpPort() })).port;
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

async function ask(
  path: string,
  { to = port, method = 'GET', headers = {}, body = '' } = {},
): Promise<Answer> {
  const asked = request({ port: to, host: '127.0.0.1', path, method, headers, agent: false });
  asked.end(body);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: answer.statusCode!, headers: answer.headers, body: await text(answer) };
}

/** What the proxy says to the bytes, until it ends. */
async function raw(to: number, words: string, enough = /\0/): Promise<string> {
  const socket = connect(to, '127.0.0.1');
  socket.write(words);
  let got = '';
  for await (const chunk of socket) {
    got += String(chunk);
    if (enough.test(got)) break;
  }
  socket.destroy();
  return got;
}

describe('an HTTP proxy', () => {
  it('passes on a request in absolute form, and what is for one hop only stays behind', async () => {
    const answer = await ask('http://10.8.0.2/a?b=c', {
      method: 'POST',
      body: 'hello',
      headers: {
        ...{ Host: 'elsewhere', Connection: 'X-Mine', 'X-Mine': '1', 'X-End': '2', TE: 'trailers' },
        ...{ 'Proxy-Connection': 'keep-alive', 'Proxy-Authorization': LOGIN, 'Content-Length': '5' },
      },
    });
    expect(answer).toMatchObject({ status: 200, body: 'hello' });
    expect(answer.headers).toMatchObject({ 'x-end': '2', via: '1.1 tabwire', 'set-cookie': ['a=1', 'b=2'] });
    expect(answer.headers['x-hop']).toBeUndefined();
    expect(seen.url).toBe('/a?b=c');
    expect(seen.headers).toEqual({
      ...{ host: '10.8.0.2', 'x-end': '2', 'content-length': '5', via: '1.1 tabwire', connection: 'close' },
    });
  });

  it('passes on a body of unknown length, and asks again over the same connection', async () => {
    const words =
      'POST http://[fd08::2]:80/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
    expect((await raw(port, words + words, /abc[\s\S]*abc/)).match(/HTTP\/1\.1 200 Fine/g)).toHaveLength(2);
    expect(seen.headers.host).toBe('[fd08::2]');
    expect(seen.headers['transfer-encoding']).toBe('chunked');
  });

  it('leads CONNECT inside, and what was said too early is not lost', async () => {
    const got = await raw(port, 'CONNECT 10.8.0.2:7000 HTTP/1.1\r\nHost: x\r\n\r\nearly', /early/);
    expect(got).toBe('HTTP/1.1 200 Connection established\r\n\r\nearly');
  });

  it('an answer that breaks off inside breaks off out here', async () => {
    await expect(ask('http://10.8.0.2/broken')).rejects.toThrow(/aborted/);
  });

  it.each([
    ['a path, as a page asks', '/', 400, /This is an HTTP proxy/],
    ['https: without CONNECT', 'https://10.8.0.2/', 400, /with CONNECT/],
    ['a URL with a login', 'http://a:b@10.8.0.2/', 400, /whole http: URL/],
    ['a port where nobody listens', 'http://10.8.0.2:81/', 502, /./],
    ['a name that is not known', 'http://nowhere.example/', 502, /./],
  ])('refuses %s', async (_, path, status, sentence) => {
    const answer = await ask(path);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatch(sentence);
  });

  it.each(['nonsense', '10.8.0.2', '10.8.0.2:0', '10.8.0.2:81'])('refuses CONNECT %s', async (target) => {
    const got = await raw(port, `CONNECT ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(got).toMatch(/^HTTP\/1\.1 (400 Bad Request|502 Bad Gateway)\r\n/);
  });

  it('a header that is too large is refused', async () => {
    const answer = await ask('http://10.8.0.2/', { headers: { 'X-Large': 'x'.repeat(40_000) } });
    expect(answer.status).toBe(431);
  });

  it('with a login, nobody else is served', async () => {
    const wrong = `Basic ${Buffer.from('alice:wrong').toString('base64')}`;
    for (const header of ['', wrong]) {
      const headers = header ? { 'Proxy-Authorization': header } : {};
      const answer = await ask('http://10.8.0.2/', { to: guarded, headers });
      expect(answer.status).toBe(407);
      expect(answer.headers['proxy-authenticate']).toMatch(/^Basic realm=/);
    }
    expect(await raw(guarded, 'CONNECT 10.8.0.2:7000 HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 407 /,
    );
    const right = await ask('http://10.8.0.2/', { to: guarded, headers: { 'Proxy-Authorization': LOGIN } });
    expect(right.status).toBe(200);
  });
});
