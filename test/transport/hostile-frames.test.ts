// Frames that no honest relay and no honest client sends. On either side what is bad is counted or ends the connection
// with a reason, and a device with a live session does not notice.
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { PacketBuffer } from '../../src/core/packet-buffer.ts';
import { SECOND } from '../../src/core/time.ts';
import {
  CHANNEL_DENIED,
  CHANNEL_UNKNOWN,
  CLOSE,
  CLOSED,
  CONTROL_CHANNEL,
  OPENED,
  writeControl,
} from '../../src/core/wire/relay.ts';
import { derivePublicKey, generatePrivateKey, Tunnel } from '../../src/node/index.ts';
import { createRelay } from '../../src/relay-host/index.ts';
import { RelayTransport } from '../../src/transport/relay-transport.ts';
import { Opponent, type Session } from '../core/wireguard/opponent.ts';
import { makePacket, Station } from '../core/wireguard/station.ts';
import { data, FakeEndpoint, initiation } from '../relay/fake-endpoint.ts';
import { frame, RawClient } from '../relay/raw-client.ts';
import { RelayClient, until } from '../relay/relay-client.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeHost } from './fake-host.ts';

const outgoing = makePacket('10.0.0.2', '10.0.0.1');
const incoming = makePacket('10.0.0.1', '10.0.0.2');

/** A device behind a relay that means harm: it has a session over channel 1. */
class Behind {
  readonly clock = new FakeClock();
  readonly station = new Station(this.clock);
  readonly opponent = new Opponent(this.station.publicKey);
  readonly host = new FakeHost();
  readonly transport: RelayTransport;
  readonly endpoint: Endpoint;
  readonly session: Session;

  constructor() {
    const { station, host, opponent, clock } = this;
    const { memory } = station.crypto;
    this.transport = new RelayTransport({ urls: ['wss://a.example/v1'], memory, clock: host.time, host });
    this.transport.receiver = {
      receiveDatagram: (datagram, from) => station.device.receiveDatagram(datagram, from, clock.now),
      endBatch: () => station.poll(clock.now),
      reconnected: () => station.device.reconnected(clock.now),
      handshakeNeeded: (endpoint) => station.device.handshakeNeeded(endpoint, clock.now),
      uncongested: () => {},
      transportState: () => {},
    };
    const packet = new PacketBuffer(memory, memory.egress);
    station.transmit = (bytes, to) => {
      packet.copyFrom(bytes);
      this.transport.send(packet, to);
      this.transport.flush();
    };
    this.endpoint = this.transport.endpointFor('192.0.2.1', 51820);
    host.socket.open();
    station.device.up(clock.now);
    station.addPeer(opponent.publicKey, { endpoint: this.endpoint });
    const { message, session } = opponent.answer(host.socket.datagrams().at(-1)!);
    this.session = session;
    host.socket.deliver([1, message]);
    this.expectEcho();
    clock.advance(SECOND);
  }

  /** Both ways, through the relay's frames. */
  expectEcho(): void {
    const { station, opponent, host, session } = this;
    station.delivered.length = 0;
    host.socket.deliver([1, opponent.seal(session, incoming)]);
    expect(station.delivered).toEqual([incoming]);
    station.send(outgoing);
    const sent = host.socket.datagrams().at(-1)!;
    expect(opponent.open(session, Uint8Array.from(sent)).slice(0, outgoing.length)).toEqual(outgoing);
  }

  /** The device hears nothing of it. */
  expectUnmoved(deliver: () => void): void {
    const { station, host } = this;
    const status = station.status();
    const sent = host.socket.sent.length;
    deliver();
    expect(station.status()).toEqual(status);
    expect(host.socket.sent).toHaveLength(sent);
    expect(host.socket.closedWith).toBeUndefined();
    this.expectEcho();
  }
}

/** A message of one record whose header says `claimed` bytes. */
const record = (channel: number, claimed: number, body: Uint8Array): ArrayBuffer =>
  Uint8Array.from([channel, claimed >> 8, claimed & 255, ...body]).buffer;

