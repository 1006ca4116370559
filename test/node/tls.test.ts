// `https:`, `wss:` and `secureTransport` over a TLS layer that Tunnel.open was given: Node's own, at both ends of a tunnel.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, Writable } from 'node:stream';
import { ReadableStream as NodeStream } from 'node:stream/web';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import {
  type SecureDuplex,
  type TlsHook,
  type TlsOptions,
  type Tunnel,
  TunnelError,
} from '../../src/node/index.ts';
import { StreamDuplex } from '../../src/node/stream-duplex.ts';
import { isFound } from '../support/found.ts';
import { openTunnelPair, type TunnelPair } from '../support/tunnel-pair.ts';

const THEIRS = '10.8.0.2';
const HOST = 'inside.test';
const names = [HOST, 'www.inside.test', 'other.test'];

interface Seen {
  isSecure: boolean;
  url: string;
  host: string | undefined;
  cookie: string | undefined;
  /** What the TLS handshake asked for; undefined without one. */
  serverName: string | false | undefined;
  alpn: string | false | null | undefined;
}

// Only openssl makes certificates here.
const hasOpenssl = isFound('openssl');

let pair: TunnelPair | undefined;
let us: Tunnel;
let certificate: string;
/** What the layer was asked for, and what it does instead, if it is to fail. */
const asked: TlsOptions[] = [];
let instead: TlsHook | undefined;
const seen: Seen[] = [];
/** Requests that came over one connection. */
const connections = new Set<object>();

/** A TLS layer of Node's, which trusts the one certificate. */
const tls: TlsHook = async (connection, options) => {
  asked.push(options);
  if (instead) return instead(connection, options);
  const { serverName, alpn } = options;
  const socket = connectTls({
    socket: new StreamDuplex(connection),
    host: serverName,
    servername: isIP(serverName) ? '' : serverName,
    ALPNProtocols: alpn,
    ca: certificate,
  });
  try {
    await once(socket, 'secureConnect');
  } catch (cause) {
    throw new TunnelError('ERR_TLS_CERTIFICATE', `The certificate is not for ${serverName}.`, { cause });
  }
  // Duplex.toWeb would hold the end of what comes back until what goes out has ended too.
  const readable = NodeStream.from(socket.iterator({ destroyOnReturn: false }));
  const writable = Writable.toWeb(socket);
  return { readable, writable, alpn: socket.alpnProtocol || null } as unknown as SecureDuplex;
};

const listener: RequestListener = (request, response) => {
  const { url = '', headers } = request;
  const socket = request.socket as Partial<TLSSocket>;
  const isSecure = socket.encrypted === true;
  const { servername: serverName, alpnProtocol: alpn } = socket as { servername?: string } & typeof socket;
  seen.push({ isSecure, url, host: headers.host, cookie: headers.cookie, serverName, alpn });
  connections.add(request.socket);
  if (url.startsWith('/cookie'))
    response.setHeader('Set-Cookie', [`${url.slice(8)}; Secure; Path=/`, 'plain=1; Path=/']);
  if (url.startsWith('/to?')) response.writeHead(302, { Location: decodeURIComponent(url.slice(4)) });
  response.end(isSecure ? 'over TLS' : 'in the clear');
};

/** Gives what comes to a port inside to a server of Node's. */
async function serve(
  them: Tunnel,
  localPort: number,
  server: { emit(name: string, socket: Duplex): boolean },
) {
  const { readable } = await new them.TCPServerSocket('::', { localPort }).opened;
  void (async () => {
    for await (const socket of readable as unknown as AsyncIterable<InstanceType<Tunnel['TCPSocket']>>) {
      const duplex = new StreamDuplex(await socket.opened);
      duplex.on('error', () => {});
      server.emit('connection', duplex);
    }
  })().catch(() => {});
}

async function selfSigned(): Promise<{ key: string; cert: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'tabwire-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const subject = [
    '-subj',
    `/CN=${HOST}`,
    '-addext',
    `subjectAltName=DNS:${HOST},DNS:*.${HOST},IP:${THEIRS}`,
  ];
  await promisify(execFile)('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert]);
  const files = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  rmSync(folder, { recursive: true });
  return files;
}

