// Hosts inside that mean no good, and clients out here: a proxy says what it has to say, and serves the next one.
import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpProxy } from '../../../src/cli/connect/http-proxy.ts';
import { Login } from '../../../src/cli/connect/login.ts';
import { socks5Proxy } from '../../../src/cli/connect/socks5.ts';
import { associate } from '../../../src/cli/connect/socks5-udp.ts';
import { readBytes } from '../../../src/cli/connect/socks5-wire.ts';
import { freeTcpPort } from '../../support/free-port.ts';
import { InnerHost } from './inner-host.ts';

let host: InnerHost;
let http: number;
let socks: number;
let guarded: number;
/** What the host says to whoever has finished a header, and what it was told. */
let answer = '';
let asked = '';
const undo: (() => void)[] = [];
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

beforeAll(async () => {
  host = await InnerHost.up();
  await host.echo(7000);
  await host.serve(80, (socket) => {
    asked = '';
    socket.on('data', (bytes: Buffer) => {
      asked += bytes.toString('latin1');
      if (asked.includes('\r\n\r\n')) socket.end(answer, 'latin1');
    });
  });
  const open = async (door: ReturnType<typeof httpProxy>) => {
    undo.push(() => door.close());
    return (await door.open('--proxy', { host: '127.0.0.1', port: await freeTcpPort() })).port;
  };
  http = await open(httpProxy(host.pair.us));
  socks = await open(socks5Proxy(host.pair.us));
  guarded = await open(socks5Proxy(host.pair.us, new Login('alice', 'secret')));
});
afterAll(async () => {
  for (const step of undo) step();
  await host.down();
});

