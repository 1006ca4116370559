import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { TunnelError } from '../../src/core/errors.ts';
import { PacketBuffer, plainMemory } from '../../src/core/packet-buffer.ts';
import {
  CHANNEL_DENIED,
  CHANNEL_NO_PORT,
  CHANNEL_TOO_MANY,
  CHANNEL_UNKNOWN,
  CHANNEL_UNREACHABLE,
  CHANNEL_UNRESPONSIVE,
  CLOSE,
  CLOSED,
  type Control,
  EVENT,
  EVENT_NEED_HANDSHAKE,
  EVENT_UNREACHABLE,
  GOAWAY,
  OPEN,
  OPENED,
  PING,
  PONG,
  WELCOME,
} from '../../src/core/wire/relay.ts';
import type { RelayEndpoint } from '../../src/transport/relay-endpoints.ts';
import { refusedConnection } from '../../src/transport/relay-errors.ts';
import { RelayTransport } from '../../src/transport/relay-transport.ts';
import { cookieReply, data, initiation } from '../relay/fake-endpoint.ts';
import { settled, until } from '../relay/relay-client.ts';
import { FakeHost, RecordingReceiver } from './fake-host.ts';

const URL_A = 'wss://a.example/v1';

function setUp({ urls = [URL_A], host = new FakeHost() } = {}) {
  const memory = plainMemory();
  const transport = new RelayTransport({ urls, memory, clock: host.time, host });
  const receiver = new RecordingReceiver();
  transport.receiver = receiver;
  const packet = new PacketBuffer(memory, { start: 0, end: 65_536 });
  const send = (to: Endpoint, bytes: Uint8Array) => {
    packet.copyFrom(bytes);
    transport.send(packet, to);
  };
  return { host, transport, receiver, send };
}

/** An open connection with one endpoint, nothing sent yet but OPEN and PING. */
function connected(options: Parameters<typeof setUp>[0] = {}) {
  const parts = setUp(options);
  const endpoint = parts.transport.endpointFor('192.0.2.1', 51820);
  parts.host.socket.open();
  return { ...parts, endpoint, socket: parts.host.socket };
}

type Connected = Omit<ReturnType<typeof connected>, 'endpoint'> & { endpoint: RelayEndpoint };

const pong = (socket: FakeHost['socket']) =>
  socket.control({ type: PONG, nonce: socket.controls(PING).at(-1)!.nonce, queuedBytes: 0 });

describe('what leaves', () => {
  it('connects with the subprotocol and an affinity hint, and nothing secret, in the URL', () => {
    const { host } = connected();
    expect(host.socket.url).toBe(`${URL_A}?r=80000000`);
    expect(host.socket.protocols).toEqual(['wgrelay.v1']);
    expect(host.socket.binaryType).toBe('arraybuffer');
  });

  it('opens the channel in the same message as the newest initiation that waited for the connection', () => {
    const { host, transport, send } = setUp();
    const endpoint = transport.endpointFor('peer.example', 51820);
    send(endpoint, initiation(1));
    send(endpoint, initiation(2));
    send(endpoint, data(9));
    expect(transport.congested).toBe(true);
    host.socket.open();
    expect(host.socket.records().map(({ channel, control }) => [channel, control?.type])).toEqual([
      [0, OPEN],
      [1, undefined],
      [0, PING],
    ]);
    expect(host.socket.controls(OPEN)[0]).toMatchObject({ channel: 1, host: 'peer.example', port: 51820 });
    expect(host.socket.datagrams()[0]!.readUInt32LE(4)).toBe(2);
    expect(transport.drops.of('not_connected')).toBe(2);
    expect(transport.congested).toBe(false);
  });

  it('collects a batch into one message', () => {
    const { transport, socket, endpoint, send } = connected();
    socket.control(welcome({}));
    socket.sent.length = 0;
    for (let i = 0; i < 30; i++) send(endpoint, data(9, 1452, i));
    expect(socket.sent).toHaveLength(0);
    transport.flush();
    expect(socket.sent).toHaveLength(1);
    expect(socket.datagrams().map((datagram) => datagram[20])).toEqual(
      Array.from({ length: 30 }, (_, i) => i),
    );
    transport.flush();
    expect(socket.sent).toHaveLength(1);
  });

  it('splits a batch at 64 records and at 65,535 bytes', () => {
    const { transport, socket, endpoint, send } = connected();
    socket.control(welcome({}));
    socket.sent.length = 0;
    for (let i = 0; i < 65; i++) send(endpoint, data(9, 40));
    transport.flush();
    expect(socket.sent).toHaveLength(2);
    socket.sent.length = 0;
    for (let i = 0; i < 40; i++) send(endpoint, data(9, 2000));
    transport.flush();
    const sizes = socket.sent.map((message) => message.length);
    // A mark (a PING) may be behind the datagrams.
    expect([32 * 2003, 32 * 2003 + 12]).toContain(sizes[0]);
    expect([8 * 2003, 8 * 2003 + 12]).toContain(sizes[1]);
  });

  it('gives each endpoint its channel, the same object for the same place', () => {
    const { transport, socket, endpoint, send } = connected();
    const second = transport.endpointFor('192.0.2.2', 51820);
    expect(transport.endpointFor('192.0.2.1', 51820)).toBe(endpoint);
    expect(transport.endpointFor('[2001:db8::1]', 1)).toBe(transport.endpointFor('2001:DB8::1', 1));
    send(second, initiation(5));
    transport.flush();
    expect(socket.records().at(-1)).toMatchObject({ channel: 2 });
    expect(socket.controls(OPEN).map(({ channel }) => channel)).toEqual([1, 2, 3]);
  });

  it('the 64th endpoint has no channel, and says so', () => {
    const { transport, receiver, send } = connected();
    for (let i = 2; i <= 63; i++) transport.endpointFor(`192.0.2.${i}`, 51820);
    const extra = transport.endpointFor('192.0.2.64', 51820);
    send(extra, initiation(1));
    expect(transport.drops.of('no_endpoint')).toBe(1);
    expect(receiver.state.state).toBe('open');
  });

  it('drops what the relay would not take', () => {
    const { transport, socket, endpoint, send } = connected();
    socket.control(welcome({ maxDatagram: 1500 }));
    send(endpoint, data(9, 1501));
    expect(transport.drops.of('too_big')).toBe(1);
    send(endpoint, data(9, 1500));
    expect(transport.drops.of('too_big')).toBe(1);
  });

  it.each([16_384, 32_768])(
    'makes no message larger than the %i bytes that the relay takes',
    (maxMessage) => {
      const { transport, socket, endpoint, send } = connected();
      const largest = () => Math.max(...socket.sent.map(({ length }) => length));
      const burst = () => {
        socket.sent.length = 0;
        for (let n = 0; n < 30; n++) send(endpoint, data(9, 1452));
        transport.flush();
      };
      // Until WELCOME, what every relay takes.
      burst();
      expect(largest()).toBeGreaterThan(14_000);
      expect(largest()).toBeLessThanOrEqual(16_384);
      socket.control(welcome({ maxMessage }));
      burst();
      burst();
      expect(largest()).toBeGreaterThan(maxMessage - 1500);
      expect(largest()).toBeLessThanOrEqual(maxMessage);
    },
  );
});