beforeAll(async () => {
  if (!hasOpenssl) return;
  const files = await selfSigned();
  certificate = files.cert;
  const hosts = Object.fromEntries(names.map((name) => [name, [THEIRS]]));
  pair = await openTunnelPair([], { tls, dns: { hosts } });
  us = pair.us;
  const secure = createHttpsServer({ ...files, ALPNProtocols: ['h2', 'http/1.1'] }, listener);
  const sockets = new WebSocketServer({ server: secure as never });
  sockets.on('connection', (socket, request) => {
    listener(request, { setHeader() {}, end() {} } as never);
    socket.on('message', (data) => socket.send(String(data)));
  });
  await serve(pair.them, 443, secure);
  await serve(pair.them, 8443, secure);
  await serve(pair.them, 80, createHttpServer(listener));
});

afterAll(() => pair?.close());

beforeEach(({ skip }) => {
  skip(!hasOpenssl, 'openssl is not found');
  asked.length = seen.length = 0;
  connections.clear();
  instead = undefined;
});

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const refusal = new TunnelError('ERR_TLS_CERTIFICATE', 'The certificate has expired.', { leg: 'inside' });

describe('https:', () => {
  it('asks for the name, and for HTTP/1.1, and gets the answer over TLS', async () => {
    const response = await us.fetch(`https://www.${HOST}/a?b`);
    expect(await response.text()).toBe('over TLS');
    expect(response.url).toBe(`https://www.${HOST}/a?b`);
    expect(asked).toEqual([{ serverName: `www.${HOST}`, alpn: ['http/1.1'] }]);
    expect(seen).toEqual([
      {
        isSecure: true,
        url: '/a?b',
        host: `www.${HOST}`,
        cookie: undefined,
        serverName: `www.${HOST}`,
        alpn: 'http/1.1',
      },
    ]);
  });

  it('by address and at another port', async () => {
    expect(await (await us.fetch(`https://${THEIRS}:8443/`)).text()).toBe('over TLS');
    expect(asked).toEqual([{ serverName: THEIRS, alpn: ['http/1.1'] }]);
    expect(seen).toMatchObject([{ host: `${THEIRS}:8443`, serverName: false }]);
  });

  it('keeps its connection, apart from those of http: to the same host', async () => {
    for (let time = 0; time < 3; time++)
      for (const scheme of ['https', 'http']) await (await us.fetch(`${scheme}://${HOST}/`)).text();
    expect(seen.map(({ isSecure }) => isSecure)).toEqual([true, false, true, false, true, false]);
    expect(connections.size).toBe(2);
    expect(asked).toHaveLength(1);
  });

  it('sends a large body, and reads a large answer', async () => {
    const body = new Uint8Array(3_000_000).fill(65);
    const response = await us.fetch(`https://${HOST}/`, { method: 'POST', body });
    expect(await response.text()).toBe('over TLS');
  });

  it('is where Secure cookies are set and sent, and nowhere else', async () => {
    await us.fetch(`http://${HOST}/cookie?thief=1`);
    await us.fetch(`https://${HOST}/cookie?secret=1`);
    await us.fetch(`http://${HOST}/`);
    await us.fetch(`https://${HOST}/`);
    expect(seen.map(({ cookie }) => cookie)).toEqual([undefined, 'plain=1', 'plain=1', 'plain=1; secret=1']);
  });

  it('is reached by a redirect from http:, which keeps Secure cookies there, and left by one', async () => {
    const there = await us.fetch(`http://${HOST}/to?${encodeURIComponent(`https://www.${HOST}/x`)}`);
    expect([there.url, await there.text()]).toEqual([`https://www.${HOST}/x`, 'over TLS']);
    const back = await us.fetch(`https://www.${HOST}/to?${encodeURIComponent(`http://${HOST}/y`)}`);
    expect([back.url, await back.text()]).toEqual([`http://${HOST}/y`, 'in the clear']);
    expect(seen.map(({ isSecure }) => isSecure)).toEqual([false, true, true, false]);
  });

  it('fails for a name that the certificate is not for', async () => {
    const error = (await failure(us.fetch('https://other.test/'))) as TypeError;
    expect(error).toBeInstanceOf(TypeError);
    expect(error.cause).toMatchObject({ code: 'ERR_TLS_CERTIFICATE' });
    expect(seen).toEqual([]);
  });

  it('fails with what the layer fails with as its cause', async () => {
    const url = 'https://www.inside.test:8443/';
    for (const reason of [refusal, new Error('no cipher in common')]) {
      instead = () => Promise.reject(reason);
      const error = (await failure(us.fetch(url))) as TypeError;
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toBe(reason.message);
      expect(error.cause).toBe(reason);
    }
  });

  it('does not wait for a layer that says nothing: connectTimeout, and the signal', async () => {
    instead = () => new Promise(() => {});
    const url = 'https://www.inside.test:8443/';
    const late = (await failure(us.fetch(url, { tunnel: { connectTimeout: 200 } }))) as TypeError;
    expect(late.cause).toMatchObject({ code: 'ERR_TIMEOUT' });
    const controller = new AbortController();
    const aborted = failure(us.fetch(url, { signal: controller.signal }));
    await expect.poll(() => asked).toHaveLength(2);
    controller.abort('enough');
    expect(await aborted).toBe('enough');
  });
});

describe('wss:', () => {
  it('asks for the name, and for HTTP/1.1, and its messages go over TLS', async () => {
    const socket = new us.WebSocket(`wss://${HOST}/chat`);
    await once(socket, 'open');
    expect(asked).toEqual([{ serverName: HOST, alpn: ['http/1.1'] }]);
    expect(seen).toMatchObject([
      { isSecure: true, url: '/chat', host: HOST, serverName: HOST, alpn: 'http/1.1' },
    ]);
    const echoed = once(socket, 'message') as Promise<[MessageEvent]>;
    socket.send('hello');
    expect((await echoed)[0].data).toBe('hello');
    const closed = once(socket, 'close') as Promise<[CloseEvent]>;
    socket.close(1000);
    expect((await closed)[0]).toMatchObject({ wasClean: true, code: 1000 });
  });

  it('tells in its error event what the layer fails with', async () => {
    instead = () => Promise.reject(refusal);
    const socket = new us.WebSocket(`wss://${HOST}:8443/`);
    const [[event], [close]] = (await Promise.all([once(socket, 'error'), once(socket, 'close')])) as [
      [{ error: unknown }],
      [CloseEvent],
    ];
    expect(event.error).toBe(refusal);
    expect(close).toMatchObject({ wasClean: false, code: 1006 });
  });
});

describe('secureTransport', () => {
  it('on: asks for the hostname and no protocol, unless told otherwise', async () => {
    const socket = us.connect(`${HOST}:443`, { secureTransport: 'on' });
    expect(await socket.opened).toMatchObject({ remoteAddress: `${THEIRS}:443`, alpn: null });
    void socket.close();
    const other = us.connect(`${THEIRS}:443`, { secureTransport: 'on', sni: HOST, alpn: ['h2', 'http/1.1'] });
    expect(await other.opened).toMatchObject({ alpn: 'h2' });
    void other.close();
    expect(asked).toEqual([
      { serverName: HOST, alpn: [] },
      { serverName: HOST, alpn: ['h2', 'http/1.1'] },
    ]);
  });

  it('fails with a SocketError, whose cause is what the layer fails with', async () => {
    instead = () => Promise.reject(refusal);
    const { opened, closed } = us.connect(`${HOST}:443`, { secureTransport: 'on' });
    for (const promise of [opened, closed]) {
      const error = (await failure(promise)) as TypeError;
      expect(error.message).toBe('SocketError: The certificate has expired.');
      expect(error.cause).toBe(refusal);
    }
  });
});
