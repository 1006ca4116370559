// npm run bench:fair [-- --seconds N] [--runs N]: one connection of ours and one of Linux's share a bottleneck, from the same
// side to the same host. Whoever is a millisecond ahead in slow start keeps the larger part for a minute, so both wait for
// a word, and every other run the second begins. Ours is to get 40 to 60 % of what both get; beside it, two of Linux's.
// Writes fairness.md. See main.ts for how to keep other work out of it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Child } from '../support/child-process.ts';
import { obstacle, prepare } from '../support/prerequisites.ts';
import { BenchNetwork, type EndWish, type NetworkEnd } from './bench-network.ts';
import { bundledOurEnd, compiled } from './build.ts';
import { MTU, RATE } from './cells.ts';
import { median } from './loss-table.ts';
import { describeMachine, load } from './machine.ts';
import type { OurEndWish } from './our-end.ts';
import { goodput } from './traffic-report.ts';
import { reportOf } from './transfer.ts';

const ROUND_TRIPS = [20, 100];
const PORTS = [5001, 5002];
const SENDERS = ['10.9.0.2/24', '10.9.0.3/24'];
const RECEIVER = '10.9.0.1/24';
/** Slow start, and the first losses, in ms. */
const WARM_UP = 10_000;
/** Both programs wait by then, in ms. */
const SETTLED = 300;
const [LEAST, MOST] = [0.4, 0.6];

type Rival = 'ours' | 'linux';

interface Race {
  /** Bytes per second of the rival, and of Linux beside it. */
  rates: [number, number];
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`bench:fair: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '40' },
      runs: { type: 'string', default: '4' },
    },
  });
  const [seconds, runs] = [Number(values.seconds), Number(values.runs)];
  await prepare('interop');
  const why = await obstacle('interop');
  if (why) throw new Error(why);
  const machine = `${await describeMachine()}; load before ${load()}`;
  const rows: string[] = [];
  let missed = 0;
  for (const rtt of ROUND_TRIPS)
    for (const rival of ['ours', 'linux'] as const) {
      const races: Race[] = [];
      for (let seed = 1; seed <= runs; seed++) races.push(await race(rtt, rival, seed, 1000 * seconds));
      const isFair = rival === 'linux' || isBetween(median(races.map(shareOf)));
      if (!isFair) missed++;
      rows.push(print(rtt, rival, races, isFair));
      console.log(rows.at(-1));
    }
  const text = `# Our TCP beside Linux's in one bottleneck

\`npm run bench:fair\`: ${runs} runs of ${seconds} s after ${WARM_UP / 1000} s, medians; ${RATE / 1e6} Mbit/s, a queue of one bandwidth-delay product.
${machine}, after ${load()}.

| RTT ms | first | its MB/s | beside it, Linux's MB/s | share of the first | runs | asked | verdict |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
  writeFileSync(join(import.meta.dirname, 'fairness.md'), text);
  return missed > 0 ? 1 : 0;
}

async function race(rtt: number, rival: Rival, seed: number, measured: number): Promise<Race> {
  const link = { rate: RATE, queue: Math.round((RATE / 8) * (rtt / 1000)), delay: rtt / 2 };
  const duration = WARM_UP + measured;
  const ends: EndWish[] = SENDERS.map((address, i) => ({
    is: i === 0 ? rival : 'linux',
    addresses: [address],
  }));
  const network = await BenchNetwork.up({
    a: ends,
    b: [{ is: 'linux', addresses: [RECEIVER] }],
    ab: link,
    ba: link,
    seed,
    mtu: MTU,
  });
  const programs: Child[] = [];
  try {
    const traffic = await compiled('traffic');
    const { namespace } = network.b[0]!;
    const receivers = PORTS.map((port) =>
      namespace!.start(traffic, ['receive', String(port), String(duration)]),
    );
    programs.push(...receivers);
    for (const receiver of receivers) await receiver.saw(/^ready$/m);
    const senders: Child[] = [];
    for (const [i, end] of network.a.entries())
      senders.push(await waitingSender(end, PORTS[i]!, duration + WARM_UP, seed));
    programs.push(...senders);
    await setTimeout(SETTLED);
    for (const sender of seed % 2 === 1 ? senders : senders.reverse()) sender.process.stdin!.end('go\n');
    const reports = await Promise.all(receivers.map((receiver) => reportOf(receiver, duration)));
    if (reports.some(({ corrupt }) => corrupt)) throw new Error('a stream arrived changed');
    const [first, second] = reports.map(({ samples }) => goodput(samples, WARM_UP, duration));
    return { rates: [first!, second!] };
  } finally {
    for (const program of programs) await program.stop();
    await network.down();
  }
}

/** Begins when a line comes on its standard input. */
async function waitingSender(
  at: NetworkEnd,
  port: number,
  milliseconds: number,
  seed: number,
): Promise<Child> {
  const to = RECEIVER.split('/')[0]!;
  const options = { isInteractive: true };
  if (at.namespace) {
    const program = [await compiled('traffic'), 'send', to, String(port), String(milliseconds), 'cubic'];
    return at.namespace.start('sh', ['-c', `read go; exec ${program.join(' ')}`], options);
  }
  const wish: OurEndWish = {
    mode: 'send',
    path: at.path!,
    addresses: [...at.addresses],
    mtu: MTU,
    seed,
    to,
    port,
    milliseconds,
    waits: true,
  };
  const sender = new Child(process.execPath, [await bundledOurEnd(), JSON.stringify(wish)], options);
  await sender.saw(/^ready$/m);
  return sender;
}

function shareOf({ rates: [first, second] }: Race): number {
  return first / (first + second);
}

function isBetween(share: number): boolean {
  return share >= LEAST && share <= MOST;
}

function print(rtt: number, rival: Rival, races: readonly Race[], isFair: boolean): string {
  const percent = (share: number): string => (100 * share).toFixed(0);
  const of = (i: 0 | 1): string => (median(races.map(({ rates }) => rates[i])) / 1e6).toFixed(2);
  const asked = rival === 'ours' ? `${percent(LEAST)}–${percent(MOST)} %` : '–';
  const all = races.map((one) => percent(shareOf(one))).join(', ');
  const verdict = rival === 'linux' ? '–' : isFair ? 'ok' : '**misses**';
  return `| ${[rtt, rival, of(0), of(1), `${percent(median(races.map(shareOf)))} %`, all, asked, verdict].join(' | ')} |`;
}