async function client(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** All that is said to these words, until the end. */
async function say(port: number, words: string | Buffer): Promise<string> {
  const socket = await client(port);
  socket.write(words);
  let heard = '';
  for await (const bytes of socket) heard += (bytes as Buffer).toString('latin1');
  return heard;
}

const get = (more = '') =>
  say(http, `GET http://10.8.0.2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${more}\r\n`);

describe('a host that answers an HTTP proxy with', () => {
  it.each([
    ['a control character in the words of its status', 'HTTP/1.1 200 O\x01K\r\n\r\n'],
    ['a status below all others', 'HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n'],
    ['another protocol', 'HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nwords of it'],
    ['101, and no protocol', 'HTTP/1.1 101 X\r\nContent-Length: 0\r\n\r\n'],
    ['a coding that stays on', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
    ['a folded line', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok'],
    ['a NUL in a header', 'HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n'],
    ['a header of 40,000 bytes', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`],
    ['what is no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['half a header', 'HTTP/1.1 200 OK\r\nX'],
    ['nothing', ''],
  ])('%s: its client gets 502, and the next one what it asked for', async (_, words) => {
    answer = words;
    expect(await get()).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n/);
    answer = OK;
    expect(await get()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*ok$/);
  });

  it('a refusal before it has read the body: its client hears the refusal', async () => {
    answer = 'HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge';
    const head = 'POST http://10.8.0.2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n';
    const socket = await client(http);
    socket.write(head);
    const [heard] = (await once(socket, 'data')) as [Buffer];
    expect(String(heard)).toMatch(/^HTTP\/1\.1 413 Too Large\r\n/);
    // It may go on all the same, and ask again.
    answer = OK;
    socket.write('x'.repeat(1_000_000));
    socket.write('GET http://10.8.0.2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let rest = '';
    for await (const bytes of socket) rest += (bytes as Buffer).toString('latin1');
    expect(rest).toMatch(/HTTP\/1\.1 200 OK\r\n[\s\S]*ok$/);
  });
});

describe('a client that asks an HTTP proxy', () => {
  it('to take the length off its body has it stay on', async () => {
    answer = OK;
    const body = 'GET /smuggled HTTP/1.1\r\nHost: y\r\n\r\n';
    await say(
      http,
      `GET http://10.8.0.2/ HTTP/1.1\r\nHost: x\r\nConnection: close, content-length, host\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(asked).toMatch(/^GET \/ HTTP\/1\.1\r\nHost: 10\.8\.0\.2\r\n/);
    expect(asked).toContain(`\r\nContent-Length: ${body.length}\r\n`);
  });

  it.each([
    ['in a coding that it does not know', 501, 'Transfer-Encoding: gzip, chunked\r\n'],
    ['with both lengths', 400, 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'],
    ['with two lengths', 400, 'Content-Length: 5\r\nContent-Length: 6\r\n'],
    ['with a folded line', 400, 'X: a\r\n b\r\n'],
    ['with a login of 40,000 bytes', 431, `Proxy-Authorization: Basic ${'A'.repeat(40_000)}\r\n`],
  ])('%s gets %i', async (_, status, lines) => {
    expect(await get(lines)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  it.each(['[fe80::1%25eth0]:80', '[fe80::1%eth0]:80', 'a%00b:80', ':80', '10.8.0.2:', '10.8.0.2:70000'])(
    'for a tunnel to %s, or a page there, is refused',
    async (authority) => {
      // A URL without its port is one, for the port that everybody knows.
      for (const words of [`CONNECT ${authority} HTTP/1.1`, `GET http://${authority}/ HTTP/1.1`])
        if (words !== 'GET http://10.8.0.2:/ HTTP/1.1')
          expect(await say(http, `${words}\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(
            /^HTTP\/1\.1 (400|502) /,
          );
    },
  );
});

describe('a client that asks a SOCKS5 proxy', () => {
  const greeting = Buffer.of(5, 1, 0);
  const named = (name: string | Buffer) => {
    const bytes = Buffer.from(name as string);
    return Buffer.concat([greeting, Buffer.of(5, 1, 0, 3, bytes.length), bytes, Buffer.of(0, 80)]);
  };

  it.each([
    ['no name at all', ''],
    ['a name with a NUL', '10.8.0.2\0.example'],
    ['a name of 255 bytes', 'a'.repeat(255)],
    ['an address with a zone', 'fe80::1%eth0'],
    ['an address and a port', '10.8.0.2:80'],
    ['bytes that are no text', Buffer.of(0xff, 0xfe, 0x80)],
    ['a name in another script', 'bücher.example'],
    ['dots', '...'],
  ])('for %s has a reply that says no, and the connection ends', async (_, name) => {
    const heard = Buffer.from(await say(socks, named(name)), 'latin1');
    expect(heard).toHaveLength(12);
    expect([1, 3, 4]).toContain(heard[3]);
  });

  it('and ends in the middle of it, wherever, is let go', async () => {
    const whole = named('nowhere.example');
    for (let length = 0; length < whole.length; length++) {
      const socket = await client(socks);
      socket.end(whole.subarray(0, length));
      let heard = 0;
      for await (const bytes of socket) heard += (bytes as Buffer).length;
      expect(heard).toBe(length < greeting.length ? 0 : 2);
    }
  });

  it('byte by byte is served like any other', async () => {
    const socket = await client(socks);
    socket.setNoDelay();
    for (const byte of Buffer.concat([greeting, Buffer.of(5, 1, 0, 1, 10, 8, 0, 2, 0x1b, 0x58)])) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await readBytes(socket, 12))[3]).toBe(0);
    socket.destroy();
  });

  it('with a login of 255 bytes and one of none is not let in', async () => {
    for (const length of [255, 0]) {
      const part = Buffer.concat([Buffer.of(length), Buffer.alloc(length, 'a')]);
      const heard = await say(guarded, Buffer.concat([Buffer.of(5, 1, 2, 1), part, part]));
      expect(Buffer.from(heard, 'latin1').toString('hex')).toBe('05020101');
    }
  });

  it('for a UDP port and is gone by then, again and again, takes none from others', async () => {
    const gone = new Socket().destroy();
    for (let time = 0; time < 200; time++)
      await expect(associate(gone, host.pair.us, { host: '0.0.0.0', port: 0 })).rejects.toThrow(/gone/);
    const socket = await client(socks);
    socket.write(Buffer.concat([greeting, Buffer.of(5, 3, 0, 1, 0, 0, 0, 0, 0, 0)]));
    expect((await readBytes(socket, 12))[3]).toBe(0);
    socket.destroy();
  });
});