function welcome(change: object): Control {
  return {
    type: WELCOME,
    version: 1,
    maxChannels: 4,
    maxDatagram: 2048,
    maxMessage: 65_535,
    idleSeconds: 600,
    graceSeconds: 0,
    secret: new Uint8Array(0),
    datagramsPerSecond: 1,
    bytesPerSecond: 1,
    sessionId: new Uint8Array(8),
    ...change,
  };
}

describe('what arrives', () => {
  it('is handed in datagram by datagram, in the ingress region, with one end of batch', () => {
    const { receiver, socket, endpoint } = connected();
    receiver.events.length = 0;
    socket.deliver([1, data(1, 50, 7)], [1, data(1, 60, 8)]);
    expect(receiver.events).toEqual(['datagram', 'datagram', 'end']);
    expect(receiver.received.map(({ bytes, from }) => [bytes.length, bytes[20], from])).toEqual([
      [50, 7, endpoint],
      [60, 8, endpoint],
    ]);
  });

  it('counts what is no message, and goes on', () => {
    const { transport, receiver, socket } = connected();
    receiver.events.length = 0;
    socket.deliverRaw('text');
    socket.deliverRaw(new Uint8Array([1, 0, 9]).buffer);
    socket.deliverRaw(new Uint8Array([0, 0, 1, OPENED]).buffer);
    socket.deliverRaw(new ArrayBuffer(200_000));
    expect(transport.drops.of('bad_message')).toBe(4);
    socket.deliver([2, data(1)]);
    expect(transport.drops.of('unknown_channel')).toBe(1);
    socket.deliver([0, new Uint8Array([0xfe, 1, 2])]);
    expect(receiver.events).toEqual([]);
    socket.deliver([1, data(1)]);
    expect(receiver.events).toEqual(['datagram', 'end']);
  });

  it('tells the local port, the round-trip time, and that a handshake is needed', () => {
    const { host, receiver, socket, endpoint } = connected();
    socket.control({
      type: OPENED,
      channel: 1,
      flags: 0,
      address: new Uint8Array(),
      port: 51820,
      localPort: 40_000,
    });
    host.time.advance(12);
    pong(socket);
    expect(receiver.state).toEqual({
      state: 'open',
      via: URL_A,
      problems: [],
      rtt: 12,
      localPorts: new Map([[endpoint, 40_000]]),
    });
    socket.control({ type: EVENT, channel: 1, kind: EVENT_NEED_HANDSHAKE, value: 0 });
    expect(receiver.events).toContain('handshake 192.0.2.1');
  });
});

