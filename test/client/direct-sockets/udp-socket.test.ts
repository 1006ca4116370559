import { expect } from 'vitest';
import type { UDPMessage } from '../../../src/client/udp-message.ts';
import type { UDPSocketOptions } from '../../../src/client/udp-socket.ts';
import { OUR_V4, OUR_V6 } from './ground.ts';
import {
  HELLO,
  INVALID_STATE,
  interfaceRows,
  type Lab,
  NETWORK_ERROR,
  next,
  type Row,
  type Section,
  table,
  textOf,
  untyped,
  write,
} from './table.ts';

const ANY = { localAddress: '0.0.0.0' };
const SERVER = { localAddress: OUR_V4, localPort: 53 };
const CLIENT = { remoteAddress: OUR_V4, remotePort: 53 };

table('UDPSocket', [
  ...interfaceRows('2', 'UDPSocket', 0, ({ tunnel }) => new tunnel.UDPSocket(ANY)),
  ...mistakes('2.1', [
    ['no options at all', undefined],
    ['null for options', null],
    ['an empty dictionary', {}],
    ['remoteAddress without remotePort', { remoteAddress: OUR_V4 }],
    ['remotePort without remoteAddress', { remotePort: 53 }],
    ['localPort equal to 0', { ...ANY, localPort: 0 }],
    ['localPort without localAddress', { ...CLIENT, localPort: 53 }],
    ['localAddress in connected mode', { ...CLIENT, ...ANY }],
    ['a localAddress that is no IP address', { localAddress: 'localhost' }],
    ['dnsQueryType in bound mode', { ...ANY, dnsQueryType: 'ipv4' }],
    ['ipv6Only in connected mode', { ...CLIENT, ipv6Only: true }],
    ['ipv6Only, even false, for another address than ::', { ...ANY, ipv6Only: false }],
    ['sendBufferSize equal to 0', { ...ANY, sendBufferSize: 0 }],
    ['receiveBufferSize equal to 0', { ...ANY, receiveBufferSize: 0 }],
  ]),
  ...mistakes('2.1.1', [
    ['a remotePort out of range', { remoteAddress: OUR_V4, remotePort: 65_536 }],
    ['a localPort out of range', { ...ANY, localPort: -1 }],
    ['a sendBufferSize out of range', { ...ANY, sendBufferSize: 2 ** 32 }],
    ['a multicastTimeToLive out of range', { ...ANY, multicastTimeToLive: 256 }],
    ['a SocketDnsQueryType that is none', { ...CLIENT, dnsQueryType: 'both' }],
    ['options that are no dictionary', 'options'],
  ]),
  {
    section: '2.1',
    says: 'remoteAddress and remotePort: connected mode; localAddress: bound mode',
    holds: async ({ tunnel }) => {
      expect((await new tunnel.UDPSocket(CLIENT).opened).remoteAddress).toBe(OUR_V4);
      expect((await new tunnel.UDPSocket(ANY).opened).remoteAddress).toBeUndefined();
    },
  },
  {
    section: '2.1',
    says: 'the unspecified IPv6 address is the same however it is written',
    holds: async ({ tunnel }) => {
      for (const localAddress of ['::', '::0', '0:0:0:0:0:0:0:0'])
        await expect(new tunnel.UDPSocket({ localAddress, ipv6Only: true }).opened).resolves.toBeDefined();
    },
  },
  ...failures([
    ['the port is taken', SERVER, 'ERR_ADDRESS_IN_USE'],
    ['localAddress is not ours', { localAddress: '192.0.2.1' }, 'ERR_NO_ROUTE'],
    [
      'the name does not resolve',
      { remoteAddress: 'nowhere.internal', remotePort: 53 },
      'ERR_NAME_NOT_RESOLVED',
    ],
    ['the remote port is 0', { remoteAddress: OUR_V4, remotePort: 0 }, undefined],
  ]),
  {
    section: '2.1',
    says: 'on failure, opened rejects first and closed second',
    holds: async ({ tunnel }) => {
      const socket = new tunnel.UDPSocket({ localAddress: '192.0.2.1' });
      const order: string[] = [];
      await Promise.allSettled([
        socket.closed.finally(() => order.push('closed')),
        socket.opened.finally(() => order.push('opened')),
      ]);
      expect(order).toEqual(['opened', 'closed']);
    },
  },
  {
    section: '2.1.1',
    says: 'without localPort there is one of the free ones',
    holds: async ({ tunnel }) => {
      const { localPort } = await new tunnel.UDPSocket(ANY).opened;
      expect(localPort).toBeGreaterThan(1023);
    },
  },
  {
    section: '2.1.1',
    says: 'ipv6Only leaves IPv4 to another socket; by default :: hears both',
    holds: async ({ tunnel }) => {
      const six = new tunnel.UDPSocket({ localAddress: '::', localPort: 53, ipv6Only: true });
      await six.opened;
      const four = new tunnel.UDPSocket({ localAddress: '0.0.0.0', localPort: 53 });
      await expect(four.opened).resolves.toBeDefined();
      const both = new tunnel.UDPSocket({ localAddress: '::', localPort: 54 });
      const { readable } = await both.opened;
      await send(await new tunnel.UDPSocket({ remoteAddress: OUR_V4, remotePort: 54 }).opened, {
        data: HELLO,
      });
      expect((await next(readable))!.remoteAddress).toBe(OUR_V4);
    },
  },
  {
    section: '2.1.1',
    says: 'multicastTimeToLive, multicastLoopback, multicastAllowAddressSharing do as IP_MULTICAST_TTL … do',
    in: ['test/node/udp-options.test.ts', 'hears the groups that it joins, and shares its port'],
  },
  {
    section: '2.1.2',
    says: 'in connected mode a message has data, a Uint8Array, and no remote',
    holds: async (lab) => {
      const { client, server } = await pair(lab);
      await send(client, { data: HELLO });
      const { remoteAddress, remotePort } = (await next(server.readable))!;
      await send(server, { data: HELLO, remoteAddress: remoteAddress!, remotePort: remotePort! });
      const message = (await next(client.readable))!;
      expect(message.data).toBeInstanceOf(Uint8Array);
      expect(textOf(message.data)).toBe('hello');
      expect(message.data.buffer.byteLength).toBe(5);
      for (const member of ['remoteAddress', 'remotePort', 'dnsQueryType'])
        expect(message).not.toHaveProperty(member);
    },
  },
  {
    section: '2.1.2',
    says: 'in bound mode a message says where it came from, and no dnsQueryType',
    holds: async (lab) => {
      const { client, server } = await pair(lab);
      await send(client, { data: HELLO });
      const message = await next(server.readable);
      expect(message).toMatchObject({ remoteAddress: client.localAddress, remotePort: client.localPort });
      expect(message).not.toHaveProperty('dnsQueryType');
    },
  },
  {
    section: '2.1.2',
    says: 'every kind of BufferSource is a message, an empty one too',
    holds: async (lab) => {
      const { client, server } = await pair(lab);
      const { buffer } = Uint8Array.of(1, 2, 3, 4);
      for (const data of [buffer, new DataView(buffer, 1, 2), new Uint8Array()]) await send(client, { data });
      const got: number[][] = [];
      for (let i = 0; i < 3; i++) got.push([...(await next(server.readable))!.data]);
      expect(got).toEqual([[1, 2, 3, 4], [2, 3], []]);
    },
  },
  {
    section: '2.2',
    says: 'messages stay messages, in their order',
    holds: async (lab) => {
      const { client, server } = await pair(lab);
      for (let i = 1; i <= 3; i++) await send(client, { data: new Uint8Array(i) });
      for (let i = 1; i <= 3; i++) expect((await next(server.readable))!.data).toHaveLength(i);
    },
  },
  {
    section: '2.2',
    says: 'cancel() resolves with undefined and leaves writable as it is',
    holds: async (lab) => {
      const { client, server, socket } = await pair(lab);
      await expect(client.readable.cancel()).resolves.toBeUndefined();
      expect(await lab.stateOf(socket.closed)).toBe('pending');
      await send(client, { data: HELLO });
      expect(await next(server.readable)).toBeDefined();
      await client.writable.close();
      await expect(socket.closed).resolves.toBeUndefined();
    },
  },
  {
    section: '2.2',
    says: 'a network error errors readable with a NetworkError, and closed rejects with it',
    holds: async (lab) => {
      const socket = new lab.tunnel.UDPSocket({ remoteAddress: OUR_V4, remotePort: 99 });
      const info = await socket.opened;
      const reading = info.readable.getReader().read();
      await send(info, { data: HELLO });
      const error: unknown = await reading.catch((reason: unknown) => reason);
      expect(error).toMatchObject({ ...NETWORK_ERROR, cause: { code: 'ERR_CONNECTION_REFUSED' } });
      await expect(socket.closed).rejects.toBe(error);
    },
  },
  ...badMessages([
    ['connected', 'remoteAddress', { data: HELLO, remoteAddress: OUR_V4 }],
    ['connected', 'remotePort', { data: HELLO, remotePort: 53 }],
    ['connected', 'dnsQueryType', { data: HELLO, dnsQueryType: 'ipv4' }],
    ['connected', 'no data', {}],
    ['connected', 'data that is no BufferSource', { data: 'hello' }],
    ['connected', 'what is no dictionary', 'hello'],
    ['connected', 'null', null],
    ['bound', 'no remoteAddress', { data: HELLO, remotePort: 53 }],
    ['bound', 'no remotePort', { data: HELLO, remoteAddress: OUR_V4 }],
    ['bound', 'a SocketDnsQueryType that is none', { data: HELLO, ...CLIENT, dnsQueryType: 'any' }],
  ]),
  {
    section: '2.3',
    says: 'a network error rejects the write with a NetworkError, and once readable is over, closed with it',
    holds: async ({ tunnel }) => {
      const socket = new tunnel.UDPSocket(ANY);
      const info = await socket.opened;
      const error: unknown = await send(info, { data: new Uint8Array(70_000), ...CLIENT }).catch(
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ ...NETWORK_ERROR, cause: { code: 'ERR_MESSAGE_TOO_LONG' } });
      await info.readable.cancel();
      await expect(socket.closed).rejects.toBe(error);
    },
  },
  {
    section: '2.3',
    says: 'in bound mode a message goes where it says, to an address or a name',
    holds: async (lab) => {
      const { server } = await pair(lab);
      const bound = await new lab.tunnel.UDPSocket({ localAddress: '::' }).opened;
      await send(bound, { data: HELLO, ...CLIENT });
      expect((await next(server.readable))!.remotePort).toBe(bound.localPort);
      const local = await new lab.tunnel.UDPSocket({ localAddress: '::', localPort: 99 }).opened;
      await send(bound, { data: HELLO, remoteAddress: 'localhost', remotePort: 99, dnsQueryType: 'ipv4' });
      expect((await next(local.readable))!.remoteAddress).toMatch(/^127\./);
    },
  },
  {
    section: '2.3',
    says: 'the bytes are copied: the buffer stays the caller’s',
    holds: async (lab) => {
      const { client, server } = await pair(lab);
      const data = HELLO.slice();
      await send(client, { data });
      data.fill(0);
      expect(textOf((await next(server.readable))!.data)).toBe('hello');
    },
  },
  {
    section: '2.4',
    says: 'opened resolves when the socket is bound',
    holds: async ({ tunnel }) => {
      const socket = new tunnel.UDPSocket(SERVER);
      await socket.opened;
      await expect(new tunnel.UDPSocket(SERVER).opened).rejects.toMatchObject(NETWORK_ERROR);
    },
  },
  {
    section: '2.4.1',
    says: 'in connected mode UDPSocketOpenInfo has both streams, both places, and no controller',
    holds: async (lab) => {
      const { client } = await pair(lab);
      expect(Object.keys(client).sort()).toEqual(
        ['localAddress', 'localPort', 'readable', 'remoteAddress', 'remotePort', 'writable'].sort(),
      );
    },
  },
  {
    section: '2.4.1',
    says: 'in bound mode UDPSocketOpenInfo has both streams, the local place, and a multicastController',
    holds: async (lab) => {
      const { server } = await pair(lab);
      expect(Object.keys(server).sort()).toEqual(
        ['localAddress', 'localPort', 'multicastController', 'readable', 'writable'].sort(),
      );
      expect(server).toMatchObject({ localAddress: OUR_V4, localPort: 53 });
    },
  },
  {
    section: '2.5',
    says: 'closed resolves with undefined when the user closed the socket, and then the port is free',
    holds: async ({ tunnel }) => {
      const socket = new tunnel.UDPSocket(SERVER);
      await socket.opened;
      await socket.close();
      await expect(socket.closed).resolves.toBeUndefined();
      await expect(new tunnel.UDPSocket(SERVER).opened).resolves.toBeDefined();
    },
  },
  {
    section: '2.6',
    says: 'close() before opened is settled, or after it was rejected, rejects with InvalidStateError',
    holds: async ({ tunnel }) => {
      const socket = new tunnel.UDPSocket(ANY);
      await expect(socket.close()).rejects.toMatchObject(INVALID_STATE);
      await expect(socket.opened).resolves.toBeDefined();
      const failed = new tunnel.UDPSocket({ localAddress: '192.0.2.1' });
      await expect(failed.opened).rejects.toMatchObject(NETWORK_ERROR);
      await expect(failed.close()).rejects.toMatchObject(INVALID_STATE);
    },
  },
  {
    section: '2.6',
    says: 'close() while a stream is locked rejects with InvalidStateError; afterwards it closes, and again',
    holds: async ({ tunnel }) => {
      const socket = new tunnel.UDPSocket(ANY);
      const { readable, writable } = await socket.opened;
      const reader = readable.getReader();
      await expect(socket.close()).rejects.toMatchObject(INVALID_STATE);
      reader.releaseLock();
      const writer = writable.getWriter();
      await expect(socket.close()).rejects.toMatchObject(INVALID_STATE);
      writer.releaseLock();
      await expect(socket.close()).resolves.toBeUndefined();
      await expect(socket.close()).resolves.toBeUndefined();
      await expect(readable.getReader().read()).resolves.toMatchObject({ done: true });
    },
  },
  {
    section: '5.1',
    says: 'no permission is asked for: a tunnel is one already; ports below 1024 are a tunnel’s own',
    holds: async ({ tunnel }) => {
      const { localPort } = await new tunnel.UDPSocket({ localAddress: OUR_V6, localPort: 53 }).opened;
      expect(localPort).toBe(53);
    },
  },
]);