const opened = (address: number[], port: number): Uint8Array =>
  Uint8Array.from([OPENED, 1, 0, address.length, ...address, port >> 8, port & 255, 0x9c, 0x40]);

describe('from the relay', () => {
  const bad: [string, unknown, number][] = [
    ['row 56: a record that is shorter than its header says', record(1, 500, data(1, 100)), 1],
    ['row 56: a record header that is cut off', Uint8Array.of(1, 0).buffer, 1],
    ['row 56: an empty datagram', record(1, 0, new Uint8Array(0)), 1],
    [
      'row 56: OPENED with an address family that does not exist',
      record(0, 14, opened([1, 2, 3, 4, 5], 1)),
      1,
    ],
    ['row 56: OPENED that ends in its address', record(0, 6, opened([192, 0, 2, 1], 1).slice(0, 6)), 1],
    ['row 56: a message longer than any may be', new ArrayBuffer(200_000), 1],
    ['row 56: text', 'text', 1],
  ];
  it.each(bad)('%s: counted, and nobody hears of it', (_title, message, count) => {
    const behind = new Behind();
    behind.expectUnmoved(() => behind.host.socket.deliverRaw(message));
    expect(behind.transport.drops.of('bad_message')).toBe(count);
  });

  it('row 56: OPENED with port 0 tells no port and changes nothing', () => {
    const behind = new Behind();
    behind.expectUnmoved(() => behind.host.socket.deliver([CONTROL_CHANNEL, opened([192, 0, 2, 1], 0)]));
  });

  it('row 57: datagrams of a channel that we never opened, or that is reserved', () => {
    const behind = new Behind();
    const { host, transport, opponent, session } = behind;
    behind.expectUnmoved(() => {
      host.socket.deliver([2, opponent.seal(session, incoming)], [63, opponent.seal(session, incoming)]);
      host.socket.deliver([64, opponent.seal(session, incoming)]);
    });
    expect(transport.drops.of('unknown_channel')).toBe(2);
  });

  it('row 57: datagrams for a session that was closed', () => {
    const behind = new Behind();
    const { host, station, opponent, session } = behind;
    station.device.removePeer(opponent.publicKey);
    host.socket.deliver([1, opponent.seal(session, incoming)]);
    expect(station.drops()).toEqual({ unknown_index: 1 });
    station.device.close();
    host.socket.deliver([1, opponent.seal(session, incoming)]);
    expect(station.drops()).toEqual({ unknown_index: 1, device_down: 1 });
    behind.transport.close();
    station.device.status(0);
    host.socket.deliver([1, opponent.seal(session, incoming)]);
    expect(station.drops()).toEqual({ unknown_index: 1, device_down: 1 });
    expect(station.delivered).toEqual([incoming]);
  });

  it('row 57: datagrams of a connection that was given up for another', () => {
    const behind = new Behind();
    const { host, station, opponent, session } = behind;
    const old = host.socket;
    old.fail();
    host.time.advance(60_000);
    expect(host.socket).not.toBe(old);
    host.socket.open();
    station.delivered.length = 0;
    old.deliver([1, opponent.seal(session, incoming)]);
    expect(station.delivered).toEqual([]);
    behind.expectEcho();
  });
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('from a relay, to Node', () => {
  it.each([
    ['row 56: a frame of 1 GB', 2n ** 30n],
    ['row 56: a frame of 65,536 bytes, one more than any may have', 65_536n],
  ])(
    '%s is not read: the connection is closed with 1009, and there is another one',
    async (_title, length) => {
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'wgrelay.v1' });
      cleanups.push(() => server.close());
      await once(server, 'listening');
      const codes: number[] = [];
      server.on('connection', (client: WebSocket) => {
        client.on('error', () => {});
        client.on('close', (code) => codes.push(code));
        // A header without a mask, as servers send it, and the beginning of what it promises.
        const { _socket: socket } = client as unknown as { _socket: { write(bytes: Uint8Array): void } };
        socket.write(frame(new Uint8Array(1000), { masked: false, length }));
      });
      const { port } = server.address() as { port: number };
      const key = generatePrivateKey();
      const tunnel = await Tunnel.open(
        `[Interface]
PrivateKey = ${key}
Address = 10.0.0.2/32
[Peer]
PublicKey = ${derivePublicKey(generatePrivateKey())}
AllowedIPs = 10.0.0.0/24
Endpoint = 192.0.2.1:51820`,
        { relay: `ws://127.0.0.1:${port}/v1` },
      );
      cleanups.push(() => tunnel.close());
      tunnel.ready.catch(() => {});
      await until(() => codes.length >= 2, 'two closed connections');
      expect(codes.slice(0, 2)).toEqual([1009, 1009]);
      expect((await tunnel.status()).publicKey).toBe(derivePublicKey(key));
    },
  );
});

