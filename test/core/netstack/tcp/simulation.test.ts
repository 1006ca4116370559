// Two stacks through a bad network, seed by seed: whatever the network does, every byte arrives, once, in order, in
// both directions, both ends close, and nothing is left behind.
import { describe, expect, it } from 'vitest';
import type { CryptoSuite } from '../../../../src/core/crypto/suite.ts';
import type { Environment } from '../../../../src/core/environment.ts';
import type { TcpConnection } from '../../../../src/core/netstack/tcp/connection.ts';
import type { TcpOptions } from '../../../../src/core/netstack/tcp/state.ts';
import { SeededRandom } from '../../../support/random.ts';
import { address, hashEnvironment } from './fake-ip.ts';
import { type Impairment, PERFECT } from './impaired-link.ts';
import { type End, Reader, Simulation, Writer } from './simulation.ts';

const SEEDS = Number(process.env.SIM_SEEDS ?? 1000);
const FIRST_SEED = Number(process.env.SIM_FIRST ?? 1);
const IPV4 = [address('10.0.0.1'), address('10.0.0.2')] as const;
const IPV6 = [address('fd00::1'), address('fd00::2')] as const;

function pick<T>(random: SeededRandom, choices: readonly T[]): T {
  return choices[random.below(choices.length)]!;
}

function randomImpairment(random: SeededRandom): Impairment {
  const delay = pick(random, [0.1, 1, 10, 50, 150]);
  return {
    loss: pick(random, [0, 0, 0.01, 0.05, 0.1, 0.2]),
    duplicate: pick(random, [0, 0, 0.02, 0.2]),
    corrupt: pick(random, [0, 0, 0.01, 0.05]),
    reorder: pick(random, [0, 0, 0.02, 0.3]),
    reorderDelay: pick(random, [1, 10, 100]),
    delay,
    jitter: pick(random, [0, 1, delay]),
    batch: pick(random, [0, 0, 2, 25]),
    stripTimestamps: false,
    stripSack: false,
    stripWindowScale: false,
  };
}

/** Initial sequence numbers where the arithmetic wraps. */
function environmentWithIsn(isn: number): (seed: number, memory: End['memory']) => Environment {
  return (seed, memory) => {
    const crypto = { sipHash: () => [isn >>> 0, 0] } as unknown as CryptoSuite;
    return { ...hashEnvironment(seed, memory), crypto };
  };
}

function randomOptions(random: SeededRandom): TcpOptions {
  return {
    noDelay: random.fraction() < 0.5,
    ...(random.fraction() < 0.5 && {
      receiveBufferSize: pick(random, [1, 500, 3000, 20_000, 200_000, 20 << 20]),
    }),
    ...(random.fraction() < 0.3 && { sendBufferSize: pick(random, [1, 1000, 10_000, 100_000]) }),
  };
}

class Ending {
  count = 0;
  error: Error | undefined;
  connected(): void {}
  readable(): void {}
  writable(): void {}
  closed(error?: Error): void {
    this.count++;
    this.error = error;
  }
}

