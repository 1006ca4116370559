import { expect } from 'vitest';
import type { TCPServerSocketOptions } from '../../../src/client/tcp-server-socket.ts';
import { OUR_V4, OUR_V6 } from './ground.ts';
import {
  HELLO,
  INVALID_STATE,
  interfaceRows,
  NETWORK_ERROR,
  next,
  type Row,
  readAll,
  type Section,
  table,
  textOf,
  untyped,
  write,
} from './table.ts';

table('TCPServerSocket', [
  ...interfaceRows('4', 'TCPServerSocket', 1, ({ tunnel }) => new tunnel.TCPServerSocket('::')),
  ...mistakes('4.1', [
    ['a localAddress that is no IP address', 'localhost', {}],
    ['an empty localAddress', '', {}],
    ['localPort equal to 0', '::', { localPort: 0 }],
    ['backlog equal to 0', '::', { backlog: 0 }],
    ['ipv6Only for another address than ::', '0.0.0.0', { ipv6Only: true }],
  ]),
  ...mistakes('4.1.1', [
    ['a localPort out of range', '::', { localPort: 65_536 }],
    ['a backlog out of range', '::', { backlog: -1 }],
    ['options that are no dictionary', '::', 80],
  ]),
  {
    section: '4.1',
    says: 'ipv6Only that is false is allowed for every address; :: may be written in full',
    holds: async ({ tunnel }) => {
      for (const [address, ipv6Only] of [
        ['0.0.0.0', false],
        [OUR_V4, false],
        ['0:0:0:0:0:0:0:0', true],
      ] as const)
        await expect(new tunnel.TCPServerSocket(address, { ipv6Only }).opened).resolves.toBeDefined();
    },
  },
  ...failures([
    ['the port is taken', '::', { localPort: 80 }, 'ERR_ADDRESS_IN_USE'],
    ['the address is not ours', '192.0.2.1', {}, 'ERR_NO_ROUTE'],
  ]),
  {
    section: '4.1',
    says: 'on failure, opened rejects first and closed second',
    holds: async ({ tunnel }) => {
      const server = new tunnel.TCPServerSocket('192.0.2.1');
      const order: string[] = [];
      await Promise.allSettled([
        server.closed.finally(() => order.push('closed')),
        server.opened.finally(() => order.push('opened')),
      ]);
      expect(order).toEqual(['opened', 'closed']);
    },
  },
  {
    section: '4.1.1',
    says: 'backlog is how many connections may wait to be accepted',
    in: ['test/core/netstack/tcp/syn-flood.test.ts', 'cost what the backlog allows and no more'],
  },
  {
    section: '4.1.1',
    says: 'ipv6Only leaves IPv4 alone; by default :: hears both',
    holds: async ({ tunnel }) => {
      await new tunnel.TCPServerSocket('::', { localPort: 80, ipv6Only: true }).opened;
      await expect(new tunnel.TCPSocket(OUR_V4, 80).opened).rejects.toMatchObject(NETWORK_ERROR);
      await expect(new tunnel.TCPSocket(OUR_V6, 80).opened).resolves.toBeDefined();
      await new tunnel.TCPServerSocket('::', { localPort: 81 }).opened;
      await expect(new tunnel.TCPSocket(OUR_V4, 81).opened).resolves.toBeDefined();
    },
  },
  {
    section: '4.2',
    says: 'readable yields TCPSockets that are open',
    holds: async ({ tunnel }) => {
      const { readable } = await new tunnel.TCPServerSocket('::', { localPort: 80 }).opened;
      const socket = new tunnel.TCPSocket(OUR_V4, 80);
      const accepted = (await next(readable))!;
      expect(accepted).toBeInstanceOf(tunnel.TCPSocket);
      await write((await accepted.opened).writable, HELLO);
      await accepted.close();
      expect(textOf(await readAll((await socket.opened).readable))).toBe('hello');
    },
  },
  {
    section: '4.2',
    says: 'cancel() stops listening, and closed resolves with undefined',
    holds: async ({ tunnel }) => {
      const server = new tunnel.TCPServerSocket('::', { localPort: 80 });
      const { readable } = await server.opened;
      await expect(readable.cancel()).resolves.toBeUndefined();
      await expect(server.closed).resolves.toBeUndefined();
      await expect(new tunnel.TCPSocket(OUR_V4, 80).opened).rejects.toMatchObject(NETWORK_ERROR);
    },
  },
  {
    section: '4.3',
    says: 'opened resolves when it listens, and then callers get through',
    holds: async ({ tunnel }) => {
      await new tunnel.TCPServerSocket('::', { localPort: 80 }).opened;
      await expect(new tunnel.TCPSocket(OUR_V6, 80).opened).resolves.toBeDefined();
    },
  },
  {
    section: '4.3.1',
    says: 'TCPServerSocketOpenInfo has readable and the local place',
    holds: async ({ tunnel }) => {
      const info = await new tunnel.TCPServerSocket('::').opened;
      expect(Object.keys(info).sort()).toEqual(['localAddress', 'localPort', 'readable']);
      expect(info.localAddress).toBe('::');
      expect(info.localPort).toBeGreaterThan(1023);
    },
  },
  {
    section: '4.4',
    says: 'closed resolves when the user closed it, and sockets that were accepted live on',
    holds: async (lab) => {
      const { tunnel } = lab;
      const server = new tunnel.TCPServerSocket('::', { localPort: 80 });
      const { readable } = await server.opened;
      const socket = new tunnel.TCPSocket(OUR_V4, 80);
      const accepted = (await next(readable))!;
      await server.close();
      await expect(server.closed).resolves.toBeUndefined();
      expect(await lab.stateOf(accepted.closed)).toBe('pending');
      expect(await lab.stateOf(socket.closed)).toBe('pending');
    },
  },
  {
    section: '4.4',
    says: 'closed rejects when readable is errored',
    holds: async (lab) => {
      const server = new lab.tunnel.TCPServerSocket('::');
      const reading = (await server.opened).readable.getReader().read();
      lab.die();
      await expect(reading).rejects.toMatchObject(NETWORK_ERROR);
      await expect(server.closed).rejects.toMatchObject(NETWORK_ERROR);
    },
  },
  {
    section: '4.5',
    says: 'close() before opened is settled, or after it was rejected, rejects with InvalidStateError',
    holds: async ({ tunnel }) => {
      const server = new tunnel.TCPServerSocket('::');
      await expect(server.close()).rejects.toMatchObject(INVALID_STATE);
      await expect(server.opened).resolves.toBeDefined();
      const failed = new tunnel.TCPServerSocket('192.0.2.1');
      await expect(failed.opened).rejects.toMatchObject(NETWORK_ERROR);
      await expect(failed.close()).rejects.toMatchObject(INVALID_STATE);
    },
  },
  {
    section: '4.5',
    says: 'close() while readable is locked rejects with InvalidStateError; afterwards it closes, and again',
    holds: async ({ tunnel }) => {
      const server = new tunnel.TCPServerSocket('::');
      const reader = (await server.opened).readable.getReader();
      await expect(server.close()).rejects.toMatchObject(INVALID_STATE);
      reader.releaseLock();
      await expect(server.close()).resolves.toBeUndefined();
      await expect(server.close()).resolves.toBeUndefined();
    },
  },
  {
    section: '5.1',
    says: 'no permission is asked for, and every port of the tunnel can be listened on',
    holds: async ({ tunnel }) => {
      await expect(new tunnel.TCPServerSocket('::', { localPort: 22 }).opened).resolves.toBeDefined();
    },
  },
]);

function mistakes(section: Section, cases: [what: string, address: string, options: unknown][]): Row[] {
  return cases.map(([what, address, options]) => ({
    section,
    says: `${what} is a TypeError of the constructor`,
    holds: ({ tunnel }) => {
      expect(() => new (untyped(tunnel.TCPServerSocket))(address, options)).toThrow(TypeError);
    },
  }));
}

function failures(
  cases: [what: string, address: string, options: TCPServerSocketOptions, code: string][],
): Row[] {
  return cases.map(([what, address, options, code]) => ({
    section: '4.1',
    says: `${what}: opened and closed reject with a NetworkError that has ${code} as its cause`,
    holds: async ({ tunnel }) => {
      await new tunnel.TCPServerSocket('::', { localPort: 80 }).opened;
      const server = new tunnel.TCPServerSocket(address, options);
      const failure = { ...NETWORK_ERROR, cause: { code } };
      await expect(server.opened).rejects.toMatchObject(failure);
      await expect(server.closed).rejects.toMatchObject(failure);
    },
  }));
}