describe('from a client, to the relay', () => {
  let peer: FakeEndpoint;
  let client: RelayClient;
  let url: string;
  let port: number;

  beforeEach(async () => {
    peer = await FakeEndpoint.open();
    cleanups.push(() => peer.close());
    const relay = createRelay({
      listen: '127.0.0.1:0',
      allow: [`127.0.0.1:${peer.port}`],
      allowNoOrigin: true,
      limits: { upgradesPerSecond: 1000, stopTimeout: 200 },
    });
    ({ url, port } = await relay.listen());
    cleanups.push(() => relay.close());
    client = await connect();
    client.send([0, client.open(1, peer.port)], [1, initiation(77)]);
    await until(() => client.datagrams.length === 1, 'the response');
  });

  async function connect(): Promise<RelayClient> {
    const one = await RelayClient.connect(url);
    cleanups.push(() => one.close());
    return one;
  }

  /** The honest client's tunnel. */
  async function expectEcho(): Promise<void> {
    client.datagrams.length = 0;
    client.send([1, data(peer.index)]);
    await until(() => client.datagrams.length === 1, 'the echo');
  }

  it.each([
    ['row 56: a record longer than the message', frame(new Uint8Array([1, 0, 9])), 4400],
    ['row 56: a frame whose header says 1 GB', frame('', { length: 2n ** 30n }), 1009],
    ['row 56: OPEN that is cut off', frame(new Uint8Array([0, 0, 3, 1, 1, 0])), 4400],
  ])('%s: the connection is closed with a reason, the others go on', async (_title, bytes, code) => {
    const raw = await RawClient.connect(port);
    cleanups.push(() => raw.socket.destroy());
    raw.upgrade();
    await until(() => raw.status === 101, 'the upgrade');
    raw.write(bytes);
    await until(() => raw.closeCode !== undefined, 'the close frame');
    expect(raw.closeCode).toBe(code);
    await expectEcho();
  });

  it.each([
    ['row 56: port 0, which is for names of rules', '127.0.0.1', 0, CHANNEL_UNKNOWN, 'unknown_alias'],
    ['row 56: an address of no family', 'unix:/run/x', 51820, CHANNEL_DENIED, 'not_allowed'],
    ['row 56: an address of half a family', '1:2', 51820, CHANNEL_DENIED, 'not_allowed'],
  ])(
    '%s: the channel is closed with a reason, and nothing is sent',
    async (_title, host, wanted, code, reason) => {
      const hostile = await connect();
      hostile.send([0, hostile.open(2, wanted, host)], [2, initiation(3)]);
      await until(() => hostile.of(CLOSED).length > 0, 'CLOSED');
      expect(hostile.of(CLOSED)).toMatchObject([{ channel: 2, code, reason }]);
      await expectEcho();
    },
  );

  it('row 57: data on a channel that was closed goes nowhere', async () => {
    const before = peer.received.length;
    client.send([0, writeControl({ type: CLOSE, channel: 1 })], [1, data(peer.index)], [1, data(peer.index)]);
    await until(() => client.of(CLOSED).length > 0, 'CLOSED');
    expect(peer.received).toHaveLength(before);
    client.datagrams.length = 0;
    client.send([0, client.open(1, peer.port)], [1, initiation(78)]);
    await until(() => client.datagrams.length === 1, 'the response');
    expect(peer.received).toHaveLength(before + 1);
    await expectEcho();
  });
});
