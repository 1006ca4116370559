// Connections that break, and those that are left before they break: what the client shows, and where its datagrams go.
import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { PacketBuffer, plainMemory } from '../../src/core/packet-buffer.ts';
import { CLOSE, GOAWAY, OPEN, PING, PONG, RESUME, TICKET, WELCOME } from '../../src/core/wire/relay.ts';
import type { TokenSource } from '../../src/transport/relay-token.ts';
import { RelayTransport } from '../../src/transport/relay-transport.ts';
import { data, initiation } from '../relay/fake-endpoint.ts';
import { settled } from '../relay/relay-client.ts';
import { FakeHost, type FakeWebSocket, RecordingReceiver } from './fake-host.ts';

const SECRET = new Uint8Array(16).fill(7);
const OTHER_SECRET = new Uint8Array(16).fill(8);
const TICKETS = [new Uint8Array([1, 2, 3]), new Uint8Array([4, 5, 6])] as const;

function welcome(socket: FakeWebSocket, secret = SECRET): void {
  socket.control({
    type: WELCOME,
    version: 1,
    maxChannels: 4,
    maxDatagram: 2048,
    maxMessage: 65_535,
    idleSeconds: 600,
    graceSeconds: 20,
    secret,
    datagramsPerSecond: 1000,
    bytesPerSecond: 1_000_000,
    sessionId: new Uint8Array(8),
  });
}

const ticket = (socket: FakeWebSocket, bytes: Uint8Array = TICKETS[0]) =>
  socket.control({ type: TICKET, lifetimeSeconds: 180, ticket: bytes });

const pong = (socket: FakeWebSocket) =>
  socket.control({ type: PONG, nonce: socket.controls(PING).at(-1)!.nonce, queuedBytes: 0 });

const goAway = (socket: FakeWebSocket, reconnectWithin = 5000) =>
  socket.control({ type: GOAWAY, reconnectWithin, retryAfter: 0, code: 1012 });

/** Connected, welcomed, with a ticket. */
async function connected({ host: name = '192.0.2.1', token = undefined as TokenSource | undefined } = {}) {
  const host = new FakeHost();
  const memory = plainMemory();
  const urls = ['wss://a.example/v1'];
  const transport = new RelayTransport({ urls, memory, clock: host.time, host, token });
  const receiver = new RecordingReceiver();
  transport.receiver = receiver;
  const endpoint = transport.endpointFor(name, 51820);
  if (token) await settled(5);
  const first = host.socket;
  first.open();
  welcome(first);
  ticket(first);
  pong(first);
  const packet = new PacketBuffer(memory, { start: 0, end: 65_536 });
  const send = (bytes: Uint8Array, to: Endpoint = endpoint) => {
    packet.copyFrom(bytes);
    transport.send(packet, to);
    transport.flush();
  };
  return { host, transport, receiver, endpoint, first, send };
}

const types = (socket: FakeWebSocket) => socket.records().map(({ control }) => control?.type);