describe('a way out that is full', () => {
  it('is congested above the limit, lets TCP’s last words pass, then drops data but never handshakes', () => {
    const { transport, socket, endpoint, send } = connected();
    socket.isSlow = true;
    let count = 0;
    while (!transport.congested) {
      send(endpoint, data(9, 1452));
      transport.flush();
      count++;
    }
    expect(count * 1455).toBeGreaterThan(63 * 1024);
    expect(count * 1455).toBeLessThan(67 * 1024);
    for (let i = 0; i < 200; i++) {
      send(endpoint, data(9, 1452));
      transport.flush();
    }
    expect(socket.bufferedAmount).toBeLessThan(132 * 1024);
    expect(transport.drops.of('congested')).toBeGreaterThan(100);
    const before = socket.datagrams().length;
    for (const message of [initiation(1), cookieReply(1), data(9, 32)]) send(endpoint, message);
    transport.flush();
    expect(socket.datagrams().length - before).toBe(3);
  });

  it('says how much the relay has not got yet', () => {
    const { transport, socket, endpoint, send } = connected();
    const before = transport.queuedBytes;
    socket.isSlow = true;
    for (let i = 0; i < 10; i++) send(endpoint, data(9, 1452));
    expect(transport.queuedBytes - before).toBeGreaterThanOrEqual(10 * 1452);
    transport.flush();
    expect(transport.queuedBytes).toBeGreaterThanOrEqual(socket.bufferedAmount);
    expect(socket.bufferedAmount).toBeGreaterThan(14_000);
    socket.fail();
    expect(transport.queuedBytes).toBe(0);
  });

  it('says that it has all, when it has, also where no datagram follows', () => {
    const { host, transport, socket, endpoint, send } = connected();
    pong(socket);
    for (let burst = 0; burst < 3; burst++) {
      for (let i = 0; i < 12; i++) {
        send(endpoint, data(9, 1452));
        transport.flush();
      }
      expect(transport.queuedBytes).toBeGreaterThan(4096);
      host.time.advance(200);
      expect(transport.queuedBytes).toBe(0);
      const marked = socket.sent.length;
      host.time.advance(5000);
      expect(socket.sent.length).toBe(marked);
    }
  });

  it('knows the way by its quickest answer: one that waited behind much is none', () => {
    const { host, transport, socket, endpoint, send } = connected();
    expect(transport.roundTrip).toBeUndefined();
    host.time.advance(80);
    pong(socket);
    expect(transport.roundTrip).toBe(80);
    socket.isSlow = true;
    for (let i = 0; i < 4; i++) send(endpoint, data(9, 1452));
    transport.flush();
    host.time.advance(7);
    socket.bufferedAmount = 0;
    expect(transport.roundTrip).toBe(7);
    socket.fail();
    expect(transport.roundTrip).toBeUndefined();
  });

  it('takes a little of what is short all the same, but not without a connection', () => {
    const { host, transport, socket, endpoint, send } = connected();
    socket.isSlow = true;
    while (!transport.congested) send(endpoint, data(9, 1452));
    for (let i = 0; i < 15; i++) {
      expect(transport.takesShort).toBe(true);
      send(endpoint, data(9, 288));
    }
    expect(transport.takesShort).toBe(false);
    host.time.advance(60);
    socket.bufferedAmount = 0;
    host.time.advance(1);
    expect(transport.congested).toBe(false);
    for (let i = 0; i < 500 && !transport.congested; i++) send(endpoint, data(9, 1452));
    expect(transport.takesShort).toBe(true);
    socket.fail();
    expect(transport.congested).toBe(true);
    expect(transport.takesShort).toBe(false);
  });

  it('on a slow way sends messages that are whole soon', () => {
    const { host, transport, socket, endpoint, send } = connected();
    pong(socket);
    socket.isSlow = true;
    for (let ms = 0; ms < 2000; ms++) {
      while (!transport.congested) send(endpoint, data(9, 1452));
      transport.flush();
      socket.bufferedAmount = Math.max(0, socket.bufferedAmount - 300);
      host.time.advance(1);
    }
    const { length } = socket.sent;
    for (let i = 0; i < 40; i++) send(endpoint, data(9, 1452));
    transport.flush();
    expect(socket.sent.length - length).toBeGreaterThan(10);
    for (const message of socket.sent.slice(length)) expect(message.length).toBeLessThan(3 * 1455 + 12);
  });

  it('looks again each millisecond, only while congested, and says when there is room', () => {
    const { host, transport, receiver, socket, endpoint, send } = connected();
    pong(socket);
    const idleTimers = host.time.pendingTimers;
    socket.isSlow = true;
    while (!transport.congested) {
      send(endpoint, data(9, 1452));
      transport.flush();
    }
    expect(host.time.pendingTimers).toBe(idleTimers + 1);
    receiver.events.length = 0;
    // Long enough for a mark behind it all.
    host.time.advance(60);
    expect(receiver.events).toEqual([]);
    socket.bufferedAmount = 0;
    host.time.advance(1);
    expect(receiver.events).toEqual(['uncongested']);
    expect(transport.congested).toBe(false);
    expect(host.time.pendingTimers).toBe(idleTimers);
  });

  it('allows what drains in 50 ms at the measured rate', () => {
    const { host, transport, socket, endpoint, send } = connected();
    pong(socket);
    socket.isSlow = true;
    // 4 MB/s: 200,000 bytes in 50 ms.
    for (let ms = 0; ms < 3000; ms++) {
      while (!transport.congested) {
        send(endpoint, data(9, 1452));
        transport.flush();
      }
      socket.bufferedAmount = Math.max(0, socket.bufferedAmount - 4000);
      host.time.advance(1);
    }
    while (!transport.congested) {
      send(endpoint, data(9, 1452));
      transport.flush();
    }
    expect(socket.bufferedAmount).toBeGreaterThan(100_000);
    expect(socket.bufferedAmount).toBeLessThan(300_000);
  });
});

