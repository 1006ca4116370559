// Our `http` as a client, through a tunnel to itself, of a server that says word for word what a test wants; and Node's own
// beside it, where both can be asked.
import nodeHttp from 'node:http';
import nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Tunnel } from '../../src/client/tunnel.ts';
import ourHttp from '../../src/shims/http.ts';
import ourNet from '../../src/shims/net.ts';
import { LoneEngine } from '../support/lone-engine.ts';
import { OUR_V4 } from '../support/lone-stack.ts';

interface Place {
  http: typeof nodeHttp;
  net: typeof nodeNet;
  host: string;
}

const PLACES: Place[] = [
  { http: nodeHttp, net: nodeNet, host: '127.0.0.1' },
  { http: ourHttp as unknown as typeof nodeHttp, net: ourNet as unknown as typeof nodeNet, host: OUR_V4 },
];

let tick: ReturnType<typeof setInterval>;

beforeEach(() => {
  const engine = new LoneEngine();
  tick = setInterval(() => engine.advance(20), 1);
  ourNet.setDefaultTunnel(engine.asTunnel() as unknown as Tunnel);
});

afterEach(() => {
  clearInterval(tick);
  ourNet.setDefaultTunnel(undefined);
});

interface Asked {
  /** What the server was told. */
  request: string;
  /** What the client saw. */
  seen: string[];
}

/** One connection, which hears a request to its empty line and the body, and is given `answer`. */
async function ask(
  { http, net, host }: Place,
  answer: string,
  options: nodeHttp.RequestOptions = {},
  body?: string,
  informed: (asking: nodeHttp.ClientRequest) => void = () => {},
): Promise<Asked> {
  let request = '';
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (part) => {
      request += part.toString();
      if (!request.includes(body === undefined ? '\r\n\r\n' : '0\r\n\r\n')) return;
      socket.end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as { port: number };
  const seen: string[] = [];
  await new Promise<void>((resolve) => {
    const asking = http.request({ host, port, agent: false, ...options } as nodeHttp.RequestOptions);
    asking.on('information', ({ statusCode }) => {
      seen.push(`information ${statusCode}`);
      informed(asking);
    });
    asking.on('response', (response) => {
      const { statusCode, statusMessage, headers, rawHeaders } = response;
      seen.push(
        `response ${statusCode} ${statusMessage} ${JSON.stringify({ ...headers })} ${rawHeaders.length}`,
      );
      response.setEncoding('utf8');
      response.on('data', (text) => seen.push(`data ${text}`));
      response.on('end', () => seen.push(`end ${response.complete}`));
    });
    asking.on('upgrade', (response, socket, head) => {
      seen.push(`upgrade ${response.statusCode} ${response.headers.upgrade} ${head.toString()}`);
      socket.destroy();
    });
    asking.on('error', (error: Error & { code?: string }) => seen.push(`error ${error.code}`));
    asking.on('close', () => resolve());
    if (body !== undefined) asking.write(body);
    asking.end();
  });
  await new Promise((resolve) => server.close(resolve));
  return { request: request.replaceAll(`${host}:${port}`, 'AUTHORITY'), seen };
}

describe('both see the same', () => {
  const ANSWERS = {
    'a body with a length':
      'HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX: 1\r\nX: 2\r\n\r\nhello',
    'a body in chunks': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    'a body to the end': 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello',
    'no body': 'HTTP/1.1 204 No Content\r\n\r\n',
    'an early hint': 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    'another protocol':
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\nits first bytes',
    'no answer': '',
  };
  for (const [what, answer] of Object.entries(ANSWERS))
    it(`of ${what}`, async () => {
      const [theirs, ours] = await Promise.all(PLACES.map((place) => ask(place, answer)));
      expect(ours!.seen).toEqual(theirs!.seen);
    });
});

it('a chunk that is none fails the request, and those before it are told, as in Node', async () => {
  const answer = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nXX\r\n';
  const [theirs, ours] = await Promise.all(PLACES.map((place) => ask(place, answer)));
  // Node has the error first.
  const kinds = ({ seen }: Asked) => seen.map((line) => line.replace(/^(response|error) .*/, '$1')).sort();
  expect(kinds(theirs!)).toContain('data hi');
  expect(kinds(ours!)).toEqual(kinds(theirs!));
});

describe('an answer that its request ends in the middle', () => {
  /** What both say, up to the end of the answer. */
  async function endedEarly({ http, net, host }: Place, listens: boolean, reason?: Error): Promise<string[]> {
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe'));
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const { port } = server.address() as { port: number };
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      const asking = http.get({ host, port, agent: false });
      asking.on('error', ({ message }) => seen.push(`request error ${message}`));
      asking.on('response', (answer) => {
        answer.on('aborted', () => seen.push('aborted'));
        if (listens) answer.on('error', ({ message }) => seen.push(`error ${message}`));
        answer.on('close', () => {
          seen.push(`close ${answer.aborted} ${answer.complete}`);
          setTimeout(resolve, 20);
        });
        answer.once('data', () => asking.destroy(reason));
      });
    });
    await new Promise((resolve) => server.close(resolve));
    return seen.sort();
  }

  it.each([
    [true, undefined],
    [false, undefined],
    [false, new Error('enough')],
  ])('tells who listens to errors (%s), and nobody else, as Node does (%s)', async (listens, reason) => {
    const [theirs, ours] = await Promise.all(PLACES.map((place) => endedEarly(place, listens, reason)));
    expect(theirs).toContain('close true false');
    expect(ours).toEqual(theirs);
  });
});

