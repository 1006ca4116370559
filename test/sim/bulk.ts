// Long transfers over one bottleneck: for the table of throughput, and for fairness.
import { IpPrefix } from '../../src/core/address.ts';
import type { TcpConnection } from '../../src/core/netstack/tcp/connection.ts';
import type { TcpListener } from '../../src/core/netstack/tcp/listener.ts';
import type { TcpLayerOptions } from '../../src/core/netstack/tcp/tcp-layer.ts';
import { NEVER } from '../../src/core/time.ts';
import type { Naps } from './host.ts';
import { type LinkModel, PERFECT } from './link.ts';
import { World } from './world.ts';

const CHUNK = new Uint8Array(1 << 16);
const PORT = 80;

export interface Path {
  /** Bytes per ms. */
  rate: number;
  /** Both ways together, in ms. */
  roundTrip: number;
  /** Bytes that the bottleneck holds. */
  queue: number;
  /** Probability of loss of each packet, towards the receiver. */
  loss: number;
  /** Probability of being held back for up to 5 ms, both ways; default 0. */
  reorder?: number;
  /** Of the receiver, and of the senders. */
  naps?: [Naps, Naps];
}

/** One flow from a sender of its own to the one receiver, all through one bottleneck. */
export interface Flow {
  /** Of the receiver, in bytes; absent: as the stack chooses. */
  buffer?: number;
  tcp?: TcpLayerOptions;
  /** When it begins, in ms. */
  at?: number;
}

/** Runs the flows for `duration` ms; bytes that each has delivered, counted from `from` on. */
export function bulk(path: Path, flows: Flow[], duration: number, seed: number, from = 0): number[] {
  const back: LinkModel = {
    ...PERFECT,
    delay: path.roundTrip / 2,
    reorder: path.reorder ?? 0,
    reorderBy: { ms: 5 },
  };
  const there: LinkModel = {
    ...back,
    rate: path.rate,
    queue: path.queue,
    loss: { kind: 'bernoulli', probability: path.loss },
  };
  const prefixes = (last: number) => [IpPrefix.parse(`10.0.0.${last}/24`)!];
  const senders = flows.map(({ tcp }, i) => ({
    name: `sender ${i + 1}`,
    prefixes: prefixes(i + 2),
    mtu: 1420,
    tcp,
    naps: path.naps?.[1],
  }));
  const world = new World({
    seed,
    hosts: [{ name: 'receiver', prefixes: prefixes(1), mtu: 1420, naps: path.naps?.[0] }, ...senders],
    // The senders share their way.
    links: [back, there],
    shareFrom: 1,
    lookEvery: 500,
  });
  const [receiver, ...hosts] = world.hosts;
  const delivered = flows.map(() => 0);
  const target = new Uint8Array(1 << 16);
  const began = world.now;
  for (const [i, { buffer, at = 0 }] of flows.entries()) {
    const size = buffer === undefined ? {} : { receiveBufferSize: buffer };
    const listener: TcpListener = receiver!.stack.listenTcp({ port: PORT + i, ...size }, world.now);
    let client: TcpConnection | undefined;
    let server: TcpConnection | undefined;
    world.apps.push({
      nextAt: began + at,
      act(now) {
        if (now < began + at) return;
        this.nextAt = NEVER;
        const remote = { address: receiver!.addresses[0]!, port: PORT + i };
        client ??= hosts[i]!.stack.connectTcp(remote, {}, now);
        while (client.write(CHUNK) === CHUNK.length);
        server ??= listener.accept();
        for (let length = 1; server && length > 0; ) {
          length = server.readInto(target);
          if (now - began >= from) delivered[i]! += length;
        }
      },
    });
  }
  const end = began + duration;
  world.apps.push({ nextAt: end, act: () => {} });
  world.run(() => world.now >= end, duration + 1);
  return delivered;
}

/** 1 when all get the same, 1/n when one gets all (Jain, Chiu, Hawe 1984). */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0);
  const squares = shares.reduce((a, b) => a + b * b, 0);
  return (sum * sum) / (shares.length * squares);
}
