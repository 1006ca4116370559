import type { TcpOptions } from '../../src/core/netstack/tcp/state.ts';
import { SeededRandom } from '../support/random.ts';
import type { Naps } from './host.ts';
import { type LinkModel, PERFECT } from './link.ts';
import { type LossModel, NO_LOSS } from './loss.ts';
import { type Behaviour, QUIET } from './party.ts';

/** One connection: who opens it when, and what both ends do with it. */
export interface Session {
  at: number;
  client: Behaviour;
  server: Behaviour;
}

/** Everything a run depends on besides the stack. Plain data, from one seed. */
export interface Scenario {
  seed: number;
  workload: Workload;
  version: 4 | 6;
  /** For IPv4, as the links' MTUs; with IPv6, 20 more, so that segments are equally large. */
  mtu: [number, number];
  links: [LinkModel, LinkModel];
  naps: [Naps | undefined, Naps | undefined];
  options: [TcpOptions, TcpOptions];
  sessions: Session[];
  backlog: number;
  /** Between two calls of accept. */
  acceptEvery: number;
  /** Connections may end badly, as long as they end. */
  mayFail: boolean;
}

export const WORKLOADS = [
  'bulk up',
  'bulk down',
  'bulk both ways',
  'random',
  'requests',
  'many short',
  'slow reader',
  'stop and go',
  'tiny writes',
  'client ends first',
  'server ends first',
  'both end at once',
  'abort',
  'listen overflow',
  'loopback',
  'crossing',
] as const;
export type Workload = (typeof WORKLOADS)[number];

function pick<T>(random: SeededRandom, choices: readonly T[]): T {
  return choices[random.below(choices.length)]!;
}

/** A number up to `bound`, small ones as likely as large ones. */
function anySize(random: SeededRandom, bits: number): number {
  return random.below(1 << (1 + random.below(bits)));
}

export function scenarioOf(seed: number): Scenario {
  const random = new SeededRandom(seed);
  const workload = pick(random, WORKLOADS);
  const mtu = pick(random, [1300, 1420, 1420, 1420, 9000]);
  const links: [LinkModel, LinkModel] = [randomLink(random, mtu), randomLink(random, mtu)];
  for (const key of ['stripTimestamps', 'stripSack', 'stripWindowScale'] as const)
    links[0][key] = links[1][key] = random.fraction() < 0.15;
  const scenario: Scenario = {
    seed,
    workload,
    version: pick(random, [4, 6]),
    mtu: [mtu, pick(random, [mtu, mtu, 1300])],
    links,
    naps: [randomNaps(random), randomNaps(random)],
    options: [randomOptions(random), randomOptions(random)],
    sessions: [],
    backlog: 64,
    acceptEvery: 0,
    mayFail: workload === 'abort' || workload === 'listen overflow',
  };
  fill(scenario, random);
  return scenario;
}

function randomLoss(random: SeededRandom): LossModel {
  switch (random.below(8)) {
    case 0:
      return { kind: 'bernoulli', probability: pick(random, [0.01, 0.05, 0.1]) };
    case 1:
      return { kind: 'bernoulli', probability: pick(random, [0.001, 0.02, 0.2]) };
    case 2:
      return {
        kind: 'bursts',
        toBad: pick(random, [0.005, 0.02]),
        toGood: pick(random, [0.1, 0.3]),
        whenGood: 0,
        whenBad: pick(random, [0.5, 1]),
      };
    case 3:
      return { kind: 'periodic', every: 3 + random.below(40) };
    case 4:
      return { kind: 'nth', numbers: Array.from({ length: 1 + random.below(8) }, () => anySize(random, 8)) };
    case 5:
      return {
        kind: 'first',
        of: pick(random, ['syn', 'syn-ack', 'fin', 'data', 'ack'] as const),
        count: 1 + random.below(3),
      };
    default:
      return NO_LOSS;
  }
}

function randomLink(random: SeededRandom, mtu: number): LinkModel {
  const delay = pick(random, [0.1, 1, 10, 10, 50, 150]);
  const isNarrow = random.fraction() < 0.4;
  const rate = isNarrow ? pick(random, [20, 125, 1250, 12_500]) : Number.POSITIVE_INFINITY;
  const stalls = random.fraction() < 0.1;
  return {
    ...PERFECT,
    delay,
    jitter: pick(random, [0, 0, 1, delay]),
    rate,
    queue: isNarrow ? 4 * mtu + rate * pick(random, [0, 50, 300]) : rate,
    loss: randomLoss(random),
    duplicate: pick(random, [0, 0, 0, 0.02, 0.2]),
    corrupt: pick(random, [0, 0, 0, 0.01, 0.05]),
    reorder: pick(random, [0, 0, 0, 0.02, 0.3]),
    reorderBy:
      random.fraction() < 0.5 ? { ms: pick(random, [1, 10, 100]) } : { packets: 1 + random.below(6) },
    stall: stalls ? { every: 5000, length: pick(random, [200, 400, 1500]) } : PERFECT.stall,
    batch: pick(random, [0, 0, 0, 2, 25]),
    thinning: pick(random, [0, 0, 0, 0.5, 1]),
    mtu: pick(random, [9000, 9000, 9000, 9000, 1280, 1400]),
  };
}

/** Now and then a page, or a worker, is held up. */
function randomNaps(random: SeededRandom): Naps | undefined {
  if (random.fraction() < 0.8) return undefined;
  const every = pick(random, [100, 1000, 3000]);
  return { every, length: every * pick(random, [0.1, 0.5, 0.9]) };
}

