// The detector, fed by real devices on a virtual network: a server, us, and sometimes another device with our key.
import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { type Instant, MINUTE, type Millis, SECOND } from '../../src/core/time.ts';
import type { DeviceEvent } from '../../src/core/wireguard/device.ts';
import { KeyConflict } from '../../src/service/key-conflict.ts';
import { makePacket, Station } from '../core/wireguard/station.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SeededRandom } from '../support/random.ts';
import { type Impairments, VirtualLink } from '../support/virtual-link.ts';

const SERVER = '10.0.0.1';
const OURS = '10.0.0.2';

class World {
  readonly clock = new FakeClock();
  readonly link: VirtualLink;
  readonly us: Station;
  /** When the detector spoke. */
  readonly reports: Instant[] = [];
  readonly start: Instant;
  server!: Station;
  other: Station | undefined;
  #seed: number;
  readonly #byEndpoint = new Map<Endpoint, () => Station | undefined>();
  readonly #endpoints = [1, 2, 3].map((n) => ({ host: `192.0.2.${n}`, port: 51820 }));
  readonly #conflict = new KeyConflict();

  constructor(seed = 1, impairments: Impairments = { delay: 20 }) {
    this.#seed = 100 * seed;
    this.start = this.clock.now;
    this.link = new VirtualLink(new SeededRandom(seed), impairments);
    this.#byEndpoint.set(this.#endpoints[0]!, () => this.server);
    this.#byEndpoint.set(this.#endpoints[1]!, () => this.us);
    this.#byEndpoint.set(this.#endpoints[2]!, () => this.other);
    this.us = this.#station(1);
    this.us.events.push = (event: DeviceEvent) => {
      if (this.#conflict.take(event, this.clock.now)) this.reports.push(this.clock.now - this.start);
      return 0;
    };
    this.restartServer();
    this.#call(this.us);
  }

  /** The server's process is killed and starts again: it knows keys, and no session. */
  restartServer(): void {
    const { privateKey } = this.server ?? {};
    this.server = this.#station(0, privateKey);
    this.server.addPeer(this.us.publicKey, { routes: `${OURS}/32` });
    this.server.device.up(this.clock.now);
  }

  /** Another device comes up with our key. */
  startOther(): void {
    this.other = this.#station(2, this.us.privateKey);
    this.#call(this.other);
  }

  stopOther(): void {
    this.other!.device.close();
    this.other = undefined;
  }

  /** Pings from us every `ours` ms and from the other, if there is one, every `others` ms. */
  run(duration: Millis, ours: Millis, others: Millis = SECOND): void {
    const end = this.clock.now + duration;
    let nextOurs = this.clock.now;
    let nextOthers = this.clock.now + 123;
    while (this.clock.now < end) {
      const next = Math.min(nextOurs, nextOthers, end);
      this.clock.runUntil(next, this.us, this.server, this.link, ...(this.other ? [this.other] : []));
      if (next >= nextOurs) {
        this.us.send(makePacket(OURS, SERVER));
        nextOurs += ours;
      }
      if (next >= nextOthers) {
        this.other?.send(makePacket(OURS, SERVER));
        nextOthers += others;
      }
    }
  }

  #station(which: number, privateKey?: Uint8Array): Station {
    const station = new Station(this.clock, { seed: this.#seed++, ...(privateKey && { privateKey }) });
    station.jitter = undefined;
    const from = this.#endpoints[which]!;
    station.transmit = (bytes, to) =>
      this.link.send(bytes, (copy) => this.#byEndpoint.get(to)!()?.receive(copy, from), this.clock.now);
    // The server answers what it gets.
    if (which === 0) station.delivered.push = () => Number(station.send(makePacket(SERVER, OURS)) === 'sent');
    return station;
  }

  #call(station: Station): void {
    station.addPeer(this.server.publicKey, {
      endpoint: this.#endpoints[0]!,
      routes: `${SERVER}/32`,
      persistentKeepalive: 25,
    });
    station.device.up(this.clock.now);
  }
}

describe('another device with our key', () => {
  it.each([
    [1000, 1000],
    [1000, 200],
    [200, 1000],
    [5000, 1000],
    [1000, 5000],
  ])(
    'is noticed within two and a half minutes, with traffic every %i ms here and every %i there',
    (ours, others) => {
      const world = new World();
      world.run(MINUTE, ours);
      world.startOther();
      world.run(5 * MINUTE, ours, others);
      expect(world.reports).toHaveLength(1);
      expect(world.reports[0]! - MINUTE).toBeLessThan(150 * SECOND);
    },
  );

  it('is noticed on a link that loses 1 %', () => {
    const world = new World(3, { delay: 50, jitter: 30, loss: 0.01 });
    world.startOther();
    world.run(5 * MINUTE, 1000);
    expect(world.reports).toHaveLength(1);
  });

  it('is told again when it was gone and came back, and not before', () => {
    const world = new World();
    world.startOther();
    world.run(10 * MINUTE, 1000);
    expect(world.reports).toHaveLength(1);
    world.stopOther();
    world.run(5 * MINUTE, 1000);
    world.startOther();
    world.run(4 * MINUTE, 1000);
    expect(world.reports).toHaveLength(2);
  });
});

describe('another device that pauses', () => {
  it('is told again as soon as it is back, although what was lost before still counts', () => {
    const world = new World();
    world.startOther();
    world.run(5 * MINUTE, 1000);
    expect(world.reports).toHaveLength(1);
    world.stopOther();
    world.run(80 * SECOND, 1000);
    world.startOther();
    world.run(2 * MINUTE, 1000);
    expect(world.reports).toHaveLength(2);
  });
});

describe('no other device, and nothing is said', () => {
  it('on a clean link for a quarter of an hour', () => {
    const world = new World();
    world.run(15 * MINUTE, 1000);
    expect(world.reports).toEqual([]);
  });

  it.each([0.05, 0.2, 0.4])('on a link that loses %d each way', (loss) => {
    for (const seed of [1, 2]) {
      const world = new World(seed, { delay: 40, jitter: 40, loss });
      world.run(15 * MINUTE, 1000);
      expect(world.reports).toEqual([]);
    }
  });

  it.each([10_000, 20_000, 40_000])('on a lossy link with a ping every %i ms', (interval) => {
    for (const seed of [1, 2]) {
      const world = new World(seed, { delay: 40, loss: 0.3 });
      world.run(30 * MINUTE, interval);
      expect(world.reports).toEqual([]);
    }
  });

  it.each([
    [3, 1],
    [14, 10],
    [15.3, 10],
    [17, 20],
    [25, 15],
    [60, 30],
  ])('on a link that is dead for %d s and then works for %d s, and so on', (dead, alive) => {
    const world = new World();
    for (let i = 0; i < 15; i++) {
      world.link.isCut = true;
      world.run(dead * SECOND, 1000);
      world.link.isCut = false;
      world.run(alive * SECOND, 1000);
    }
    expect(world.reports).toEqual([]);
  });

  it('when the server restarts three times in three minutes', () => {
    const world = new World();
    for (let i = 0; i < 3; i++) {
      world.run(50 * SECOND, 1000);
      world.restartServer();
    }
    world.run(10 * MINUTE, 1000);
    expect(world.reports).toEqual([]);
  });

  it('when the server is gone', () => {
    const world = new World();
    world.run(30 * SECOND, 1000);
    world.link.isCut = true;
    world.run(20 * MINUTE, 1000);
    expect(world.reports).toEqual([]);
  });

  it('when we sleep for minutes again and again', () => {
    const world = new World();
    for (let i = 0; i < 10; i++) {
      world.run(20 * SECOND, 1000);
      world.clock.advance(i % 2 === 0 ? 10 * MINUTE : 100 * SECOND);
    }
    expect(world.reports).toEqual([]);
  });
});