function runSeed(seed: number): void {
  const random = new SeededRandom(seed);
  const impairment: [Impairment, Impairment] = [randomImpairment(random), randomImpairment(random)];
  for (const key of ['stripTimestamps', 'stripSack', 'stripWindowScale'] as const) {
    impairment[0][key] = impairment[1][key] = random.fraction() < 0.25;
  }
  const addresses = pick(random, [IPV4, IPV6]);
  const mtu = pick(random, [1280, 1420, 1420, 9000]);
  const isn = pick(random, [undefined, 0x7fffff00, -300, 0]);
  const simulation = new Simulation({
    seed,
    addresses: [...addresses],
    mtu: [mtu, pick(random, [mtu, 1280])],
    impairment,
    ...(isn !== undefined && { environment: environmentWithIsn(isn) }),
  });
  const { a, b, apps } = simulation;
  const options = [randomOptions(random), randomOptions(random)];
  const listener = b.layer.listen({ port: 80, ...options[1] }, simulation.now);
  const remote = { address: addresses[1], port: 80 };
  const client = a.layer.connect(remote, { ...options[0], localPort: 50_000 }, simulation.now);
  const isSmall = random.fraction() < 0.3;
  // Tiny buffers take a round trip for each filling.
  const least = (sender: TcpOptions, receiver: TcpOptions) =>
    200 * Math.min(sender.sendBufferSize ?? 1e6, receiver.receiveBufferSize ?? 1e6);
  const size = (sender: TcpOptions, receiver: TcpOptions) =>
    Math.min(random.below(1 << random.below(isSmall ? 8 : 18)), least(sender, receiver));
  const totals = [size(options[0]!, options[1]!), size(options[1]!, options[0]!)];
  const pauses = pick(random, [0, 0.02, 0.3]);
  const endings = [new Ending(), new Ending()];
  client.observer = endings[0]!;
  const clientReader = new Reader(client, 1, random, pauses);
  apps.push(new Writer(client, 0, totals[0]!, random, pauses), clientReader);
  let server: TcpConnection | undefined;
  let serverReader: Reader | undefined;
  apps.push({
    nextAt: Number.POSITIVE_INFINITY,
    act: () => {
      if (server || !(server = listener.accept())) return;
      server.observer = endings[1]!;
      serverReader = new Reader(server, 0, random, pauses);
      apps.push(new Writer(server, 1, totals[1]!, random, pauses), serverReader);
    },
  });
  const ended = () => endings.every(({ count }) => count === 1);
  try {
    simulation.run(() => {
      for (const { error } of endings) if (error) throw error;
      return ended();
    }, 3_600_000);
  } catch (error) {
    const progress = [serverReader?.read, clientReader.read, totals, client.info(), server?.info()];
    throw new Error(`${(error as Error).message} ${JSON.stringify([progress, options, impairment])}`);
  }
  simulation.run(() => clientReader.ended && serverReader!.ended, 60_000);
  expect([serverReader!.read, clientReader.read]).toEqual(totals);
  client.close();
  server!.close();
  expect([a.layer.pages.used, b.layer.pages.used], 'pages left behind').toEqual([0, 0]);
  expect([a.layer.connectionCount, b.layer.connectionCount]).toEqual([0, 0]);
  // TIME-WAIT passes, and nobody has anything left to do.
  listener.close();
  simulation.run(() => a.layer.timeWaitCount + b.layer.timeWaitCount === 0, 1_000_000);
  for (const layer of [a.layer, b.layer]) expect(layer.pollAt()).toBe(Number.POSITIVE_INFINITY);
  const caught = [a.layer, b.layer].map(({ drops }) => drops.of('tcp_checksum') + drops.of('tcp_malformed'));
  if (simulation.links[0].corrupted + simulation.links[1].corrupted === 0) expect(caught).toEqual([0, 0]);
}

describe('two stacks through a bad network', () => {
  const failures: string[] = [];
  it(`deliver every byte of ${SEEDS} seeds in both directions and leave nothing behind`, () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      try {
        runSeed(seed);
      } catch (error) {
        failures.push(`seed ${seed}: ${(error as Error).message}`);
      }
    }
    expect(failures).toEqual([]);
  }, 120_000);

  it('need no retransmission on a perfect link', () => {
    const simulation = new Simulation({ seed: 1, addresses: [...IPV4], impairment: [PERFECT, PERFECT] });
    const listener = simulation.b.layer.listen({ port: 80 }, simulation.now);
    const client = simulation.a.layer.connect({ address: IPV4[1], port: 80 }, {}, simulation.now);
    const random = new SeededRandom(1);
    simulation.apps.push(new Writer(client, 0, 1_000_000, random, 0));
    simulation.run(() => listener.hasRoom && client.state === 'ESTABLISHED', 1000);
    let server: TcpConnection | undefined;
    simulation.run(() => (server ??= listener.accept()) !== undefined, 1000);
    const reader = new Reader(server!, 0, random, 0);
    simulation.apps.push(reader);
    simulation.run(() => reader.ended, 10_000);
    expect(reader.read).toBe(1_000_000);
    expect(client.info()).toMatchObject({ retransmits: 0, timeouts: 0, bytesSent: 1_000_000 });
  });
});