describe('a way out with a near relay', () => {
  it('is measured by marks that are back before anybody looks whether there is room', () => {
    const { host, transport, socket, endpoint, send } = connected();
    pong(socket);
    socket.isSlow = true;
    const fill = () => {
      while (!transport.congested) send(endpoint, data(9, 1452));
      transport.flush();
    };
    for (let turn = 0; turn < 100; turn++) {
      fill();
      host.time.advance(0.7);
      socket.bufferedAmount = 0;
      host.time.advance(4.3);
    }
    fill();
    // At 64 KiB and twice that, what it begins with, a tab would send 30 MB/s at most: its timers wait for 4 ms.
    expect(socket.bufferedAmount).toBeGreaterThan(1_000_000);
  });
});

describe('a way out whose browser forgets to take messages off bufferedAmount', () => {
  it('goes on all the same: what the relay has got waits nowhere', () => {
    const { host, transport, socket, endpoint, send } = connected();
    pong(socket);
    socket.isSlow = true;
    let sent = 0;
    for (let turn = 0; turn < 200; turn++) {
      for (; !transport.congested; sent += 1452) send(endpoint, data(9, 1452));
      transport.flush();
      host.time.advance(2);
      socket.bufferedAmount = 0;
      if (turn % 50 === 20) socket.forgotten += 61_009;
      host.time.advance(3);
    }
    expect(sent).toBeGreaterThan(10_000_000);
    expect(transport.drops.of('congested')).toBe(0);
    socket.isSlow = false;
    host.time.advance(500);
    expect(transport.congested).toBe(false);
    // No more than a ping.
    expect(transport.queuedBytes).toBeLessThan(100);
    // Taken off after all, it is not taken off twice.
    socket.forgotten = 0;
    socket.isSlow = true;
    for (let i = 0; i < 20; i++) send(endpoint, data(9, 1452));
    transport.flush();
    expect(transport.queuedBytes).toBeGreaterThanOrEqual(20 * 1452);
  });
});

describe('a relay that stands still', () => {
  const initiations = (socket: FakeHost['socket']) =>
    socket
      .datagrams()
      .filter((datagram) => datagram[0] === 1)
      .map((datagram) => datagram.readUInt32LE(4));

  it('gets no initiation before it is heard again, and then the newest: behind older ones its peer would refuse it', () => {
    const { host, transport, socket, endpoint, send } = connected();
    pong(socket);
    socket.isSlow = true;
    for (let i = 0; i < 40; i++) send(endpoint, data(9, 1452));
    transport.flush();
    for (const number of [1, 2, 3]) {
      host.time.advance(3100);
      send(endpoint, initiation(number));
      transport.flush();
    }
    expect(initiations(socket)).toEqual([]);
    socket.bufferedAmount = 0;
    expect(initiations(socket)).toEqual([3]);
    expect(transport.drops.of('not_connected')).toBe(2);
    send(endpoint, initiation(4));
    transport.flush();
    expect(initiations(socket)).toEqual([3, 4]);
  });

  it('that is given up leaves the newest to the next connection', () => {
    const { host, transport, socket, endpoint, send } = connected();
    host.time.advance(5000);
    for (const number of [1, 2]) send(endpoint, initiation(number));
    transport.flush();
    expect(socket.datagrams()).toEqual([]);
    host.time.advance(5001);
    expect(socket.closedWith).toBe(1005);
    host.time.advance(250);
    host.socket.open();
    expect(initiations(host.socket)).toEqual([2]);
  });

  it('is none that only has nothing to answer', () => {
    const { host, transport, socket, endpoint, send } = connected();
    pong(socket);
    host.time.advance(15_000);
    send(endpoint, initiation(1));
    transport.flush();
    expect(initiations(socket)).toEqual([1]);
  });
});

describe('a way out that slows down', () => {
  it('is congested before anything is dropped, and comes back', () => {
    const { host, transport, receiver, socket, endpoint, send } = connected();
    pong(socket);
    socket.isSlow = true;
    const fill = (bytes: number) => {
      for (const end = socket.bufferedAmount + bytes; socket.bufferedAmount < end && !transport.congested; ) {
        send(endpoint, data(9, 1452));
        transport.flush();
      }
    };
    // 40 MB/s: the limit rises.
    for (let ms = 0; ms < 500; ms++) {
      fill(10_000_000);
      socket.bufferedAmount = Math.max(0, socket.bufferedAmount - 40_000);
      host.time.advance(1);
    }
    socket.bufferedAmount = 0;
    host.time.advance(100);
    fill(600_000);
    expect(transport.congested).toBe(false);
    // Now nothing drains, and the rate that is measured falls with each datagram.
    for (let i = 0; i < 50 && !transport.congested; i++) {
      host.time.advance(100);
      send(endpoint, data(9, 1452));
      transport.flush();
    }
    expect(transport.congested).toBe(true);
    expect(transport.drops.of('congested')).toBe(0);
    send(endpoint, data(9, 1452));
    socket.bufferedAmount = 0;
    receiver.events.length = 0;
    host.time.advance(5);
    expect(receiver.events).toEqual(['uncongested']);
    expect(transport.congested).toBe(false);
  });
});

