import type { IpAddress } from '../../../../src/core/address.ts';
import type { Environment } from '../../../../src/core/environment.ts';
import type { TcpConnection } from '../../../../src/core/netstack/tcp/connection.ts';
import { TcpLayer } from '../../../../src/core/netstack/tcp/tcp-layer.ts';
import { plainMemory } from '../../../../src/core/packet-buffer.ts';
import { SeededRandom } from '../../../support/random.ts';
import { FakeIp, hashEnvironment } from './fake-ip.ts';
import { ImpairedLink, type Impairment } from './impaired-link.ts';
import { WireWatch } from './wire-watch.ts';

/** Something that lives at one of the ends, and acts when its time has come. */
export interface App {
  /** When it wants to act by itself; Infinity: only when called after something happened. */
  nextAt: number;
  act(now: number): void;
}

/** One end: a stack over a fake IP layer. */
export class End {
  readonly memory = plainMemory(65_536, 16);
  readonly ip: FakeIp;
  readonly layer: TcpLayer;

  constructor(own: IpAddress[], mtu: number, environment: (memory: End['memory']) => Environment) {
    this.ip = new FakeIp(own, this.memory, mtu);
    this.layer = new TcpLayer(this.ip, environment(this.memory), { bufferLimit: 32 << 20 });
  }
}

export interface SimulationOptions {
  seed: number;
  addresses: [IpAddress, IpAddress];
  mtu?: [number, number];
  impairment: [Impairment, Impairment];
  environment?: (seed: number, memory: End['memory']) => Environment;
}

/** Two stacks, two links, a clock that jumps to whatever is due next. */
export class Simulation {
  now = 1000;
  readonly random: SeededRandom;
  readonly a: End;
  readonly b: End;
  readonly links: [ImpairedLink, ImpairedLink];
  readonly watches: [WireWatch, WireWatch] = [new WireWatch('a'), new WireWatch('b')];
  readonly apps: App[] = [];
  steps = 0;

  constructor({
    seed,
    addresses,
    mtu = [1420, 1420],
    impairment,
    environment = hashEnvironment,
  }: SimulationOptions) {
    this.random = new SeededRandom(seed);
    this.a = new End([addresses[0]], mtu[0], (memory) => environment(2 * seed, memory));
    this.b = new End([addresses[1]], mtu[1], (memory) => environment(2 * seed + 1, memory));
    this.links = [
      new ImpairedLink(this.random, impairment[0], this.b.layer, this.b.memory),
      new ImpairedLink(this.random, impairment[1], this.a.layer, this.a.memory),
    ];
    this.watches[0].opposite = this.watches[1];
    this.watches[1].opposite = this.watches[0];
    for (const [index, end] of [this.a, this.b].entries()) {
      end.ip.outlet = (segment, header) => {
        this.watches[index]!.see(segment, header);
        this.links[index]!.take(segment, header, this.now);
      };
    }
  }

  /** Runs until `isDone`, at most `limit` ms of virtual time. Throws when nothing is left to wait for. */
  run(isDone: () => boolean, limit: number): void {
    const end = this.now + limit;
    for (;;) {
      this.#turn();
      if (isDone()) return;
      const next = Math.min(
        this.a.layer.pollAt(),
        this.b.layer.pollAt(),
        this.links[0].next,
        this.links[1].next,
        ...this.apps.map((app) => app.nextAt),
      );
      if (next === Number.POSITIVE_INFINITY) throw new Error('stuck: nobody waits for anything');
      if (next > end) throw new Error(`not done after ${limit} ms`);
      if (++this.steps > 2_000_000) throw new Error('too many steps');
      this.now = Math.max(this.now, next);
      this.links[0].deliver(this.now);
      this.links[1].deliver(this.now);
    }
  }

  #turn(): void {
    for (const app of this.apps) app.act(this.now);
    this.a.layer.poll(this.now);
    this.b.layer.poll(this.now);
    for (const { layer } of [this.a, this.b]) {
      if (layer.pollAt() <= this.now) throw new Error(`poll leaves something due (${layer.pollAt()})`);
    }
  }
}

/** The byte at `offset` of stream `stream`: the same nowhere near by. */
export function patternByte(stream: number, offset: number): number {
  return (Math.imul(offset ^ (stream << 20), 0x9e3779b1) >>> 23) & 255;
}

/** Writes `total` pattern bytes in pieces of random size, with pauses, and then ends its direction. */
export class Writer implements App {
  nextAt = 0;
  written = 0;
  readonly #connection: TcpConnection;
  readonly #stream: number;
  readonly #total: number;
  readonly #random: SeededRandom;
  readonly #pauses: number;
  #ended = false;

  constructor(
    connection: TcpConnection,
    stream: number,
    total: number,
    random: SeededRandom,
    pauses: number,
  ) {
    this.#connection = connection;
    this.#stream = stream;
    this.#total = total;
    this.#random = random;
    this.#pauses = pauses;
  }

  act(now: number): void {
    if (this.#ended || now < this.nextAt) return;
    this.nextAt = Number.POSITIVE_INFINITY;
    while (this.written < this.#total) {
      if (this.#random.fraction() < this.#pauses) {
        this.nextAt = now + this.#random.fraction() * 300;
        return;
      }
      const size = Math.min(this.#total - this.written, 1 + this.#random.below(1 << this.#random.below(16)));
      const bytes = new Uint8Array(size);
      for (let i = 0; i < size; i++) bytes[i] = patternByte(this.#stream, this.written + i);
      const taken = this.#connection.write(bytes);
      this.written += taken;
      // The rest waits for room: whoever runs the simulation calls again after whatever makes room.
      if (taken < size) {
        this.nextAt = now + 50;
        return;
      }
    }
    this.#connection.shutdown();
    this.#ended = true;
  }
}

/** Reads in pieces of random size, with pauses, and checks every byte. */
export class Reader implements App {
  nextAt = 0;
  read = 0;
  ended = false;
  readonly #connection: TcpConnection;
  readonly #stream: number;
  readonly #random: SeededRandom;
  readonly #pauses: number;
  #resumeAt = 0;

  constructor(connection: TcpConnection, stream: number, random: SeededRandom, pauses: number) {
    this.#connection = connection;
    this.#stream = stream;
    this.#random = random;
    this.#pauses = pauses;
  }

  act(now: number): void {
    if (this.ended || now < this.#resumeAt) return;
    this.nextAt = Number.POSITIVE_INFINITY;
    while (this.#connection.readableBytes > 0) {
      if (this.#random.fraction() < this.#pauses) {
        const long = this.#random.fraction() < 0.1 ? 10 : 1;
        this.nextAt = this.#resumeAt = now + this.#random.fraction() * 500 * long;
        return;
      }
      const target = new Uint8Array(1 + this.#random.below(1 << this.#random.below(17)));
      const length = this.#connection.readInto(target);
      for (let i = 0; i < length; i++) {
        if (target[i] !== patternByte(this.#stream, this.read + i))
          throw new Error(`byte ${this.read + i} is wrong`);
      }
      this.read += length;
    }
    this.ended = this.#connection.readEnded;
  }
}
