import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { PacketBuffer, plainMemory } from '../../src/core/packet-buffer.ts';
import type { DatagramReceiver, TransportState } from '../../src/core/transport.ts';
import { UdpEndpoints } from '../../src/node/udp-endpoints.ts';
import { UdpTransport, type UdpTransportOptions } from '../../src/node/udp-transport.ts';
import { settled, until } from '../relay/relay-client.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

class Recorder implements DatagramReceiver {
  readonly received: { bytes: Buffer; from: Endpoint }[] = [];
  readonly batches: number[] = [];
  readonly states: TransportState[] = [];
  receiveDatagram(datagram: PacketBuffer, from: Endpoint): void {
    this.received.push({ bytes: Buffer.from(datagram.memory.slice(datagram.start, datagram.end)), from });
  }
  endBatch(): void {
    this.batches.push(this.received.length);
  }
  moves = 0;
  reconnected(): void {
    this.moves++;
  }
  handshakeNeeded(): void {}
  uncongested(): void {}
  transportState(state: TransportState): void {
    this.states.push(state);
  }
}

function portsOf({ states }: Recorder): Iterable<number> {
  const state = states.at(-1);
  return state?.state === 'open' ? state.localPorts.values() : [];
}

async function open(options: Partial<UdpTransportOptions> = {}) {
  const memory = plainMemory();
  const transport = new UdpTransport({ memory, ...options });
  const recorder = new Recorder();
  transport.receiver = recorder;
  cleanups.push(() => transport.close());
  await until(() => recorder.states.some(({ state }) => state !== 'connecting'), 'a state');
  const packet = new PacketBuffer(memory, { start: 0, end: 2048 });
  const send = (to: Endpoint, ...bytes: number[]) => {
    packet.copyFrom(Uint8Array.from(bytes));
    transport.send(packet, to);
    transport.flush();
  };
  return { transport, recorder, send };
}

async function udp(type: 'udp4' | 'udp6' = 'udp4') {
  const socket = createSocket(type);
  socket.bind(0, type === 'udp4' ? '127.0.0.1' : '::1');
  await once(socket, 'listening');
  const received: Buffer[] = [];
  socket.on('message', (message) => received.push(message));
  cleanups.push(() => socket.close());
  return { socket, received, port: socket.address().port };
}

