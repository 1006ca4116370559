// The worker's transport against the real relay, in Node with a WebSocket of `ws`.
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { PacketBuffer, plainMemory } from '../../src/core/packet-buffer.ts';
import { NodeClock } from '../../src/node/clock.ts';
import { createRelay, type RelayOptions } from '../../src/relay-host/index.ts';
import { RelayTransport, type WebSocketLike } from '../../src/transport/relay-transport.ts';
import { data, FakeEndpoint, initiation } from '../relay/fake-endpoint.ts';
import { until } from '../relay/relay-client.ts';
import { RecordingReceiver } from './fake-host.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startRelay(options: Partial<RelayOptions> & { allow: RelayOptions['allow'] }) {
  const relay = createRelay({ listen: '127.0.0.1:0', allowNoOrigin: true, ...options });
  const { url, port } = await relay.listen();
  cleanups.push(() => relay.close());
  return { relay, url, port };
}

function client(url: string, origin?: string) {
  const memory = plainMemory();
  const transport = new RelayTransport({
    urls: [url],
    memory,
    clock: new NodeClock(),
    host: {
      connect: (address, protocols) =>
        new WebSocket(address, protocols, {
          ...(origin !== undefined && { origin }),
        }) as unknown as WebSocketLike,
      fetch: (address, init) =>
        fetch(address, { ...init, ...(origin !== undefined && { headers: { Origin: origin } }) }),
      ...(origin !== undefined && { origin }),
    },
  });
  cleanups.push(() => transport.close());
  const receiver = new RecordingReceiver();
  transport.receiver = receiver;
  const packet = new PacketBuffer(memory, { start: 0, end: 4096 });
  const send = (to: Endpoint, bytes: Uint8Array) => {
    packet.copyFrom(bytes);
    transport.send(packet, to);
  };
  return { transport, receiver, send };
}

async function peer(): Promise<FakeEndpoint> {
  const endpoint = await FakeEndpoint.open();
  cleanups.push(() => endpoint.close());
  return endpoint;
}

describe('the transport and the relay', () => {
  it('a handshake, then data both ways in batches', async () => {
    const fake = await peer();
    const { url, relay } = await startRelay({ allow: [`127.0.0.1:${fake.port}`] });
    const { transport, receiver, send } = client(url);
    const endpoint = transport.endpointFor('127.0.0.1', fake.port);
    send(endpoint, initiation(7));
    await until(() => receiver.received.length === 1, 'the response');
    for (let i = 0; i < 100; i++) send(endpoint, data(fake.index, 1452, i));
    transport.flush();
    await until(() => receiver.received.length === 101, 'the echoes');
    expect(receiver.received.slice(1).map(({ bytes }) => bytes[20])).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    );
    await until(
      () => receiver.state.state === 'open' && receiver.state.rtt !== undefined,
      'the round-trip time',
    );
    expect(receiver.state).toMatchObject({ localPorts: new Map([[endpoint, fake.client!.port]]) });
    expect(relay.counters.up.messages).toBeLessThan(10);
  });

  it('a relay that is restarted: the channel is opened again and a handshake asked for, at once', async () => {
    const fake = await peer();
    const first = await startRelay({ allow: [`127.0.0.1:${fake.port}`] });
    const { transport, receiver, send } = client(first.url);
    const endpoint = transport.endpointFor('127.0.0.1', fake.port);
    send(endpoint, initiation(7));
    await until(() => receiver.received.length === 1, 'the response');
    await first.relay.close();
    await until(() => receiver.state.state === 'waiting', 'the break');
    await startRelay({ listen: `127.0.0.1:${first.port}`, allow: [`127.0.0.1:${fake.port}`] });
    await until(() => receiver.events.includes('reconnected'), 'the new connection', 10_000);
    send(endpoint, data(fake.index, 32));
    transport.flush();
    await until(() => receiver.events.includes('handshake 127.0.0.1'), 'the request for a handshake');
    send(endpoint, initiation(8));
    transport.flush();
    await until(() => receiver.received.length === 2, 'the response');
  });

  it('a denied endpoint is told apart from a working one', async () => {
    const fake = await peer();
    const { url } = await startRelay({ allow: [`127.0.0.1:${fake.port}`] });
    const { transport, receiver, send } = client(url);
    const good = transport.endpointFor('127.0.0.1', fake.port);
    const bad = transport.endpointFor('169.254.169.254', 51820);
    send(good, initiation(1));
    send(bad, initiation(2));
    await until(() => receiver.state?.problems.length === 1 && receiver.received.length === 1, 'both');
    expect(receiver.state.problems[0]).toMatchObject({
      endpoint: bad,
      error: { code: 'ERR_RELAY_DESTINATION' },
    });
  });

  it('an endpoint where nobody listens', async () => {
    const fake = await peer();
    const { port } = fake;
    const { url } = await startRelay({ allow: [`127.0.0.1:${port}`] });
    fake.socket.close();
    cleanups.splice(0, 1);
    const { transport, receiver, send } = client(url);
    send(transport.endpointFor('127.0.0.1', port), initiation(1));
    await until(() => receiver.state?.problems.length === 1, 'the problem');
    expect(receiver.state.problems[0]!.error.code).toBe('ERR_CONNECTION_REFUSED');
  });

  it('a page from elsewhere learns that its origin is not allowed', async () => {
    const { url } = await startRelay({ allow: ['127.0.0.1:51820'], origins: ['https://console.example'] });
    const { transport, receiver } = client(url, 'https://evil.example');
    transport.endpointFor('127.0.0.1', 51820);
    await until(() => receiver.state?.state === 'failed', 'the verdict');
    expect(receiver.state).toMatchObject({ error: { code: 'ERR_RELAY_ORIGIN' } });
  });

  it('nobody at the relay’s address', async () => {
    const { relay, url } = await startRelay({ allow: ['127.0.0.1:51820'] });
    await relay.close();
    const { transport, receiver } = client(url);
    transport.endpointFor('127.0.0.1', 51820);
    await until(() => receiver.state?.state === 'waiting', 'the failure');
    expect(receiver.state).toMatchObject({ error: { code: 'ERR_RELAY_UNREACHABLE', retryable: true } });
  });
});