describe('a way out that suddenly drains slower', () => {
  /** The limit is at its greatest, and a megabyte waits in the WebSocket, when it all but stops. */
  function slowedDown() {
    const parts = connected();
    const { host, transport, socket, endpoint, send } = parts;
    pong(socket);
    socket.isSlow = true;
    const sendOne = () => {
      send(endpoint, data(9, 1452));
      transport.flush();
    };
    for (let ms = 0; ms < 2000; ms++) {
      while (!transport.congested && socket.bufferedAmount < 1_000_000) sendOne();
      socket.bufferedAmount = Math.max(0, socket.bufferedAmount - 50_000);
      host.time.advance(1);
    }
    while (!transport.congested && socket.bufferedAmount < 1_000_000) sendOne();
    expect(transport.congested).toBe(false);
    return { ...parts, sendOne };
  }

  it('is congested before anything is dropped', () => {
    const { host, transport, socket, sendOne } = slowedDown();
    for (let ms = 0; ms < 1000 && !transport.congested; ms++) {
      host.time.advance(1);
      socket.bufferedAmount -= 10;
      sendOne();
    }
    expect(transport.congested).toBe(true);
    expect(transport.drops.of('congested')).toBe(0);
  });

  it('takes data again once it has drained, although nobody asked before sending', () => {
    const { host, transport, receiver, socket, sendOne } = slowedDown();
    for (let ms = 0; ms < 1000; ms++) {
      host.time.advance(1);
      sendOne();
    }
    expect(transport.drops.of('congested')).toBeGreaterThan(0);
    socket.bufferedAmount = 0;
    receiver.events.length = 0;
    host.time.advance(2);
    expect(receiver.events).toContain('uncongested');
    const before = socket.datagrams().length;
    sendOne();
    expect(socket.datagrams().length - before).toBe(1);
  });
});

describe('connections that break', () => {
  it('come back with jitter and doubled waiting; channels are opened again before the engine hears of it', () => {
    const { host, transport, receiver, socket, endpoint, send } = connected();
    host.time.advance(6000);
    receiver.events.length = 0;
    socket.fail();
    expect(receiver.state).toMatchObject({
      state: 'waiting',
      error: { code: 'ERR_RELAY_UNREACHABLE', retryable: true, leg: 'relay' },
      retryAt: host.time.now() + 125,
    });
    expect(transport.congested).toBe(true);
    send(endpoint, data(9));
    expect(transport.drops.of('not_connected')).toBe(1);
    host.time.advance(125);
    expect(host.sockets).toHaveLength(2);
    host.socket.open();
    expect(receiver.events).toEqual(['reconnected', 'uncongested']);
    expect(host.socket.controls(OPEN)).toHaveLength(1);
    expect(host.socket.datagrams()).toHaveLength(0);
    expect(host.socket.url).toBe(socket.url);
  });

  it('wait at most 30 s', () => {
    const { host, socket } = connected();
    host.dice = 0.999;
    socket.fail();
    const waits: number[] = [];
    for (let i = 0; i < 12; i++) {
      const before = host.time.now();
      const count = host.sockets.length;
      while (host.sockets.length === count) host.time.advance(10);
      waits.push(host.time.now() - before);
      host.socket.fail();
    }
    expect(waits.slice(0, 4)).toEqual([250, 500, 1000, 2000]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000);
    expect(waits.at(-1)).toBeGreaterThan(29_000);
  });

  it('begin with short waits again after a connection that lasted, not after one that was cut at once', () => {
    const { host, receiver } = connected();
    const wait = () => (receiver.state.state === 'waiting' ? receiver.state.retryAt - host.time.now() : -1);
    for (let i = 0; i < 5; i++) {
      host.socket.fail();
      host.time.advance(wait());
      host.socket.open();
    }
    host.socket.fail();
    expect(wait()).toBe(4000);
    host.time.advance(4000);
    host.socket.open();
    host.time.advance(5000);
    host.socket.fail();
    expect(wait()).toBe(125);
  });

  it('discard what was queued for the old one', () => {
    const { host, transport, socket, endpoint, send } = connected();
    send(endpoint, data(9));
    send(endpoint, data(9));
    socket.fail();
    expect(transport.drops.of('not_connected')).toBe(2);
    host.time.advance(200);
    host.socket.open();
    transport.flush();
    expect(host.socket.datagrams()).toHaveLength(0);
  });

  it('a hint that the network is back ends the waiting', () => {
    const { host, transport, socket } = connected();
    for (let i = 0; i < 6; i++) {
      host.socket.fail();
      host.time.advance(30_000);
    }
    host.socket.fail();
    const count = host.sockets.length;
    transport.retryNow();
    expect(host.sockets).toHaveLength(count + 1);
    expect(socket.closedWith).toBeUndefined();
  });

  it('a relay that stops answering is given up, and sooner after a hint', () => {
    const { host, transport, receiver, socket } = connected();
    pong(socket);
    host.time.advance(20_000);
    expect(socket.controls(PING)).toHaveLength(2);
    pong(socket);
    transport.retryNow();
    expect(socket.controls(PING)).toHaveLength(3);
    host.time.advance(2999);
    expect(receiver.state.state).toBe('open');
    host.time.advance(1);
    expect(socket.closedWith).toBeDefined();
    expect(receiver.state.state).toBe('waiting');
    host.time.advance(200);
    host.socket.open();
    host.time.advance(10_000);
    expect(receiver.state.state).toBe('waiting');
  });

  it('a page that was frozen asks once more before it gives the relay up', () => {
    const { host, receiver, socket } = connected();
    host.time.freeze(179_999);
    expect(receiver.state.state).toBe('open');
    expect(socket.controls(PING)).toHaveLength(2);
    pong(socket);
    host.time.advance(10_000);
    expect(receiver.state.state).toBe('open');
  });

  it.each([
    ['a timer', ({ host }: Connected) => host.time.advance(20_000)],
    ['a hint', ({ transport }: Connected) => transport.retryNow()],
    ['a message', ({ socket, endpoint }: Connected) => socket.deliver([endpoint.channel, data(1)])],
  ])('after three minutes of sleep it connects anew at once; noticed by %s', (_, wake) => {
    const parts = connected();
    const { host, receiver, socket, endpoint, send } = parts;
    pong(socket);
    host.time.sleep(180_001);
    wake(parts as Connected);
    expect(socket.closedWith).toBe(1000);
    expect(host.sockets).toHaveLength(2);
    expect(receiver.state.state).toBe('connecting');
    // What the old connection still held was for sessions that are over; what waited for it is gone as well.
    socket.deliver([(endpoint as RelayEndpoint).channel, data(2)]);
    expect(receiver.received).toEqual([]);
    send(endpoint, initiation(7));
    host.socket.open();
    expect(host.socket.datagrams()).toEqual([initiation(7)]);
    expect(receiver.events.filter((event) => event === 'reconnected')).toHaveLength(1);
    pong(host.socket);
    host.time.advance(20_000);
    expect(receiver.state.state).toBe('open');
    expect(host.sockets).toHaveLength(2);
  });

  it('an attempt that hangs is given up', () => {
    const { host, transport, receiver } = setUp();
    transport.endpointFor('192.0.2.1', 1);
    host.time.advance(10_000);
    expect(host.socket.closedWith).toBeDefined();
    expect(receiver.state.state).toBe('waiting');
    host.sockets[0]!.open();
    expect(receiver.state.state).toBe('waiting');
  });

  it('the next relay of the list is tried after each failure', () => {
    const { host, transport } = setUp({ urls: ['wss://a.example/v1', 'wss://b.example/v1'] });
    transport.endpointFor('192.0.2.1', 1);
    host.socket.fail();
    host.time.advance(300);
    host.socket.fail();
    host.time.advance(600);
    expect(host.sockets.map(({ url }) => url.slice(6, 7))).toEqual(['a', 'b', 'a']);
  });

  it('a restarting relay says when to come back', () => {
    const { host, receiver, socket } = connected();
    socket.control({ type: GOAWAY, reconnectWithin: 0, retryAfter: 1000, code: 1012 });
    socket.fail(1012, 'restarting');
    expect(receiver.state).toMatchObject({ state: 'waiting', retryAt: host.time.now() + 1125 });
  });

  it('after close there is silence', () => {
    const { host, transport, receiver, socket, endpoint, send } = connected();
    receiver.events.length = 0;
    transport.close();
    expect(socket.closedWith).toBe(1000);
    socket.fail(1000);
    socket.deliver([1, data(1)]);
    send(endpoint, initiation(1));
    transport.flush();
    host.time.advance(60_000);
    expect(receiver.events).toEqual([]);
    expect(host.sockets).toHaveLength(1);
    expect(host.time.pendingTimers).toBe(0);
  });
});