describe('a connection that breaks', () => {
  it('is followed by one that shows the ticket first and opens the channels behind it, in one message', async () => {
    const { host, first, receiver } = await connected();
    first.fail();
    host.time.advance(250);
    expect(host.sockets).toHaveLength(2);
    host.socket.open();
    expect(types(host.socket)).toEqual([RESUME, OPEN, PING]);
    expect(host.socket.sent).toHaveLength(1);
    expect(host.socket.controls(RESUME)).toEqual([{ type: RESUME, secret: SECRET, ticket: TICKETS[0] }]);
    // So that WireGuard says something at once, and its peer learns the new port.
    expect(receiver.events.at(-2)).toBe('reconnected');
  });

  it('is tried again each half a second at first, while a ticket counts, and then less and less', async () => {
    const { host, first } = await connected();
    host.dice = 0.999;
    first.fail();
    const waits: number[] = [];
    for (let i = 0; i < 25; i++) {
      const before = host.time.now();
      const count = host.sockets.length;
      while (host.sockets.length === count) host.time.advance(10);
      waits.push(host.time.now() - before);
      host.socket.fail();
    }
    expect(waits).toEqual([250, ...new Array(21).fill(500), 1000, 2000, 4000]);
  });

  it('the newest ticket is shown, with the secret of the session that it is of', async () => {
    const { host, first } = await connected();
    ticket(first, TICKETS[1]);
    first.fail();
    host.time.advance(250);
    // Broken again before a ticket of the new session came.
    host.socket.open();
    welcome(host.socket, OTHER_SECRET);
    host.socket.fail();
    host.time.advance(1000);
    host.socket.open();
    expect(host.socket.controls(RESUME)).toMatchObject([{ secret: SECRET, ticket: TICKETS[1] }]);
    welcome(host.socket, OTHER_SECRET);
    ticket(host.socket);
    host.socket.fail();
    host.time.advance(2000);
    host.socket.open();
    expect(host.socket.controls(RESUME)).toMatchObject([{ secret: OTHER_SECRET, ticket: TICKETS[0] }]);
  });

  it('a ticket that is too old is not shown', async () => {
    const { host, first } = await connected();
    first.fail();
    for (let elapsed = 0; elapsed < 180_000; elapsed += 1000) {
      host.time.advance(1000);
      if (host.socket !== first) host.socket.fail();
    }
    const dialed = host.sockets.length;
    while (host.sockets.length === dialed) host.time.advance(1000);
    host.socket.open();
    expect(types(host.socket)).toEqual([OPEN, PING]);
  });

  it('a relay that gives no secret gets no tickets', async () => {
    const { host, first } = await connected();
    welcome(first, new Uint8Array(0));
    first.fail();
    host.time.advance(250);
    host.socket.open();
    welcome(host.socket, new Uint8Array(0));
    ticket(host.socket, TICKETS[1]);
    host.socket.fail();
    host.time.advance(1000);
    host.socket.open();
    expect(host.socket.controls(RESUME)).toMatchObject([{ ticket: TICKETS[0] }]);
  });

  it('with a ticket no token is asked for; if the relay refuses the ticket, one is', async () => {
    const asked: string[] = [];
    const { host, first } = await connected({ token: (reason) => Promise.resolve(`t${asked.push(reason)}`) });
    expect(first.protocols).toHaveLength(2);
    first.fail();
    host.time.advance(250);
    expect(host.socket.protocols).toEqual(['wgrelay.v1']);
    host.socket.open();
    host.socket.fail(4401, 'ticket_expired');
    await settled(5);
    expect(asked).toEqual(['connect', 'reconnect']);
    expect(host.socket.protocols).toEqual(['wgrelay.v1', 'wgrelay.bearer.t2']);
    host.socket.open();
    expect(types(host.socket)).toEqual([OPEN, PING]);
  });

  it('a session that is over is not gone on with', async () => {
    const { host, first } = await connected();
    first.fail(4410, 'session: revoked');
    host.time.advance(250);
    host.socket.open();
    expect(types(host.socket)).toEqual([OPEN, PING]);
  });
});

