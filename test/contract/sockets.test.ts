import { afterAll, beforeAll, expect } from 'vitest';
import type { Tunnel } from '../../src/node/index.ts';
import { openTunnelPair, type TunnelPair } from '../support/tunnel-pair.ts';
import { contract } from './contract.ts';

const THEM = '10.8.0.2';
const HELLO = new TextEncoder().encode('hello');

let pair: TunnelPair;
let us: Tunnel;

beforeAll(async () => {
  pair = await openTunnelPair();
  us = pair.us;
  await serveEcho(pair.them, 7);
});

afterAll(() => pair.close());

/** Says again whatever it hears, at that TCP port. */
async function serveEcho(tunnel: Tunnel, localPort: number): Promise<void> {
  const { readable } = await new tunnel.TCPServerSocket('::', { localPort }).opened;
  const echo = (socket: InstanceType<Tunnel['TCPSocket']>) =>
    void socket.opened.then(({ readable, writable }) => readable.pipeTo(writable)).catch(() => {});
  readable.pipeTo(new WritableStream({ write: echo })).catch(() => {});
}

contract('Sockets: the Direct Sockets interfaces, bound to the tunnel', [
  [
    'tunnel.TCPSocket, UDPSocket and TCPServerSocket are constructors',
    () => {
      for (const name of ['TCPSocket', 'UDPSocket', 'TCPServerSocket'] as const) {
        expect(typeof us[name]).toBe('function');
        expect(us[name].name).toBe(name);
      }
    },
  ],
  [
    '… with the members, options, streams, promises and errors of the specification',
    ['test/client/direct-sockets/completeness.test.ts', 'has a row'],
  ],
  [
    'new tunnel.TCPSocket(host, port, { noDelay, keepAliveDelay }): opened, closed, close()',
    async () => {
      const socket = new us.TCPSocket(THEM, 7, { noDelay: true, keepAliveDelay: 60_000 });
      const { readable, writable, remoteAddress, remotePort, localAddress, localPort } = await socket.opened;
      expect([remoteAddress, remotePort, localAddress]).toEqual([THEM, 7, '10.8.0.1']);
      expect(localPort).toBeGreaterThan(1023);
      expect(readable).toBeInstanceOf(ReadableStream);
      expect(writable).toBeInstanceOf(WritableStream);
      await socket.close();
      await expect(socket.closed).resolves.toBeUndefined();
    },
  ],
  [
    'new tunnel.UDPSocket({ remoteAddress, remotePort }), or bound: { localAddress, localPort }',
    async () => {
      const bound = new pair.them.UDPSocket({ localAddress: '::', localPort: 5353 });
      const theirs = await bound.opened;
      const socket = new us.UDPSocket({ remoteAddress: THEM, remotePort: 5353 });
      await (await socket.opened).writable.getWriter().write({ data: HELLO });
      expect((await theirs.readable.getReader().read()).value).toMatchObject({
        data: HELLO,
        remoteAddress: '10.8.0.1',
      });
    },
  ],
  [
    "new tunnel.TCPServerSocket('::', { localPort, backlog }): its readable yields TCPSockets",
    async () => {
      const server = new pair.them.TCPServerSocket('::', { localPort: 8080, backlog: 128 });
      const { readable } = await server.opened;
      const socket = new us.TCPSocket(THEM, 8080);
      const { value } = await readable.getReader().read();
      expect(value).toBeInstanceOf(pair.them.TCPSocket);
      await socket.opened;
    },
  ],
  [
    'extra: signal',
    ['test/node/tunnel.test.ts', 'an aborted connection rejects with the reason of the signal'],
  ],
  [
    'extra: of a TCPServerSocket too: signal',
    ['test/client/socket-options.test.ts', 'that is aborted later listens no more'],
  ],
  [
    '… timeout',
    ['test/client/socket-options.test.ts', 'does not wait beyond `timeout` for an engine that says nothing'],
  ],
  ['… allowHalfOpen', ['test/client/socket-options.test.ts', 'accepts sockets that end with their peer']],
  [
    '… tos, ttl',
    ['test/client/socket-options.test.ts', 'from the first answer on, and so do those it accepts'],
  ],
  [
    'extra: timeout of a UDPSocket',
    ['test/client/socket-options.test.ts', 'waits for its address no longer than `timeout`'],
  ],
  [
    'extra: timeout',
    ['test/node/tunnel.test.ts', 'a connection that is not established in time fails with ERR_TIMEOUT'],
  ],
  ['extra: allowHalfOpen', ['test/client/tcp-streams.test.ts', 'the end of the other side ends ours']],
  ['extra: tos, ttl of UDP', ['test/node/udp-options.test.ts', 'sends and hears TTL and TOS']],
  [
    'extra: tos, ttl of TCP',
    ['test/client/socket-options.test.ts', 'sends all its segments with `ttl` and the DSCP of `tos`'],
  ],
  [
    'extra: tos, ttl of TCP are checked: 0 to 255, 1 to 255',
    () => {
      for (const wrong of [{ tos: 256 }, { ttl: 0 }, { ttl: 256 }])
        expect(() => new us.TCPSocket(THEM, 7, wrong)).toThrow(TypeError);
    },
  ],
  [
    'extra: socket.info(): TCP state, RTT, cwnd, retransmits',
    async () => {
      const socket = new us.TCPSocket(THEM, 7);
      await socket.opened;
      expect(await socket.info()).toMatchObject({
        state: 'ESTABLISHED',
        rtt: expect.any(Number),
        cwnd: expect.any(Number),
        retransmits: 0,
      });
      await socket.close();
    },
  ],
  [
    'readable is a byte stream (BYOB readers work)',
    ['test/node/tunnel.test.ts', 'a BYOB reader gets its buffer filled'],
  ],
  [
    'a page that does not read closes the peer’s window',
    [
      'test/node/tunnel.test.ts',
      'a peer that does not read stops the writer, and nothing is lost when it goes on',
    ],
  ],
  [
    'a write() resolves only as the send buffer takes the bytes',
    ['test/browser/tunnel.spec.ts', 'write() waits for room, and the peer gets every byte'],
  ],
  [
    "tunnel.connect('host:port' | { hostname, port }, { secureTransport, allowHalfOpen }): Socket",
    async () => {
      for (const address of [`${THEM}:7`, { hostname: THEM, port: 7 }]) {
        const socket = us.connect(address, { secureTransport: 'off', allowHalfOpen: true });
        const writer = socket.writable.getWriter();
        await writer.write(HELLO);
        await writer.close();
        expect(await new Response(socket.readable).text()).toBe('hello');
        expect(await socket.opened).toMatchObject({ remoteAddress: `${THEM}:7` });
        await socket.closed;
        expect([socket.upgraded, socket.secureTransport]).toEqual([false, 'off']);
      }
    },
  ],
  [
    'tunnel.fetch(input, init): Promise<Response>: fetch semantics, streaming both ways',
    ['test/client/http/fetch.test.ts', 'leaves as it comes, before it is over'],
  ],
  [
    '… deviations (Cookie, Host) have an init way round',
    ['test/client/http/fetch.test.ts', 'may say Cookie, Host and User-Agent, but not where it ends'],
  ],
  [
    '… and what a Response hides is told to init.tunnel.onHead',
    ['test/client/http/fetch.test.ts', 'has its informational answers and Set-Cookie told to'],
  ],
  ['… from a real server', ['test/interop/fetch.spec.ts', 'the page fetches from nginx']],
  [
    '… fetch and connect can be handed on as the functions that they are',
    async () => {
      const { fetch, connect } = us;
      await expect(fetch(`http://${THEM}:1/`)).rejects.toMatchObject({
        cause: { code: 'ERR_CONNECTION_REFUSED' },
      });
      const socket = connect(`${THEM}:7`);
      await socket.opened;
      await socket.close();
    },
  ],
  [
    'new tunnel.WebSocket(url, protocols): the standard interface',
    ['test/client/websocket/websocket.test.ts', 'says what it is at each moment'],
  ],
  ['… with a real server', ['test/interop/websocket.spec.ts', 'a WebSocket says text and a megabyte']],
  [
    'tunnel.resolve(name, type): A, AAAA, CNAME, MX, TXT, SRV, PTR, NS; what is no type is a mistake',
    async () => {
      for (const type of ['A', 'AAAA', 'CNAME', 'MX', 'TXT', 'SRV', 'PTR', 'NS'] as const)
        await expect(us.resolve('name.internal', type)).rejects.toMatchObject({
          code: 'ERR_NAME_NOT_RESOLVED',
        });
      await expect(us.resolve('name.internal', 'B' as 'A')).rejects.toThrow(TypeError);
    },
  ],
  [
    '… records as a tagged union with ttl, through the tunnel’s DNS servers',
    ['test/node/names.test.ts', 'are resolved to records of each type'],
  ],
  [
    'tunnel.ping(host, { count, interval, size, ttl, timeout, signal }): AsyncIterable; a lost reply is a value',
    async () => {
      const replies: boolean[] = [];
      const { signal } = new AbortController();
      const options = { interval: 10, size: 100, ttl: 64, timeout: 100, signal };
      for await (const { ok } of us.ping(THEM, { count: 2, ...options })) replies.push(ok);
      for await (const { ok } of us.ping('10.8.0.77', { count: 1, ...options })) replies.push(ok);
      expect(replies).toEqual([true, true, false]);
    },
  ],
  [
    'tunnel.traceroute(host, { maxHops }): AsyncIterable<Hop>',
    async () => {
      const hops: [number, string[], boolean][] = [];
      for await (const { hop, addresses, reached } of us.traceroute(THEM, { maxHops: 3 }))
        hops.push([hop, addresses, reached]);
      expect(hops).toEqual([[1, [THEM], true]]);
    },
  ],
  [
    "tunnel.checkPort(host, port, { timeout }): 'open' | 'closed' | 'filtered'",
    async () => {
      expect(await us.checkPort(THEM, 7)).toBe('open');
      expect(await us.checkPort(THEM, 1)).toBe('closed');
      expect(await us.checkPort('10.8.0.77', 1, { timeout: 100 })).toBe('filtered');
    },
  ],
  ['tunnel.pathMtu(host): Promise<number>', async () => expect(await us.pathMtu(THEM)).toBe(1420)],
  [
    'tunnel.capture({ snaplen, filter }): a ReadableStream with a pcapng file',
    async () => {
      const reader = us.capture({ snaplen: 96, filter: 'icmp' }).getReader();
      const { value } = await reader.read();
      expect([...value!.subarray(0, 4)]).toEqual([0x0a, 0x0d, 0x0d, 0x0a]);
      await reader.cancel();
    },
  ],
  [
    '… that Wireshark opens',
    [
      'test/node/capture.test.ts',
      'has what goes in and what comes out, with direction, time and length',
      'tshark',
    ],
  ],
  [
    'https:, wss: and secureTransport: on need a TLS layer: ERR_TLS_UNAVAILABLE',
    async () => {
      const cause = { code: 'ERR_TLS_UNAVAILABLE' };
      await expect(us.fetch(`https://${THEM}/`)).rejects.toMatchObject({ cause });
      await expect(us.connect(`${THEM}:7`, { secureTransport: 'on' }).opened).rejects.toMatchObject({
        cause,
      });
      const socket = new us.WebSocket(`wss://${THEM}/`);
      const error = await new Promise((resolve) => {
        socket.onerror = ({ error }) => resolve(error);
      });
      expect(error).toMatchObject(cause);
    },
  ],
  [
    'the hook is Tunnel.open(…, { tls }): ({ readable, writable }, { serverName, alpn }) → the same, and alpn',
    [
      'test/client/connect.test.ts',
      'is made by the hook that Tunnel.open was given, with the name and the protocols asked for',
    ],
  ],
  ['… from Tunnel.open on: https:', ['test/node/tls.test.ts', 'gets the answer over TLS']],
  ['… wss:', ['test/node/tls.test.ts', 'and its messages go over TLS']],
  ['… secureTransport', ['test/node/tls.test.ts', 'on: asks for the hostname and no protocol']],
]);