describe('what the relay refuses', () => {
  it.each([
    [CHANNEL_DENIED, 'ERR_RELAY_DESTINATION', false, /does not allow the endpoint 192\.0\.2\.1:51820/],
    [CHANNEL_UNKNOWN, 'ERR_NAME_NOT_RESOLVED', true, /no address/],
    [CHANNEL_TOO_MANY, 'ERR_RELAY_LIMIT', false, /so many endpoints/],
    [CHANNEL_UNRESPONSIVE, 'ERR_TIMEOUT', true, /not answered/],
    [CHANNEL_UNREACHABLE, 'ERR_HOST_UNREACHABLE', true, /no way/],
    [CHANNEL_NO_PORT, 'ERR_RELAY_LIMIT', true, /no UDP port/],
  ])('channel closed with %i: %s, for this endpoint only', (code, errorCode, retryable, message) => {
    const { receiver, socket, endpoint } = connected();
    socket.control({ type: CLOSED, channel: 1, code, reason: 'x' });
    expect(receiver.state).toMatchObject({
      state: 'open',
      problems: [
        { endpoint, error: { code: errorCode, retryable, message: expect.stringMatching(message) } },
      ],
    });
  });

  it('a released endpoint’s channel is closed, and used again when there is no other', () => {
    const { transport, socket, endpoint } = connected();
    transport.release(endpoint);
    transport.release(endpoint);
    expect(socket.controls(CLOSE).map(({ channel }) => channel)).toEqual([1]);
    const others = Array.from({ length: 63 }, (_, i) => transport.endpointFor('192.0.2.9', 1000 + i));
    expect(others.map((other) => (other as RelayEndpoint).channel)).toEqual([
      ...Array.from({ length: 62 }, (_, i) => i + 2),
      1,
    ]);
    expect((transport.endpointFor('192.0.2.9', 5000) as RelayEndpoint).channel).toBe(0);
    expect(socket.controls(OPEN).at(-1)).toMatchObject({ channel: 1, port: 1062 });
    expect(transport.endpointFor('192.0.2.9', 1062)).toBe(others[62]);
  });

  it('a closed channel is asked for again by an initiation, ten seconds later', () => {
    const { host, transport, receiver, socket, endpoint, send } = connected();
    socket.control({ type: CLOSED, channel: 1, code: CHANNEL_DENIED, reason: 'not_allowed' });
    host.time.advance(5000);
    pong(socket);
    send(endpoint, initiation(1));
    expect(transport.drops.of('no_endpoint')).toBe(1);
    host.time.advance(5000);
    send(endpoint, data(9));
    send(endpoint, initiation(2));
    transport.flush();
    expect(transport.drops.of('no_endpoint')).toBe(2);
    expect(socket.controls(OPEN)).toHaveLength(2);
    socket.deliver([1, data(1)]);
    expect(receiver.state.problems).toEqual([]);
  });

  it('an endpoint whose host refuses UDP is a problem until it answers', () => {
    const { receiver, socket } = connected();
    socket.control({ type: EVENT, channel: 1, kind: EVENT_UNREACHABLE, value: 0 });
    expect(receiver.state.problems[0]!.error).toMatchObject({
      code: 'ERR_CONNECTION_REFUSED',
      leg: 'endpoint',
    });
    socket.deliver([1, data(1)]);
    expect(receiver.state.problems).toEqual([]);
  });

  it.each([
    [4401, 'failed', 'ERR_RELAY_AUTH'],
    [4403, 'failed', 'ERR_RELAY_ORIGIN'],
    [4406, 'failed', 'ERR_UNSUPPORTED'],
    [4400, 'failed', 'ERR_UNSUPPORTED'],
    [1009, 'failed', 'ERR_UNSUPPORTED'],
    [4429, 'waiting', 'ERR_RELAY_LIMIT'],
    [1013, 'waiting', 'ERR_RELAY_LIMIT'],
    [1011, 'waiting', 'ERR_RELAY_UNREACHABLE'],
    [4410, 'waiting', 'ERR_RELAY_UNREACHABLE'],
  ])('closed with %i: %s, %s', (code, state, errorCode) => {
    const { host, transport, receiver, socket } = connected();
    socket.fail(code, 'why');
    expect(receiver.state).toMatchObject({ state, error: { code: errorCode, leg: 'relay' } });
    if (code === 4429 || code === 1013) {
      host.time.advance(29_000);
      expect(host.sockets).toHaveLength(1);
    }
    if (state === 'failed') {
      expect(transport.congested).toBe(false);
      host.time.advance(100_000);
      expect(host.sockets).toHaveLength(1);
      transport.retryNow();
      expect(host.sockets).toHaveLength(2);
    }
  });

  it('closed for want of traffic: idle until the next datagram', () => {
    const { host, transport, receiver, socket, endpoint, send } = connected();
    socket.fail(4408, 'idle');
    expect(receiver.state.state).toBe('idle');
    expect(transport.congested).toBe(false);
    host.time.advance(100_000);
    expect(host.sockets).toHaveLength(1);
    send(endpoint, data(9));
    expect(host.sockets).toHaveLength(2);
  });
});