describe('a request', () => {
  const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

  it('who ends a request when he is told of a hint hears nothing more of it, however often', async () => {
    const answer = 'HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
    // Node's own still tells what was in the same packet.
    for (let time = 0; time < 3; time++) {
      const { seen } = await ask(PLACES[1]!, answer, {}, undefined, (asking) => asking.destroy());
      expect(seen).toEqual(['information 103', 'error ECONNRESET']);
    }
  });

  it('says method, path, headers and who asks', async () => {
    const options = {
      path: '/path?query',
      method: 'DELETE',
      auth: 'user:secret',
      headers: { 'X-List': ['1', '2'] },
    };
    const { request } = await ask(PLACES[1]!, OK, options);
    expect(request.split('\r\n')).toEqual([
      'DELETE /path?query HTTP/1.1',
      'X-List: 1',
      'X-List: 2',
      'Host: AUTHORITY',
      'Authorization: Basic dXNlcjpzZWNyZXQ=',
      'Connection: close',
      '',
      '',
    ]);
  });

  it('sends a body whose length it does not know in chunks', async () => {
    const { request, seen } = await ask(PLACES[1]!, OK, { method: 'POST' }, 'grün');
    expect(request).toContain('Transfer-Encoding: chunked\r\n');
    expect(request.endsWith('\r\n\r\n5\r\ngrün\r\n0\r\n\r\n')).toBe(true);
    expect(seen[0]).toMatch(/^response 200/);
  });

  it.each<[what: string, options: object]>([
    ['a host that is a number', { host: 5 }],
    ['a hostname that is an object', { hostname: {} }],
    ['a method that is a number', { method: 5 }],
    ['a port that is none', { port: 70_000 }],
    ['a host of two lines', { host: 'a\r\nb' }],
    ['a header without a value', { headers: { a: undefined } }],
  ])('with %s is refused as Node does it', (_what, options) => {
    const [theirs, ours] = PLACES.map(({ http }) => {
      try {
        http.request(options);
      } catch (error) {
        const { name, code, message } = error as NodeJS.ErrnoException;
        return { name, code, message };
      }
      return undefined;
    });
    expect(theirs).toBeDefined();
    expect(ours).toEqual(theirs);
  });

  it('refuses what would be two headers or two requests', () => {
    expect(() => ourHttp.request({ headers: { 'X: Y': '1' } })).toThrow('valid HTTP token');
    expect(() => ourHttp.request({ headers: { X: '1\r\nY: 2' } })).toThrow('Invalid character');
    expect(() => ourHttp.request({ path: '/a b' })).toThrow('unescaped');
    expect(() => ourHttp.request({ protocol: 'https:' })).toThrow('not supported');
  });
});
