// `tls` has no TLS of its own: what it does with somebody's layer, and what it says where there is none.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Tunnel } from '../../src/client/tunnel.ts';
import * as net from '../../src/shims/net.ts';
import * as tls from '../../src/shims/tls.ts';
import { EventLog } from '../support/event-log.ts';
import { LoneEngine } from '../support/lone-engine.ts';
import { OUR_V4 } from '../support/lone-stack.ts';

const EVENTS = ['connect', 'secureConnect', 'data', 'end', 'error', 'close'];

let tick: ReturnType<typeof setInterval>;
let tunnel: Tunnel;

beforeEach(() => {
  const engine = new LoneEngine();
  tick = setInterval(() => engine.advance(20), 1);
  tunnel = engine.asTunnel() as unknown as Tunnel;
});

afterEach(() => {
  clearInterval(tick);
  net.setDefaultTunnel(undefined);
});

/** No secret: every byte with its bits turned over. */
function turned(): TransformStream<BufferSource, Uint8Array<ArrayBuffer>> {
  return new TransformStream({
    transform: (chunk, controller) => {
      const bytes = new Uint8Array(chunk as Uint8Array<ArrayBuffer>);
      controller.enqueue(bytes.map((byte) => byte ^ 0xff));
    },
  });
}

const layer: tls.TlsLayer = async ({ readable, writable }, { alpn }) => {
  const out = turned();
  out.readable.pipeTo(writable).catch(() => {});
  return { readable: readable.pipeThrough(turned()), writable: out.writable, alpn: alpn[0] };
};

async function echo(port: number): Promise<net.Server> {
  const server = net.createServer((socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => server.listen(port, OUR_V4, undefined, resolve));
  return server;
}

function closed(socket: tls.TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

it('puts the layer over a connection that it makes, and over one that is there', async () => {
  net.setDefaultTunnel(tunnel, { tls: layer });
  const server = await echo(443);
  const plain = net.connect(443, OUR_V4);
  await new Promise((resolve) => plain.once('connect', resolve));
  for (const options of [{ host: OUR_V4, port: 443 }, { socket: plain }]) {
    const log = new EventLog();
    const socket = tls.connect({ ...options, servername: 'inside.test', ALPNProtocols: ['x'] });
    log.watch('socket', socket, EVENTS);
    socket.write('hello');
    await new Promise((resolve) => socket.once('data', resolve));
    expect(socket).toMatchObject({
      encrypted: true,
      authorized: true,
      alpnProtocol: 'x',
      servername: 'inside.test',
      remoteAddress: OUR_V4,
    });
    socket.end();
    await closed(socket);
    expect(log.lines).toEqual([
      ...('host' in options ? ['socket connect'] : []),
      'socket secureConnect',
      'socket data <hello>',
      'socket end',
      'socket close false',
    ]);
  }
  server.close();
});

it('fails with a code where there is no layer, and where it is asked not to check', async () => {
  for (const [given, options] of [
    [undefined, {}],
    [layer, { rejectUnauthorized: false }],
  ] as const) {
    net.setDefaultTunnel(tunnel, given && { tls: given });
    const socket = tls.connect({ host: OUR_V4, port: 443, ...options });
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
    await closed(socket);
    expect((await failed).code).toBe('ERR_TLS_UNAVAILABLE');
  }
});

it('ends with the error of a handshake that fails', async () => {
  net.setDefaultTunnel(tunnel, { tls: () => Promise.reject(new Error('a certificate of nobody')) });
  const server = await echo(443);
  const socket = tls.connect(443, OUR_V4);
  const failed = new Promise<Error>((resolve) => socket.once('error', resolve));
  await closed(socket);
  expect((await failed).message).toBe('a certificate of nobody');
  server.close();
});