describe('the UDP transport', () => {
  it.each([
    ['udp4', '127.0.0.1'],
    ['udp6', '::1'],
  ] as const)(
    '%s: a datagram goes out, the answer comes from the same endpoint object',
    async (type, host) => {
      const peer = await udp(type);
      const { transport, recorder, send } = await open();
      const endpoint = transport.endpointFor(host, peer.port);
      expect(transport.endpointFor(host, peer.port)).toBe(endpoint);
      send(endpoint, 1, 2, 3);
      const [, from] = (await once(peer.socket, 'message')) as [Buffer, { port: number; address: string }];
      expect(peer.received).toEqual([Buffer.from([1, 2, 3])]);
      peer.socket.send(Buffer.from([4, 5]), from.port, host);
      await until(() => recorder.received.length === 1, 'the answer');
      expect(recorder.received[0]!.bytes).toEqual(Buffer.from([4, 5]));
      expect(recorder.received[0]!.from).toBe(endpoint);
      const state = recorder.states.at(-1)!;
      expect(state).toMatchObject({ state: 'open', via: 'udp', problems: [] });
    },
  );

  it('hands over what one turn brings as one batch', async () => {
    const peer = await udp();
    const { transport, recorder } = await open({ host: '127.0.0.1' });
    for (let i = 0; i < 20; i++) peer.socket.send(Buffer.from([i]), transport.localPort!, '127.0.0.1');
    await until(() => recorder.received.length === 20, '20 datagrams');
    expect(recorder.received.map(({ bytes }) => bytes[0])).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(recorder.batches.length).toBeLessThan(20);
    expect(recorder.batches.at(-1)).toBe(20);
  });

  it('lets little wait for a process that is busy: the peer shall notice', async () => {
    const peer = await udp();
    const { transport, recorder } = await open({ host: '127.0.0.1' });
    const size = 1400;
    const tell = (mark: number) =>
      peer.socket.send(Buffer.alloc(size, mark), transport.localPort!, '127.0.0.1');
    // All of them before this turn ends, and with it the business of this process.
    for (let i = 0; i < 2000; i++) tell(0);
    const marks = () => recorder.received.filter(({ bytes }) => bytes[0] === 1).length;
    await until(() => {
      tell(1);
      return marks() > 0;
    }, 'what was sent afterwards');
    const waited = (recorder.received.length - marks()) * size;
    expect(waited).toBeGreaterThan(200 * size);
    expect(waited).toBeLessThan(1024 * 1024);
  });

  it('keeps the newest handshake message while a name has no address, and drops data', async () => {
    const peer = await udp();
    let answer: (addresses: string[]) => void = () => {};
    const { transport, recorder, send } = await open({
      resolve: () => new Promise((resolve) => (answer = resolve)),
    });
    const endpoint = transport.endpointFor('peer.example', peer.port);
    send(endpoint, 1, 0, 0, 0, 1);
    send(endpoint, 1, 0, 0, 0, 2);
    send(endpoint, 4, 0, 0, 0, 3);
    expect(transport.drops.of('unresolved')).toBe(2);
    answer(['127.0.0.1']);
    await until(() => peer.received.length === 1, 'the handshake message');
    expect(peer.received[0]!.at(-1)).toBe(2);
    expect(endpoint.host).toBe('127.0.0.1');
    peer.socket.send(Buffer.from([9]), transport.localPort!, '127.0.0.1');
    await until(() => recorder.received.length === 1, 'the answer');
    expect(recorder.received[0]!.from).toBe(endpoint);
  });

  it('reports a name without an address as a problem of that endpoint, and asks again at the next handshake', async () => {
    const peer = await udp();
    let fail = true;
    const { transport, recorder, send } = await open({
      resolve: () => (fail ? Promise.reject(new Error('no')) : Promise.resolve(['127.0.0.1'])),
    });
    const endpoint = transport.endpointFor('peer.example', peer.port);
    await until(() => recorder.states.at(-1)!.problems.length === 1, 'a problem');
    const { error } = recorder.states.at(-1)!.problems[0]!;
    expect(error).toMatchObject({ code: 'ERR_NAME_NOT_RESOLVED', leg: 'endpoint', retryable: true });
    fail = false;
    send(endpoint, 1, 0, 0, 0);
    await until(() => peer.received.length === 1, 'the handshake message');
    expect(recorder.states.at(-1)!.problems).toEqual([]);
  });

  it('tells a receiver that comes late that it is open', async () => {
    const transport = new UdpTransport({ memory: plainMemory() });
    cleanups.push(() => transport.close());
    await until(() => transport.localPort !== undefined, 'a port');
    await settled();
    const recorder = new Recorder();
    transport.receiver = recorder;
    await until(() => recorder.states.at(-1)?.state === 'open', 'the state');
  });

  it('a port in use fails with one clear sentence', async () => {
    const peer = await udp();
    const { recorder } = await open({ host: '127.0.0.1', listenPort: peer.port });
    expect(recorder.states.at(-1)).toMatchObject({ state: 'failed', error: { code: 'ERR_ADDRESS_IN_USE' } });
  });

  it('a datagram larger than the system sends is a counted drop', async () => {
    const { transport, send } = await open();
    const memory = plainMemory();
    const packet = new PacketBuffer(memory, memory.slots);
    packet.copyFrom(new Uint8Array(70_000));
    transport.send(packet, transport.endpointFor('127.0.0.1', 9));
    await until(() => transport.drops.of('too_big') === 1, 'the drop');
    send(transport.endpointFor('127.0.0.1', 9), 1);
  });

  it('forgets an endpoint that is released, and what was wrong with it', async () => {
    const { transport, recorder } = await open({ host: '127.0.0.1', resolve: async () => [] });
    const endpoint = transport.endpointFor('nowhere.example', 51820);
    await until(() => recorder.states.at(-1)!.problems.length === 1, 'the problem');
    transport.release(endpoint);
    await until(() => recorder.states.at(-1)!.problems.length === 0, 'its end');
    expect(transport.endpointFor('nowhere.example', 51820)).not.toBe(endpoint);
  });

  it('moves to another port, hears there and not at the old one, and says that it moved', async () => {
    const peer = await udp();
    const { transport, recorder, send } = await open({ host: '127.0.0.1' });
    const endpoint = transport.endpointFor('127.0.0.1', peer.port);
    const old = transport.localPort!;
    const free = await udp();
    free.socket.close();
    cleanups.pop();
    await transport.listenOn(free.port);
    expect(transport.localPort).toBe(free.port);
    expect(recorder.moves).toBe(1);
    send(endpoint, 7);
    const [, from] = (await once(peer.socket, 'message')) as [Buffer, { port: number }];
    expect(from.port).toBe(free.port);
    peer.socket.send(Buffer.from([1]), old, '127.0.0.1');
    peer.socket.send(Buffer.from([2]), free.port, '127.0.0.1');
    await until(() => recorder.received.length > 0, 'what came');
    expect(recorder.received.map(({ bytes }) => [...bytes])).toEqual([[2]]);
    await until(() => [...portsOf(recorder)].includes(free.port), 'the report');
  });

  it('stays where it is when the port is taken', async () => {
    const peer = await udp();
    const { transport, recorder, send } = await open({ host: '127.0.0.1' });
    const old = transport.localPort!;
    await expect(transport.listenOn(peer.port)).rejects.toMatchObject({ code: 'ERR_ADDRESS_IN_USE' });
    expect(transport.localPort).toBe(old);
    expect(recorder.moves).toBe(0);
    send(transport.endpointFor('127.0.0.1', peer.port), 7);
    const [, from] = (await once(peer.socket, 'message')) as [Buffer, { port: number }];
    expect(from.port).toBe(old);
  });

  it('has nothing to do to be where it is, and does not come back to life by moving', async () => {
    const { transport, recorder } = await open({ host: '127.0.0.1' });
    await transport.listenOn(transport.localPort!);
    expect(recorder.moves).toBe(0);
    const moving = transport.listenOn(0);
    transport.close();
    await expect(moving).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(transport.localPort).toBeUndefined();
  });

  it('says nothing after close', async () => {
    const peer = await udp();
    const { transport, recorder } = await open({ host: '127.0.0.1' });
    const port = transport.localPort!;
    peer.socket.send(Buffer.from([1]), port, '127.0.0.1');
    transport.close();
    await settled();
    expect(recorder.received).toEqual([]);
  });
});

describe('the table of endpoints', () => {
  it('is bounded, and keeps those that we send to', () => {
    const table = new UdpEndpoints(8);
    const peer = table.endpointFor('192.0.2.1', 51820);
    for (let i = 0; i < 1000; i++) {
      peer.inUse = true;
      table.sourceOf('198.51.100.7', 1024 + i);
    }
    expect(table.size).toBe(8);
    expect(table.sourceOf('192.0.2.1', 51820)).toBe(peer);
  });

  it('takes every spelling of an address for the same place', () => {
    const table = new UdpEndpoints();
    const endpoint = table.endpointFor('[2001:DB8:0::1]', 1);
    expect(table.sourceOf('2001:db8::1', 1)).toBe(endpoint);
    expect(table.endpointFor('2001:db8::1', 2)).not.toBe(endpoint);
  });
});
