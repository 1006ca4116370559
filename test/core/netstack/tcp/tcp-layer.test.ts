import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { FIRST_EPHEMERAL_PORT, LAST_EPHEMERAL_PORT } from '../../../../src/core/netstack/ports.ts';
import { ConnectionTable } from '../../../../src/core/netstack/tcp/connection-table.ts';
import { NumberRows } from '../../../../src/core/netstack/tcp/number-rows.ts';
import { ROUND_TRIP_DOUBLES, RoundTrip } from '../../../../src/core/netstack/tcp/round-trip.ts';
import { TcpLayer } from '../../../../src/core/netstack/tcp/tcp-layer.ts';
import { plainMemory } from '../../../../src/core/packet-buffer.ts';
import { ACK } from '../../../../src/core/wire/tcp.ts';
import { Crowd } from '../memory/crowd.ts';
import { address, FakeIp, hashEnvironment, socketAddress } from './fake-ip.ts';

/** One that belongs to no connection. */
function roundTrip(): RoundTrip {
  const trip = new RoundTrip();
  new NumberRows(ROUND_TRIP_DOUBLES).add(trip);
  trip.beginMeasuring();
  return trip;
}

function measure(trip: RoundTrip, sample: number): void {
  trip.sample = sample;
  trip.measured();
}

function layerWith(seed: number, own = ['10.0.0.1', 'fd00::1']) {
  const memory = plainMemory(1 << 16, 16);
  const ip = new FakeIp(own.map(address), memory);
  const sequences: number[] = [];
  ip.outlet = (packet) => sequences.push(packet.view.getUint32(packet.start + 4));
  return { ip, layer: new TcpLayer(ip, hashEnvironment(seed, memory)), sequences };
}