describe('why a connection fails', () => {
  const json = (body: unknown, status = 200) =>
    Promise.resolve(new Response(JSON.stringify(body), { status }));

  async function failing(answer: FakeHost['answer']) {
    const parts = setUp();
    parts.host.answer = answer;
    parts.transport.endpointFor('192.0.2.1', 1);
    parts.host.socket.fail();
    const before = parts.receiver.states.length;
    await until(() => parts.receiver.states.length > before, 'the diagnosis');
    const { state } = parts.receiver;
    if (state.state !== 'waiting' && state.state !== 'failed') throw new Error(state.state);
    return { ...parts, state };
  }

  it('nothing answers', async () => {
    const { state } = await failing(() => Promise.reject(new TypeError('Failed to fetch')));
    expect(state).toMatchObject({
      state: 'waiting',
      error: { code: 'ERR_RELAY_UNREACHABLE', retryable: true },
    });
    expect(state.error.message).toContain(URL_A);
  });

  it('the relay says that this origin is not allowed', async () => {
    const asked: string[] = [];
    const { state, host } = await failing((url) => {
      asked.push(url);
      return json({ ok: false, code: 'origin', message: 'no' });
    });
    expect(asked).toEqual(['https://a.example/v1/check']);
    expect(state).toMatchObject({ state: 'failed', error: { code: 'ERR_RELAY_ORIGIN', retryable: false } });
    expect(state.error.message).toContain('--origin https://console.example');
    host.time.advance(100_000);
    expect(host.sockets).toHaveLength(1);
  });

  it('is told when it is known: nobody hears of a relay that is silent before one that refuses', async () => {
    const parts = setUp();
    const { host, receiver } = parts;
    host.answer = () => json({ ok: false, code: 'origin', message: 'no' });
    parts.transport.endpointFor('192.0.2.1', 1);
    host.socket.fail();
    await until(() => receiver.state.state === 'failed', 'the diagnosis');
    const codes = receiver.states.flatMap((state) => ('error' in state ? [state.error.code] : []));
    expect(codes).toEqual(['ERR_RELAY_ORIGIN']);
  });

  it('is asked once while attempts go on, and a refusal that comes late ends the attempt', async () => {
    const { host, receiver, transport } = setUp();
    let asked = 0;
    let answer!: (response: Promise<Response>) => void;
    host.answer = () => {
      asked++;
      return new Promise((resolve) => {
        answer = resolve;
      });
    };
    transport.endpointFor('192.0.2.1', 1);
    for (let i = 0; i < 3; i++) {
      host.socket.fail();
      host.time.advance(2000);
    }
    expect(asked).toBe(1);
    expect(host.sockets).toHaveLength(4);
    expect(new Set(receiver.states.map(({ state }) => state))).toEqual(new Set(['connecting']));
    const last = host.socket;
    answer(json({ ok: false, code: 'origin', message: 'no' }));
    await until(() => receiver.state.state === 'failed', 'the diagnosis');
    expect(last.closedWith).toBeDefined();
    host.time.advance(100_000);
    expect(host.sockets).toHaveLength(4);
  });

  it('is known after the first answer: the next failure is told at once', async () => {
    const { host, receiver, transport } = setUp();
    host.answer = () => json({ ok: false, code: 'full', message: 'this relay is full' });
    transport.endpointFor('192.0.2.1', 1);
    host.socket.fail();
    await until(() => receiver.state.state === 'waiting', 'the diagnosis');
    host.time.advance(2000);
    host.answer = () => new Promise(() => {});
    host.socket.fail();
    expect(receiver.state).toMatchObject({ state: 'waiting', error: { code: 'ERR_RELAY_LIMIT' } });
  });

  it('is no guess for an engine that begins to listen while the relay is asked', () => {
    const { host, receiver, transport } = setUp();
    host.answer = () => new Promise(() => {});
    transport.endpointFor('192.0.2.1', 1);
    host.socket.fail();
    transport.receiver = receiver;
    expect(receiver.state.state).toBe('connecting');
  });

  it('the relay serves pages only, and this is none', () => {
    const refused = { kind: 'refuses', code: 'origin', message: 'no' } as const;
    const error = refusedConnection(URL_A, refused, undefined);
    expect(error).toMatchObject({ code: 'ERR_RELAY_ORIGIN', retryable: false });
    expect(error.message).toMatch(/serves pages only, and this is none; .* with --allow-no-origin\.$/);
  });

  it('the browser hides an answer that exists: the origin is not allowed', async () => {
    const { state } = await failing((_, mode) =>
      mode === 'no-cors' ? Promise.resolve(Response.error()) : Promise.reject(new TypeError('CORS')),
    );
    expect(state).toMatchObject({ state: 'failed', error: { code: 'ERR_RELAY_ORIGIN' } });
  });

  it('the relay comes up between two questions: that hides nothing, and the attempts go on', async () => {
    let asked = 0;
    const { state } = await failing((_, mode) => {
      if (asked++ === 0) return Promise.reject(new TypeError('nobody there'));
      return mode === 'no-cors' ? Promise.resolve(Response.error()) : json({ ok: true });
    });
    expect(state).toMatchObject({
      state: 'waiting',
      error: { code: 'ERR_RELAY_UNREACHABLE', retryable: true },
    });
    expect(asked).toBe(3);
  });

  it('from a program nothing is hidden: a relay that answers every other time comes and goes', () => {
    const error = refusedConnection(URL_A, { kind: 'unreadable' }, undefined);
    expect(error).toMatchObject({ code: 'ERR_RELAY_UNREACHABLE', retryable: true });
  });

  it('the relay is full: try later', async () => {
    const { state } = await failing(() => json({ ok: false, code: 'full', message: 'this relay is full' }));
    expect(state).toMatchObject({ state: 'waiting', error: { code: 'ERR_RELAY_LIMIT', retryable: true } });
  });

  it('some other server is there', async () => {
    const { state } = await failing(() => json({ error: 'not found' }, 404));
    expect(state.error.message).toMatch(/no Tabwire relay at that path/);
  });

  it('HTTP passes, WebSockets do not', async () => {
    const { state } = await failing(() => json({ ok: true }));
    expect(state.error.message).toMatch(/proxy/);
  });

  it('one relay of two refuses: the other is used', async () => {
    const host = new FakeHost();
    host.answer = () => json({ ok: false, code: 'origin', message: 'no' });
    const { transport, receiver } = setUp({ urls: ['wss://a.example/v1', 'wss://b.example/v1'], host });
    transport.endpointFor('192.0.2.1', 1);
    host.socket.fail();
    await settled(10);
    expect(receiver.state.state).toBe('waiting');
    host.time.advance(1000);
    host.socket.open();
    expect(receiver.state).toMatchObject({ state: 'open', via: 'wss://b.example/v1' });
  });

  it('the page’s own policy forbids it', () => {
    const host = new FakeHost();
    host.refuseToConnect = new Error('SecurityError');
    const { transport, receiver } = setUp({ host });
    transport.endpointFor('192.0.2.1', 1);
    expect(receiver.state).toMatchObject({ state: 'waiting', error: { code: 'ERR_RELAY_UNREACHABLE' } });
  });

  it.each([
    '',
    'relay.example',
    'https://relay.example/v1',
    'wss://user:pw@relay.example/v1',
    'wss://relay.example/v1?token=x',
  ])('refuses %j as a relay’s URL, without repeating it', (url) => {
    try {
      setUp({ urls: [url] });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(TunnelError);
      expect(error).toMatchObject({ code: 'ERR_CONFIG' });
      expect(String(error)).not.toMatch(/token=|user:|pw/);
    }
  });
});
