import type { IpPrefix } from '../../src/core/address.ts';
import type { TcpLayerOptions } from '../../src/core/netstack/tcp/tcp-layer.ts';
import { FlowTable } from './flow-watch.ts';
import { Host, type Naps, packetTooBig } from './host.ts';
import { Inside } from './inside.ts';
import { Link, type LinkEvent, type LinkModel } from './link.ts';
import type { App } from './party.ts';

const MOST_STEPS = 1_000_000;
/** Of so many connections only a few are looked into after each event. */
const MANY = 16;
/** Where ICMP errors come from. */
const ROUTER: [string, string] = ['10.0.0.99', 'fd00::99'];

export interface HostModel {
  name: string;
  prefixes: IpPrefix[];
  mtu: number;
  naps?: Naps | undefined;
  tcp?: TcpLayerOptions | undefined;
}

export interface WorldOptions {
  seed: number;
  hosts: HostModel[];
  /** From the host to all others: link i is host i's way out. */
  links: LinkModel[];
  isn?: number | undefined;
  /** From this host on, all share one way out: the last link. */
  shareFrom?: number;
  /** Looks inside after every so many events; absent: after each. */
  lookEvery?: number;
  /** Applications change options of connections, and close what has long been in trouble. */
  pollsTwice?: boolean;
  /** All that the links may do this time (printEvent); undefined: as their models say. */
  only?: ReadonlySet<string> | undefined;
  fastPath?: boolean;
}

/** Stacks, links, applications, and a clock that jumps to whatever is due next. */
export class World {
  now = 1000;
  readonly hosts: Host[];
  readonly links: Link[];
  readonly #insides: Inside[];
  readonly #lookEvery: number;
  readonly #pollsTwice: boolean;
  readonly flows = new FlowTable();
  readonly apps: App[] = [];
  steps = 0;
  /** ICMP errors under way. */
  readonly #notices: { at: number; host: Host; bytes: Uint8Array }[] = [];
  /** FNV-1a over everything that left, and when; kept only if asked for. */
  wireHash: number | undefined;

  constructor(options: WorldOptions) {
    const {
      seed,
      hosts,
      links,
      isn,
      only,
      fastPath = true,
      shareFrom = hosts.length,
      lookEvery = 1,
      pollsTwice = false,
    } = options;
    const clock = () => this.now;
    this.hosts = hosts.map(
      (model, index) =>
        new Host({ ...model, seed: seed * 16 + index, isn, clock, tcp: { fastPath, ...model.tcp } }),
    );
    this.#lookEvery = lookEvery;
    this.#pollsTwice = pollsTwice;
    this.#insides = this.hosts.map((host) => new Inside(host));
    this.links = links.map((model, index) => this.#link(index, seed * 16 + 8 + index, model, only));
    for (const [index, host] of this.hosts.entries()) {
      host.inlet = (bytes) => this.flows.arrived(bytes);
      host.outlet = (bytes) => {
        this.flows.left(bytes, host.name, this.now);
        if (this.wireHash !== undefined) this.#hash(bytes);
        this.links[Math.min(index, shareFrom)]!.take(bytes, this.now);
      };
    }
  }

  get events(): LinkEvent[] {
    return this.links.flatMap(({ events }) => events);
  }

  /** Runs until `isDone`, at most `limit` ms of virtual time. Throws when nothing is left to wait for. */
  run(isDone: () => boolean, limit: number): void {
    const end = this.now + limit;
    for (;;) {
      this.#turn();
      if (isDone()) return;
      const next = this.#next();
      if (next === Number.POSITIVE_INFINITY) throw new Error('stuck: nobody waits for anything');
      if (next > end) throw new Error(`not done after ${limit} ms`);
      if (++this.steps > MOST_STEPS) throw new Error('too many steps');
      this.now = Math.max(this.now, next);
      for (const host of this.hosts) host.wake(this.now);
      for (const link of this.links) link.deliver(this.now);
      this.#deliverNotices();
    }
  }

  #deliverNotices(): void {
    for (const notice of [...this.#notices]) {
      if (notice.at > this.now) continue;
      this.#notices.splice(this.#notices.indexOf(notice), 1);
      notice.host.receive(notice.bytes, this.now);
    }
  }

  #turn(): void {
    const { now } = this;
    for (const app of this.apps) app.act(now);
    for (const host of this.hosts) {
      if (host.wakesAt(now) > now) continue;
      host.stack.poll(now);
      // Who is told of a shorter patience may find that it has ended.
      if (this.#pollsTwice && host.stack.pollAt() <= now) host.stack.poll(now);
      // Loopback gives way to others now and then.
      for (let round = 0; round < 100 && host.stack.pollAt() === 0; round++) host.stack.poll(now);
    }
    for (const [index, host] of this.hosts.entries()) {
      const every = host.stack.tcp.connectionCount <= MANY ? this.#lookEvery : 64;
      if (this.steps % every === 0 && host.wakesAt(now) <= now) this.#insides[index]!.check(now, every === 1);
    }
  }

  #next(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const host of this.hosts) {
      const due = host.hasMail ? 0 : host.stack.pollAt();
      next = Math.min(next, Math.max(due, host.wakesAt(this.now)));
    }
    for (const link of this.links) next = Math.min(next, link.next);
    for (const { at } of this.#notices) next = Math.min(next, at);
    for (const app of this.apps) next = Math.min(next, app.nextAt);
    return next;
  }

  #link(index: number, seed: number, model: LinkModel, only: ReadonlySet<string> | undefined): Link {
    const target = {
      receive: (bytes: Uint8Array) => this.#hostAt(bytes).receive(bytes, this.now),
      tooLarge: (bytes: Uint8Array, mtu: number) => {
        // Never at once: its sender is in the middle of sending.
        const notice = packetTooBig(bytes, mtu, ROUTER);
        this.#notices.push({ at: this.now + model.delay, host: this.hosts[index]!, bytes: notice });
      },
    };
    return new Link(`${this.hosts[index]!.name}→`, seed, model, target, only);
  }

  #hostAt(bytes: Uint8Array): Host {
    if (this.hosts.length === 2) return this.#isFor(bytes, this.hosts[0]!) ? this.hosts[0]! : this.hosts[1]!;
    return this.hosts.find((host) => this.#isFor(bytes, host))!;
  }

  #isFor(bytes: Uint8Array, { addresses }: Host): boolean {
    const at = bytes[0]! >> 4 === 4 ? 16 : 24;
    return addresses.some((address) => address.equalsAt(bytes, at));
  }

  #hash(bytes: Uint8Array): void {
    let hash = this.wireHash! ^ Math.floor(this.now * 1000);
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
    this.wireHash = hash | 0;
  }
}
