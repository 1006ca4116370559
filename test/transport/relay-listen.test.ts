// A transport that listens: channels whose endpoint may call first, and what happens where it may not.
import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { PacketBuffer, plainMemory } from '../../src/core/packet-buffer.ts';
import {
  CHANNEL_DENIED,
  CHANNEL_LISTEN_DENIED,
  CHANNEL_NO_PORT,
  CLOSED,
  OPEN,
  OPENED,
  PING,
  PONG,
} from '../../src/core/wire/relay.ts';
import { RelayTransport } from '../../src/transport/relay-transport.ts';
import { data, initiation } from '../relay/fake-endpoint.ts';
import { FakeHost, RecordingReceiver } from './fake-host.ts';

function setUp({ listens = true } = {}) {
  const host = new FakeHost();
  const memory = plainMemory();
  const transport = new RelayTransport({
    urls: ['wss://a.example/v1'],
    memory,
    clock: host.time,
    listens,
    host,
  });
  const receiver = new RecordingReceiver();
  transport.receiver = receiver;
  const packet = new PacketBuffer(memory, { start: 0, end: 4096 });
  const send = (to: Endpoint, bytes: Uint8Array) => {
    packet.copyFrom(bytes);
    transport.send(packet, to);
    transport.flush();
  };
  const endpoint = transport.endpointFor('192.0.2.1', 51820);
  host.socket.open();
  return { host, transport, receiver, send, endpoint };
}

const opens = (host: FakeHost) => host.socket.controls(OPEN).map(({ channel, flags }) => [channel, flags]);
const opened = (host: FakeHost, localPort: number, channel = 1) =>
  host.socket.control({
    type: OPENED,
    channel,
    flags: 0,
    address: Uint8Array.of(192, 0, 2, 1),
    port: 51820,
    localPort,
  });
/** Time goes by, and the relay answers pings. */
function live(host: FakeHost, seconds: number): void {
  for (let i = 0; i < seconds; i++) {
    const nonce = host.socket.controls(PING).at(-1)!.nonce;
    host.socket.control({ type: PONG, nonce, queuedBytes: 0 });
    host.time.advance(1000);
  }
}
const closed = (host: FakeHost, code: number, channel = 1) =>
  host.socket.control({ type: CLOSED, channel, code, reason: '' });

describe('a transport that listens', () => {
  it('opens every channel with LISTEN as soon as there is a connection, before anything is sent', () => {
    const { host, transport, receiver, endpoint } = setUp();
    const second = transport.endpointFor('192.0.2.2', 51820);
    expect(opens(host)).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect(host.socket.datagrams()).toEqual([]);
    opened(host, 40_001);
    opened(host, 40_002, 2);
    expect(receiver.state).toMatchObject({
      localPorts: new Map([
        [endpoint, 40_001],
        [second, 40_002],
      ]),
    });
    expect(receiver.state.notices).toBeUndefined();
    expect(receiver.events).not.toContain('handshake 192.0.2.1');
  });

  it('hands in what the endpoint says first', () => {
    const { host, receiver, endpoint } = setUp();
    opened(host, 40_001);
    host.socket.deliver([1, initiation(5)]);
    expect(receiver.received).toMatchObject([{ from: endpoint }]);
  });

  it('without ListenPort opens channels that do not listen', () => {
    const { host, transport } = setUp({ listens: false });
    transport.endpointFor('192.0.2.2', 51820);
    expect(opens(host)).toEqual([
      [1, 0],
      [2, 0],
    ]);
  });

  it('an endpoint that the relay refused is not asked for again by its name alone', () => {
    const { host, transport } = setUp();
    closed(host, CHANNEL_DENIED);
    transport.endpointFor('192.0.2.1', 51820);
    expect(opens(host)).toHaveLength(1);
  });

  it('opens them again after a reconnection, and calls from the new port', () => {
    const { host, receiver, endpoint } = setUp();
    opened(host, 40_001);
    host.socket.fail();
    host.time.advance(250);
    host.socket.open();
    expect(host.sockets).toHaveLength(2);
    expect(opens(host)).toEqual([[1, 1]]);
    expect(receiver.events).not.toContain('handshake 192.0.2.1');
    opened(host, 40_777);
    expect(receiver.events).toContain('handshake 192.0.2.1');
    expect(receiver.state).toMatchObject({ localPorts: new Map([[endpoint, 40_777]]) });
  });

  it('is not idle: closed for want of traffic, it comes back by itself', () => {
    const { host, receiver } = setUp();
    opened(host, 40_001);
    host.socket.fail(4408, 'idle');
    expect(receiver.state.state).toBe('waiting');
    host.time.advance(250);
    expect(host.sockets).toHaveLength(2);
  });

  it('a channel that the relay closes is opened again after 30 s, although nothing is sent', () => {
    const { host, receiver } = setUp();
    closed(host, CHANNEL_NO_PORT);
    expect(receiver.state.problems).toHaveLength(1);
    live(host, 29);
    expect(opens(host)).toHaveLength(1);
    live(host, 1);
    expect(opens(host)).toEqual([
      [1, 1],
      [1, 1],
    ]);
    opened(host, 40_001);
    live(host, 60);
    expect(opens(host)).toHaveLength(2);
  });

  it('a destination that is not allowed is not asked for again and again', () => {
    const { host, receiver } = setUp();
    closed(host, CHANNEL_DENIED);
    expect(receiver.state.problems).toMatchObject([{ error: { code: 'ERR_RELAY_DESTINATION' } }]);
    live(host, 60);
    expect(opens(host)).toHaveLength(1);
  });
});

describe('a relay that does not allow it', () => {
  it('gets a channel that does not listen, with the initiation that was on its way', () => {
    const { host, receiver, send, endpoint, transport } = setUp();
    send(endpoint, initiation(1));
    send(endpoint, initiation(2));
    closed(host, CHANNEL_LISTEN_DENIED);
    expect(opens(host)).toEqual([
      [1, 1],
      [1, 0],
    ]);
    expect(host.socket.datagrams()).toEqual([initiation(1), initiation(2), initiation(2)]);
    expect(receiver.state.problems).toEqual([]);
    expect(receiver.state.notices).toMatchObject([
      {
        endpoint,
        error: {
          code: 'ERR_RELAY_DESTINATION',
          message: expect.stringMatching(/ListenPort.*--allow-listen 192\.0\.2\.1:51820/),
        },
      },
    ]);
    send(endpoint, data(9, 32));
    expect(transport.drops.toRecord()).toEqual({});
    expect(host.socket.datagrams()).toHaveLength(4);
  });

  it('is not asked again on this connection, but on the next', () => {
    const { host, receiver, send, endpoint } = setUp();
    closed(host, CHANNEL_LISTEN_DENIED);
    closed(host, CHANNEL_NO_PORT);
    live(host, 10);
    send(endpoint, initiation(1));
    expect(opens(host)).toEqual([
      [1, 1],
      [1, 0],
      [1, 0],
    ]);
    host.socket.fail();
    host.time.advance(1000);
    host.socket.open();
    expect(opens(host)).toEqual([[1, 1]]);
    expect(receiver.state.notices, 'said once, not once more for each connection').toHaveLength(1);
    opened(host, 40_001);
    expect(receiver.state.notices).toBeUndefined();
  });

  it('what waited for the answer is not sent twice where it is allowed', () => {
    const { host, send, endpoint } = setUp();
    send(endpoint, initiation(1));
    opened(host, 40_001);
    host.socket.fail();
    host.time.advance(1000);
    host.socket.open();
    expect(host.socket.datagrams()).toEqual([]);
  });
});
