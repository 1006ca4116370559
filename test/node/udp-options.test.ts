// What a UDP socket can be told beyond Direct Sockets, through whole engines over real UDP sockets on loopback.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tunnel } from '../../src/node/index.ts';
import { openTunnelPair, type TunnelPair } from '../support/tunnel-pair.ts';

type Socket = InstanceType<Tunnel['UDPSocket']>;

let us: Tunnel;
let them: Tunnel;

let pair: TunnelPair;

beforeAll(async () => {
  pair = await openTunnelPair(['239.0.0.0/8', 'ff05::/16']);
  ({ us, them } = pair);
});

afterAll(() => pair.close());

/** Writes one message; its rejection's TunnelError code, or nothing. */
async function send(socket: Socket, message: Parameters<typeof write>[1]): Promise<string | undefined> {
  return write(socket, message).then(
    () => undefined,
    (error: Error) => (error.cause as { code?: string } | undefined)?.code ?? error.name,
  );
}

async function write(
  socket: Socket,
  message: {
    data: Uint8Array<ArrayBuffer>;
    remoteAddress: string;
    remotePort: number;
    ttl?: number;
    tos?: number;
  },
): Promise<void> {
  const writer = (await socket.opened).writable.getWriter();
  try {
    await writer.write(message);
  } finally {
    writer.releaseLock();
  }
}

async function next(socket: Socket) {
  const reader = (await socket.opened).readable.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return value!;
}

for (const [family, our, their, any, group, header] of [
  ['IPv4', '10.8.0.1', '10.8.0.2', '0.0.0.0', '239.1.2.3', 28],
  ['IPv6', 'fd08::1', 'fd08::2', '::', 'ff05::123', 48],
] as const)
  describe(`a UDP socket over ${family}`, () => {
    const data = Uint8Array.of(1, 2, 3);

    it('sends and hears TTL and TOS', async () => {
      const server = new them.UDPSocket({ localAddress: any, localPort: 5001 });
      await server.opened;
      const client = new us.UDPSocket({ localAddress: any, ttl: 33, tos: 0x20 });
      const to = { remoteAddress: their, remotePort: 5001 };
      await write(client, { data, ...to });
      expect(await next(server)).toMatchObject({ remoteAddress: our, ttl: 33, tos: 0x20 });
      await write(client, { data, ...to, ttl: 5, tos: 0xb8 });
      expect(await next(server)).toMatchObject({ data, ttl: 5, tos: 0xb8 });
      await Promise.all([server.close(), client.close()]);
    });

    it('refuses to fragment when it is told to', async () => {
      const socket = new us.UDPSocket({ localAddress: any, dontFragment: true });
      const to = { remoteAddress: their, remotePort: 5002 };
      expect(await send(socket, { data: new Uint8Array(1420 - header), ...to })).toBeUndefined();
      expect(await send(socket, { data: new Uint8Array(1420 - header + 1), ...to })).toBe(
        'ERR_MESSAGE_TOO_LONG',
      );
    });

    it('hears the groups that it joins, and shares its port with others that do', async () => {
      const options = { localAddress: any, localPort: 5003, multicastAllowAddressSharing: true };
      const sockets = [new them.UDPSocket(options), new them.UDPSocket(options)];
      const [a, b] = await Promise.all(sockets.map(({ opened }) => opened));
      const groups = a!.multicastController!;
      await expect(groups.joinGroup(their)).rejects.toThrow(TypeError);
      await expect(groups.leaveGroup(group)).rejects.toMatchObject({ name: 'InvalidStateError' });
      await groups.joinGroup(group);
      await expect(groups.joinGroup(group)).rejects.toMatchObject({ name: 'InvalidStateError' });
      await b!.multicastController!.joinGroup(group);
      expect(groups.joinedGroups).toEqual([group]);
      const sender = new us.UDPSocket({ localAddress: any, multicastTimeToLive: 3 });
      await write(sender, { data, remoteAddress: group, remotePort: 5003 });
      for (const socket of sockets) expect(await next(socket)).toMatchObject({ data, ttl: 3 });
      await groups.leaveGroup(group);
      expect(groups.joinedGroups).toEqual([]);
      await write(sender, { data: Uint8Array.of(9), remoteAddress: group, remotePort: 5003 });
      await write(sender, { data: Uint8Array.of(7), remoteAddress: their, remotePort: 5003 });
      expect(await next(sockets[1]!)).toMatchObject({ data: Uint8Array.of(9) });
      // The one that left hears nothing but what is for it alone.
      expect(await next(sockets[0]!)).toMatchObject({ data: Uint8Array.of(7) });
    });

    it('has groups in bound mode only', async () => {
      const socket = new us.UDPSocket({ remoteAddress: their, remotePort: 5004 });
      expect(await socket.opened).not.toHaveProperty('multicastController');
      await socket.close();
    });
  });

it('a broadcast must be meant', async () => {
  const message = { data: Uint8Array.of(1), remoteAddress: '10.8.0.255', remotePort: 5005 };
  const shy = new us.UDPSocket({ localAddress: '0.0.0.0' });
  expect(await send(shy, message)).toBe('ERR_NOT_ALLOWED');
  const server = new them.UDPSocket({ localAddress: '0.0.0.0', localPort: 5005 });
  await server.opened;
  const bold = new us.UDPSocket({ localAddress: '0.0.0.0', broadcast: true });
  await write(bold, message);
  expect(await next(server)).toMatchObject({ data: Uint8Array.of(1), remoteAddress: '10.8.0.1' });
});