async function pair({ tunnel }: Lab) {
  const server = await new tunnel.UDPSocket(SERVER).opened;
  const socket = new tunnel.UDPSocket(CLIENT);
  return { server, socket, client: await socket.opened };
}

function send({ writable }: { writable: WritableStream<UDPMessage> }, message: UDPMessage): Promise<void> {
  return write(writable, message);
}

function mistakes(section: Section, cases: [what: string, options: unknown][]): Row[] {
  return cases.map(([what, options]) => ({
    section,
    says: `${what} is a TypeError of the constructor`,
    holds: ({ tunnel }) => {
      expect(() => new (untyped(tunnel.UDPSocket))(options)).toThrow(TypeError);
    },
  }));
}

function failures(cases: [what: string, options: UDPSocketOptions, code: string | undefined][]): Row[] {
  return cases.map(([what, options, code]) => ({
    section: '2.1',
    says: `${what}: opened and closed reject with a NetworkError${code ? ` that has ${code} as its cause` : ''}`,
    holds: async ({ tunnel }) => {
      await new tunnel.UDPSocket(SERVER).opened;
      const socket = new tunnel.UDPSocket(options);
      const failure = code ? { ...NETWORK_ERROR, cause: { code } } : NETWORK_ERROR;
      await expect(socket.opened).rejects.toMatchObject(failure);
      await expect(socket.closed).rejects.toMatchObject(failure);
    },
  }));
}

function badMessages(cases: [mode: 'connected' | 'bound', what: string, message: unknown][]): Row[] {
  return cases.map(([mode, what, message]) => ({
    section: '2.3',
    says: `in ${mode} mode, ${what} in a message is a TypeError of the write, and closed rejects with it`,
    holds: async ({ tunnel }) => {
      const socket = new tunnel.UDPSocket(mode === 'bound' ? ANY : CLIENT);
      const { readable, writable } = await socket.opened;
      const error: unknown = await write(writable, message).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(TypeError);
      await readable.cancel();
      await expect(socket.closed).rejects.toBe(error);
    },
  }));
}