function randomOptions(random: SeededRandom): TcpOptions {
  return {
    noDelay: random.fraction() < 0.5,
    ...(random.fraction() < 0.3 && {
      receiveBufferSize: pick(random, [1, 500, 3000, 20_000, 200_000, 20 << 20]),
    }),
    ...(random.fraction() < 0.2 && { sendBufferSize: pick(random, [1, 1000, 10_000, 100_000]) }),
    ...(random.fraction() < 0.1 && { keepAliveDelay: pick(random, [1000, 20_000]) }),
  };
}

/** As much as is worth simulating: tiny buffers take a round trip for each filling, slow links their time. */
function size(scenario: Scenario, from: 0 | 1, random: SeededRandom, bits: number): number {
  const { options, links } = scenario;
  const buffer = Math.min(options[from].sendBufferSize ?? 1e6, options[1 - from]!.receiveBufferSize ?? 1e6);
  const worst = links.some(({ loss }) => loss.kind === 'bernoulli' && loss.probability >= 0.2) ? 30_000 : 1e9;
  return Math.min(anySize(random, bits), 100 * buffer, worst, links[from].rate * 20_000);
}

function behaviour(random: SeededRandom, total: number): Behaviour {
  const chunk = 1 << random.below(17);
  const pauses = pick(random, [0, 0, 0.02, 0.3]);
  const pause = pick(random, [1, 300, 5000]);
  // Not more than some hundred pauses.
  const most = pauses === 0 ? total : Math.floor((300_000 / (pauses * pause)) * chunk);
  return {
    ...QUIET,
    total: Math.min(total, most),
    chunk,
    pauses,
    pause,
    readChunk: 1 + random.below(65_536),
  };
}

function bothWays(random: SeededRandom, up: number, down: number): [Behaviour, Behaviour] {
  const both: [Behaviour, Behaviour] = [behaviour(random, up), behaviour(random, down)];
  for (const [i, reader] of both.entries())
    reader.readChunk = Math.max(reader.readChunk, Math.min(Math.ceil(both[1 - i]!.total / 50), 65_536));
  return both;
}

function fill(scenario: Scenario, random: SeededRandom): void {
  const { sessions, workload } = scenario;
  const add = (client: Behaviour, server: Behaviour, at = 0) => void sessions.push({ at, client, server });
  const up = (bits: number) => size(scenario, 0, random, bits);
  const down = (bits: number) => size(scenario, 1, random, bits);
  switch (workload) {
    case 'bulk up':
      add({ ...QUIET, total: up(19) }, QUIET);
      return;
    case 'bulk down':
      add(QUIET, { ...QUIET, total: down(19) });
      return;
    case 'bulk both ways':
      add({ ...QUIET, total: up(17) }, { ...QUIET, total: down(17) });
      return;
    case 'random':
    case 'loopback':
    case 'crossing':
      add(...bothWays(random, up(16), down(16)));
      return;
    case 'requests': {
      const count = 1 + random.below(12);
      const [request, reply] = [1 + Math.floor(up(13) / count), 1 + Math.floor(down(16) / count)];
      add(
        { ...QUIET, total: request * count, dialogue: { request: reply, reply: request, begins: true } },
        { ...QUIET, total: reply * count, dialogue: { request, reply, begins: false } },
      );
      return;
    }
    case 'many short':
      for (let i = 0, at = 0; i < 2 + random.below(12); i++, at += random.below(200))
        add({ ...QUIET, total: up(11) }, { ...QUIET, total: down(12), ending: 'after-peer' }, at);
      return;
    case 'slow reader':
      add(
        { ...QUIET, total: up(15) },
        { ...QUIET, readChunk: 2000, readEvery: pick(random, [10, 200, 3000]) },
      );
      return;
    case 'stop and go': {
      const [stopAfter, stopFor] = [1 + anySize(random, 16), pick(random, [100, 3000, 60_000])];
      const total = Math.min(up(17), Math.ceil((600_000 / stopFor) * stopAfter));
      add({ ...QUIET, total }, { ...QUIET, stopAfter, stopFor });
      return;
    }
    case 'tiny writes': {
      const tiny = { ...QUIET, chunk: 1 + random.below(40), pauses: 0.3, pause: pick(random, [1, 20, 100]) };
      add({ ...tiny, total: up(11) }, { ...tiny, total: down(11) });
      return;
    }
    case 'client ends first':
      add(
        { ...QUIET, total: up(15), ending: pick(random, ['shutdown', 'shutdown', 'close']) },
        { ...QUIET, ending: 'after-peer' },
      );
      if (sessions[0]!.client.ending === 'shutdown') sessions[0]!.server.total = down(15);
      return;
    case 'server ends first':
      // A client that is silent would not learn that its last ACK of the handshake never arrived.
      add({ ...QUIET, total: 1 + up(15), ending: 'after-peer' }, { ...QUIET, total: down(15) });
      return;
    case 'both end at once':
      add(QUIET, QUIET);
      return;
    case 'abort': {
      const both = bothWays(random, up(17), down(17));
      both[random.below(2)]!.abortAfter = anySize(random, 12);
      add(...both);
      return;
    }
    case 'listen overflow':
      scenario.backlog = 1 + random.below(4);
      scenario.acceptEvery = pick(random, [1, 30, 500]);
      for (let i = 0; i < 2 + random.below(20); i++)
        add({ ...QUIET, total: 1 + up(10) }, { ...QUIET, total: down(10) }, random.below(50));
      return;
  }
}