describe('a relay that is about to close', () => {
  it('is left for a second connection; the first one serves until that is open, and what is in it arrives', async () => {
    const { host, first, receiver, send, endpoint } = await connected();
    goAway(first);
    expect(host.sockets).toHaveLength(2);
    const second = host.socket;
    send(data(9, 100, 1));
    expect(first.datagrams().map((datagram) => datagram[20])).toEqual([1]);
    second.open();
    expect(types(second)).toEqual([RESUME, OPEN, PING]);
    expect(receiver.states.some(({ state }) => state === 'waiting')).toBe(false);
    send(data(9, 100, 2));
    expect(second.datagrams().map((datagram) => datagram[20])).toEqual([2]);
    first.deliver([1, data(7, 100, 3)]);
    second.deliver([1, data(7, 100, 4)]);
    expect(receiver.received.map(({ bytes, from }) => [bytes[20], from])).toEqual([
      [3, endpoint],
      [4, endpoint],
    ]);
    expect(first.closedWith).toBeUndefined();
    host.time.advance(2000);
    expect(first.closedWith).toBe(1000);
  });

  it('that closes before the second connection is open is not tried a third time', async () => {
    const { host, first, receiver } = await connected();
    goAway(first);
    first.fail(1012);
    expect(receiver.state.state).toBe('connecting');
    expect(host.sockets).toHaveLength(2);
    host.socket.open();
    expect(types(host.socket)).toEqual([RESUME, OPEN, PING]);
    expect(receiver.state.state).toBe('open');
  });

  it('second connections that fail are tried again while the first one serves, and then in its place', async () => {
    const { host, first, receiver, send } = await connected();
    goAway(first);
    host.socket.fail();
    host.time.advance(125);
    expect(host.sockets).toHaveLength(3);
    host.socket.fail();
    send(data(9));
    expect(first.datagrams()).toHaveLength(1);
    first.fail(1012);
    expect(receiver.state.state).toBe('waiting');
    host.time.advance(250);
    expect(host.sockets).toHaveLength(4);
    host.socket.open();
    expect(types(host.socket)).toEqual([RESUME, OPEN, PING]);
    host.time.advance(1000);
    expect(host.sockets).toHaveLength(4);
  });

  it('the answer to a PING does not mean that one may stay', async () => {
    const { host, first } = await connected();
    goAway(first);
    host.socket.fail();
    pong(first);
    host.time.advance(250);
    expect(host.sockets).toHaveLength(3);
  });

  it('is not left where there is no ticket to go on with', async () => {
    const { host, first } = await connected();
    first.fail(4410);
    host.time.advance(250);
    host.socket.open();
    goAway(host.socket);
    expect(host.sockets).toHaveLength(2);
  });

  it('after close nothing is left open', async () => {
    const { host, first, transport } = await connected();
    goAway(first);
    host.socket.open();
    const second = host.socket;
    goAway(second);
    const third = host.socket;
    transport.close();
    expect([first, second, third].map((socket) => socket.closedWith)).toEqual([1000, 1000, 1000]);
    expect(host.time.pendingTimers).toBe(0);
  });
});

describe('a hint that the network is another one', () => {
  it('moves at once if the relay does not answer soon', async () => {
    const { host, first, transport } = await connected();
    transport.retryNow();
    host.time.advance(499);
    expect(host.sockets).toHaveLength(1);
    host.time.advance(1);
    expect(host.sockets).toHaveLength(2);
    host.socket.open();
    expect(types(host.socket)).toEqual([RESUME, OPEN, PING]);
    host.time.advance(2000);
    expect(first.closedWith).toBe(1000);
  });

  it('changes nothing if it does, or if it does while the second connection is being made', async () => {
    const { host, first, transport } = await connected();
    transport.retryNow();
    pong(first);
    host.time.advance(600);
    expect(host.sockets).toHaveLength(1);
    transport.retryNow();
    host.time.advance(600);
    expect(host.sockets).toHaveLength(2);
    pong(first);
    expect(host.socket.closedWith).toBe(1000);
    host.time.advance(5000);
    expect(host.sockets).toHaveLength(2);
    expect(first.closedWith).toBeUndefined();
  });
});

describe('an endpoint that does not answer', () => {
  it('has its name looked up again after 30 s of calling, and then every 30 s', async () => {
    const { host, first, send } = await connected({ host: 'peer.example' });
    const reopened: number[] = [];
    for (let second = 0; second <= 90; second += 5) {
      first.sent.length = 0;
      send(initiation(second));
      const said = types(first);
      if (said.includes(OPEN)) {
        expect(said).toEqual([CLOSE, OPEN, undefined]);
        reopened.push(second);
      }
      host.time.advance(5000);
      if (first.controls(PING).length > 0) pong(first);
    }
    expect(reopened).toEqual([30, 60, 90]);
  });

  it('keeps its channel if it has an address, or answered meanwhile', async () => {
    for (const name of ['192.0.2.1', '2001:db8::1', 'peer.example']) {
      const { host, first, send } = await connected({ host: name });
      first.sent.length = 0;
      for (let second = 0; second <= 60; second += 5) {
        send(initiation(second));
        if (name === 'peer.example' && second === 20) first.deliver([1, data(7)]);
        if (second < 45) host.time.advance(5000);
        if (first.controls(PING).length > 0) pong(first);
      }
      expect(first.controls(OPEN), name).toEqual([]);
    }
  });
});