describe('TcpLayer', () => {
  it('refuses to connect where no address or route is, in one sentence', () => {
    const { ip, layer } = layerWith(1, ['10.0.0.1']);
    expect(() => layer.connect(socketAddress('fd00::2', 80), {}, 0)).toThrow(
      'This tunnel has no IPv6 address.',
    );
    ip.hasRoute = () => false;
    expect(() => layer.connect(socketAddress('10.0.0.2', 80), {}, 0)).toThrow(
      "No peer's allowed IPs cover 10.0.0.2.",
    );
    expect(() =>
      layer.connect(socketAddress('10.0.0.2', 80), { localAddress: address('10.0.0.9') }, 0),
    ).toThrow('10.0.0.9 is not an IPv4 address of this tunnel.');
  });

  it('uses one local port for several destinations, and each pair once', () => {
    const { layer } = layerWith(1);
    const options = { localPort: 40_000 };
    layer.connect(socketAddress('10.0.0.2', 80), options, 0);
    layer.connect(socketAddress('10.0.0.2', 81), options, 0);
    layer.connect(socketAddress('fd00::2', 80), options, 0);
    expect(() => layer.connect(socketAddress('10.0.0.2', 80), options, 0)).toThrow(
      '10.0.0.1:40000 is connected to 10.0.0.2:80 already.',
    );
  });

  it('never chooses a port somebody listens on', () => {
    const { layer } = layerWith(1);
    const first = layer.connect(socketAddress('10.0.0.2', 80), {}, 0).local.port;
    const other = layerWith(1).layer;
    other.listen({ port: first }, 0);
    expect(other.connect(socketAddress('10.0.0.2', 80), {}, 0).local.port).not.toBe(first);
  });

  it('says so when every local port is connected to a place, and still reaches other places (RFC 6056)', {
    timeout: 60_000,
  }, () => {
    const { layer } = new Crowd({ clients: 1 });
    const first = socketAddress('10.0.0.2', 80);
    layer.listen({ port: FIRST_EPHEMERAL_PORT + 5 }, 0);
    const ports = new Set<number>();
    const all = LAST_EPHEMERAL_PORT - FIRST_EPHEMERAL_PORT + 1;
    for (let i = 0; i < all - 1; i++) ports.add(layer.connect(first, {}, 0).local.port);
    expect(ports.size).toBe(all - 1);
    expect(ports.has(FIRST_EPHEMERAL_PORT + 5)).toBe(false);
    expect(() => layer.connect(first, {}, 0)).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMIT',
        message: 'All local ports are connected to 10.0.0.2:80 already.',
      }),
    );
    // The next who tries is told without every port having been looked up.
    const lookUp = vi.spyOn(ConnectionTable.prototype, 'has');
    onTestFinished(() => lookUp.mockRestore());
    expect(() => layer.connect(first, {}, 0)).toThrow('All local ports');
    expect(lookUp.mock.calls.length).toBeLessThan(200);
    const { port } = layer.connect(socketAddress('10.0.0.2', 81), {}, 0).local;
    expect(ports.has(port)).toBe(true);
  });

  it('begins each connection at a number that differs by secret and by address, and moves on by 250 per ms (RFC 6528)', () => {
    const isn = (seed: number, port: number, now: number) => {
      const { layer, sequences } = layerWith(seed);
      layer.connect(socketAddress('10.0.0.2', port), { localPort: 1000 }, now);
      layer.poll(now);
      return sequences[0]!;
    };
    expect((isn(1, 80, 1000) - isn(1, 80, 0)) >>> 0).toBe(250_000);
    expect((isn(1, 80, 20_000_000) - isn(1, 80, 0)) >>> 0).toBe(5_000_000_000 % 2 ** 32);
    expect(isn(1, 81, 0)).not.toBe(isn(1, 80, 0));
    expect(isn(2, 80, 0)).not.toBe(isn(1, 80, 0));
  });

  it('keeps ten thousand connections apart', () => {
    const { layer } = layerWith(1);
    for (let i = 0; i < 10_000; i++) layer.connect(socketAddress('10.0.0.2', 1 + i), { localPort: 9 }, i);
    expect(layer.connectionCount).toBe(10_000);
    layer.poll(10_000);
    // All of them time out, each at its own time.
    for (let now = 10_000; now < 200_000; now += 1000) layer.poll(now);
    expect(layer.connectionCount).toBe(0);
    expect(layer.pollAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('has at most 65,536 connections: then nobody connects, neither we nor a peer, and half-open ones wait', {
    timeout: 60_000,
  }, () => {
    const crowd = new Crowd({ clients: 2 });
    const { layer } = crowd;
    crowd.syn(0);
    crowd.hear(0);
    const connect = (i: number) =>
      layer.connect(socketAddress('10.9.0.1', 1 + (i & 0x7fff)), { localPort: 1 + (i >> 15) }, crowd.now);
    for (let i = 0; i < 65_536; i++) connect(i);
    expect(() => connect(65_536)).toThrow(expect.objectContaining({ code: 'ERR_LIMIT' }));
    crowd.syn(1);
    expect(layer.drops.toRecord()).toEqual({ tcp_syn_queue_full: 1 });
    crowd.segment(0, ACK);
    expect(layer.drops.of('tcp_accept_queue_full')).toBe(1);
    expect([layer.connectionCount, layer.halfOpenCount]).toEqual([65_536, 1]);
  });

  it('is due at once when an application has done something, and not before', () => {
    const { layer } = layerWith(1);
    expect(layer.pollAt()).toBe(Number.POSITIVE_INFINITY);
    const connection = layer.connect(socketAddress('10.0.0.2', 80), {}, 0);
    expect(layer.pollAt()).toBe(0);
    layer.poll(0);
    expect(layer.pollAt()).toBe(1000);
    connection.close();
    expect(layer.connectionCount).toBe(0);
  });
});

describe('resets to segments that are nobody’s', () => {
  it('are 200 a second in all', () => {
    const crowd = new Crowd({ clients: 1000 });
    for (let client = 0; client < 1000; client++) crowd.segment(client, ACK);
    expect(crowd.resets).toBe(200);
    crowd.now += 500;
    for (let client = 0; client < 1000; client++) crowd.segment(client, ACK);
    expect(crowd.resets).toBe(300);
    expect(crowd.layer.drops.of('tcp_reset_rate_limit')).toBe(1700);
  });

  it('are half of that to one source, which cannot silence us for others', () => {
    const crowd = new Crowd({ clients: 1000 });
    for (let i = 0; i < 1000; i++) crowd.segment(7, ACK);
    expect(crowd.resets).toBe(100);
    for (let client = 100; client < 150; client++) crowd.segment(client, ACK);
    expect(crowd.resets).toBeGreaterThan(145);
  });
});

describe('RoundTrip (RFC 6298)', () => {
  it('begins with a second, then follows the formulas', () => {
    const trip = roundTrip();
    expect(trip.timeout).toBe(1000);
    measure(trip, 400);
    expect([trip.smoothed, trip.variance, trip.timeout]).toEqual([400, 200, 1200]);
    measure(trip, 800);
    expect([trip.smoothed, trip.variance, trip.timeout]).toEqual([450, 250, 1450]);
  });

  it('keeps 200 ms above a steady round trip, whatever that is', () => {
    const trip = roundTrip();
    for (let i = 0; i < 200; i++) measure(trip, 190);
    expect(trip.timeout).toBeCloseTo(390, 5);
  });

  it('backs off to 120 s and returns by a measurement, never below a millisecond', () => {
    const trip = roundTrip();
    measure(trip, 0);
    expect(trip.smoothed).toBe(1);
    for (let i = 0; i < 100; i++) trip.backOff();
    expect(trip.timeout).toBe(120_000);
    measure(trip, 1);
    expect(trip.timeout).toBe(trip.rto);
  });
});
