// Two devices and a network between them that loses, delays, overtakes, doubles and damages, under a fake clock.
import { expect } from 'vitest';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import { type Millis, SECOND } from '../../../src/core/time.ts';
import type { Peer } from '../../../src/core/wireguard/device.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { SeededRandom } from '../../support/random.ts';
import { type Impairments, VirtualLink } from '../../support/virtual-link.ts';
import { kindOf, makePacket, Station, type StationOptions } from './station.ts';

/** One of the two: a station, its address, and which of the other's numbered packets have come. */
export class Side {
  station: Station;
  endpoint: Endpoint;
  readonly address: string;
  readonly received = new Map<number, number>();
  sentCount = 0;
  /** Deliveries that are not a packet the other side sent, as it sent it. */
  altered = 0;

  constructor(station: Station, address: string) {
    this.station = station;
    this.address = address;
    this.endpoint = { host: `198.51.100.${address.slice(-1)}`, port: 51820 };
  }

  /** How many of the other's packets have not come. */
  missing(other: Side): number {
    return other.sentCount - this.received.size;
  }

  get duplicates(): number {
    return [...this.received.values()].filter((count) => count > 1).length;
  }
}

export interface PairOptions {
  seed?: number;
  impairments?: Impairments;
  psk?: boolean;
  /** Of a and of b; random when absent. */
  jitters?: [Millis, Millis];
  /** Nobody calls at the start: a learns where b is, without a call, only then. */
  isQuiet?: boolean;
  persistentKeepalive?: number;
}

export class Pair {
  readonly clock = new FakeClock();
  readonly link: VirtualLink;
  readonly a: Side;
  readonly b: Side;
  readonly #options: PairOptions;
  readonly #presharedKey: Uint8Array | undefined;
  readonly #byEndpoint = new Map<Endpoint, Side>();

  constructor(options: PairOptions = {}) {
    const { seed = 1, isQuiet = false, jitters } = options;
    // A whole number, so that sums of times are exact.
    this.clock.moveTo(Math.ceil(this.clock.now));
    this.#options = options;
    this.link = new VirtualLink(new SeededRandom(seed), options.impairments ?? { delay: 20 });
    this.#presharedKey = options.psk ? new Uint8Array(32).fill(42) : undefined;
    this.a = new Side(this.#makeStation({ seed: 2 * seed }), '10.0.0.1');
    this.b = new Side(this.#makeStation({ seed: 2 * seed + 1 }), '10.0.0.2');
    this.#connect(this.a);
    this.#connect(this.b);
    if (jitters) [this.a.station.jitter, this.b.station.jitter] = jitters;
    this.#introduce(this.a, this.b, !isQuiet);
    this.#introduce(this.b, this.a, false);
    this.a.station.device.up(this.clock.now);
    this.b.station.device.up(this.clock.now);
    if (isQuiet) this.peerOf(this.a).setEndpoint(this.b.endpoint);
  }

  /** What a side has of the other. */
  peerOf(side: Side): Peer {
    const other = side === this.a ? this.b : this.a;
    return side.station.device.getPeer(other.station.publicKey)!;
  }

  /** What a side sent since the last time: what it was and when, in milliseconds after `start`. */
  takeSent(side: Side, start = 0): [kind: string, at: Millis][] {
    return side.station.takeSent().map((sent) => [kindOf(sent), sent.at - start]);
  }

  #makeStation(options: StationOptions): Station {
    const station = new Station(this.clock, options);
    station.jitter = undefined;
    return station;
  }

  #connect(side: Side): void {
    this.#byEndpoint.set(side.endpoint, side);
    side.station.transmit = (bytes, to) => {
      const from = side.endpoint;
      this.link.send(bytes, (copy) => this.#arrive(copy, from, to), this.clock.now);
    };
  }

  #introduce(side: Side, other: Side, knowsEndpoint: boolean): void {
    side.station.addPeer(other.station.publicKey, {
      routes: `${other.address}/32`,
      ...(knowsEndpoint && { endpoint: other.endpoint }),
      persistentKeepalive: this.#options.persistentKeepalive ?? 0,
      ...(this.#presharedKey && { presharedKey: this.#presharedKey }),
    });
  }

  #arrive(bytes: Uint8Array, from: Endpoint, to: Endpoint): void {
    const side = this.#byEndpoint.get(to);
    if (!side) return;
    side.station.receive(bytes, from);
    const other = side === this.a ? this.b : this.a;
    for (const packet of side.station.delivered.splice(0)) {
      const number = new DataView(packet.buffer, packet.byteOffset).getUint32(40);
      const wanted = numbered(other.address, side.address, number);
      if (number >= other.sentCount || Buffer.compare(packet, wanted) !== 0) side.altered++;
      side.received.set(number, (side.received.get(number) ?? 0) + 1);
    }
  }

  /** Its NAT gives the side another port. */
  rebind(side: Side): void {
    this.#byEndpoint.delete(side.endpoint);
    side.endpoint = { ...side.endpoint, port: side.endpoint.port + 1 };
    this.#byEndpoint.set(side.endpoint, side);
  }

  /** The same key and configuration in a new process. */
  restart(side: Side, seed: number): void {
    const last = side.station.device.lastTimestamp;
    side.station.device.close();
    side.station.transmit = () => {};
    side.station = this.#makeStation({ seed, ...(last && { lastTimestamp: last }) });
    this.#connect(side);
    this.#introduce(side, side === this.a ? this.b : this.a, side === this.a);
    side.station.device.up(this.clock.now);
  }

  send(from: Side, to: Side): void {
    from.station.send(numbered(from.address, to.address, from.sentCount++));
  }

  run(duration: Millis): void {
    this.clock.run(duration, this.link, this.a.station, this.b.station);
  }

  /** A packet in both directions every `interval`. */
  talk(duration: Millis, interval: Millis = 100): void {
    const end = this.clock.now + duration;
    while (this.clock.now < end) {
      this.send(this.a, this.b);
      this.send(this.b, this.a);
      this.run(interval);
    }
  }

  /** No packet came twice, altered, or from where it may not; no key and no index is left behind. */
  expectIntegrity(): void {
    for (const side of [this.a, this.b]) {
      expect(side.duplicates).toBe(0);
      expect(side.altered).toBe(0);
      expect(side.station.crypto.keyCount).toBeLessThanOrEqual(6);
    }
  }

  /** From now on nothing is lost any more in either direction. */
  expectFlow(): void {
    const before = [this.a.missing(this.b), this.b.missing(this.a)];
    this.talk(3 * SECOND);
    this.run(SECOND);
    expect([this.a.missing(this.b), this.b.missing(this.a)]).toEqual(before);
  }

  handshakes(side: Side): number {
    return side.station.count('handshake');
  }
}

function numbered(source: string, destination: string, number: number): Uint8Array {
  const packet = makePacket(source, destination, 60 + (number % 100), number & 255);
  new DataView(packet.buffer).setUint32(40, number);
  return packet;
}
