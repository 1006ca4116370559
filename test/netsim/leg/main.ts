// npm run bench:leg [-- --seconds N] [--seeds N] [--losses '1 2']: a tunnel of ours whose WebSocket crosses a bad network,
// beside native WireGuard across the same network. Prints the table, writes it to leg.md unless it has only some losses,
// and ends with 1 if we add more delay than we may.
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { obstacle, prepare } from '../../support/prerequisites.ts';
import { compiled } from '../build.ts';
import type { LinkProfile } from '../link-profile.ts';
import { median } from '../loss-table.ts';
import { describeMachine, load } from '../machine.ts';
import { type Kind, type Measured, measureLeg } from './leg-network.ts';
import type { Bulk, StreamResult } from './protocol.ts';

const KINDS: readonly Kind[] = ['ours', 'native'];
/** In percent. */
const ALL_LOSSES = '0 1 2';
const DELAY = 50;
const UP = 2e6;
const DOWN = 10e6;
/** What we may add to what the link's own queue and the way itself take, in ms. */
const MAX_ADDED = 50;
const COMMITTED = join(import.meta.dirname, '../leg.md');

interface Cell {
  loss: number;
  kind: Kind;
  seed: number;
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '15' },
    seeds: { type: 'string', default: '5' },
    losses: { type: 'string', default: ALL_LOSSES },
  },
});
/** Parts of 1. */
const LOSSES = values.losses.split(' ').map((percent) => Number(percent) / 100);
const seconds = Number(values.seconds);
const seeds = Number(values.seeds);
const measured = new Map<string, Measured[][]>();
process.exitCode = await main();

async function main(): Promise<number> {
  await prepare('interop');
  const why = await obstacle('interop');
  if (why) {
    console.error(`bench:leg: ${why}`);
    return 1;
  }
  await compiled('impair');
  const before = load();
  const cells = LOSSES.flatMap((loss) =>
    Array.from({ length: seeds }, (_, i) => KINDS.map((kind): Cell => ({ loss, kind, seed: i + 1 }))).flat(),
  );
  // Megabits: several at once do not fill the machine.
  await Promise.all(Array.from({ length: 2 * availableParallelism() }, () => work(cells)));
  const rows = LOSSES.flatMap((loss) =>
    (['none', 'down', 'up'] as const).flatMap((bulk) => rowsOf(loss, bulk)),
  );
  const added = LOSSES.flatMap((loss) => (['down', 'up'] as const).map((bulk) => addedDelay(loss, bulk)));
  const text = `# A tunnel over a bad WebSocket, and native WireGuard over the same network

\`npm run bench:leg -- --seconds ${seconds} --seeds ${seeds}\`: medians of ${seeds} seeds, ${seconds} s each.
${await describeMachine()}; load before ${before}, after ${load()}.
Client and peer are 100 ms apart, ${DOWN / 1e6} Mbit/s down and ${UP / 1e6} up, each way with a queue of one bandwidth-delay
product. Ours: WebSocket (kernel's TCP, CUBIC) to the relay, from there UDP on loopback to wireguard-go. Native: wireguard-go
on both sides, kernel's TCP (CUBIC) inside. A key is 64 bytes to an echo every 200 ms; the stream is 50 datagrams of 200
bytes a second each way, delays one way, jitter as in RFC 3550.

| loss | bulk | | MB/s | key p50 ms | key p95 ms | stream down p50 / p95 ms | jitter ms | lost % | stream up p50 / p95 ms | jitter ms | lost % |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

The outer connection's window has room for all of ours together; beside the native bulk flow, the stream (14 kB/s) and the
keys are under no control.

What the stream's delay in the direction of a bulk flow is made of, datagram by datagram, from captures at both ends of the
link. *Way*: from when its last byte first left the sender's kernel until the other kernel could hand it on; that is the
link, its queue, and, where something before it was lost, the time until that had come again. *Ours*: all the rest, which
is queues: of the relay or the client, of their WebSocket, and of the kernel behind that, and until a WebSocket's message was
whole. The median of ours may be ${MAX_ADDED} ms. *In all*: how much longer the median of all is than without a bulk flow, less what
the median packet waited in the link's queue.

| loss | bulk | ours p50 / p95 ms | way p50 / p95 ms | in all ms | verdict |
| --- | --- | --- | --- | --- | --- |
${added.map(printAdded).join('\n')}
`;
  console.log(`\n${text}`);
  if (values.losses === ALL_LOSSES) writeFileSync(COMMITTED, text);
  const missed = added.filter(({ ours }) => !(ours[0] <= MAX_ADDED)).length;
  console.log(`${added.length - missed} of ${added.length} cells add at most ${MAX_ADDED} ms`);
  return missed > 0 ? 1 : 0;
}

async function work(cells: Cell[]): Promise<void> {
  for (let cell = cells.shift(); cell; cell = cells.shift()) {
    const { loss, kind, seed } = cell;
    const wish = { kind, seed, milliseconds: seconds * 1000, up: linkOf(UP, loss), down: linkOf(DOWN, loss) };
    // Once more, where the machine was too busy to start everything in time.
    const phases = await measureLeg(wish).catch(() => measureLeg(wish));
    const all = measured.get(keyOf(loss, kind)) ?? [];
    measured.set(keyOf(loss, kind), [...all, phases]);
    console.log(`${loss * 100} % ${kind}, seed ${seed}: ${phases.map(summary).join('; ')}`);
  }
}

function linkOf(rate: number, loss: number): LinkProfile {
  return { rate, queue: (rate / 8) * ((2 * DELAY) / 1000), delay: DELAY, loss };
}

function keyOf(loss: number, kind: Kind): string {
  return `${loss} ${kind}`;
}

function summary({ bulk, goodput, keystrokes }: Measured): string {
  return `${bulk} ${(goodput / 1e6).toFixed(3)} MB/s, keys p95 ${quantile(keystrokes, 0.95).toFixed(0)} ms`;
}

function phasesOf(loss: number, kind: Kind, bulk: Bulk): Measured[] {
  return (measured.get(keyOf(loss, kind)) ?? []).flatMap((phases) =>
    phases.filter((phase) => phase.bulk === bulk),
  );
}

function rowsOf(loss: number, bulk: Bulk): string[] {
  return KINDS.map((kind) => {
    const phases = phasesOf(loss, kind, bulk);
    const of = (value: (phase: Measured) => number, digits = 0): string =>
      median(phases.map(value)).toFixed(digits);
    const stream = (side: 'down' | 'up'): string[] => [
      `${of((phase) => quantile(phase[side].delays, 0.5))} / ${of((phase) => quantile(phase[side].delays, 0.95))}`,
      of((phase) => phase[side].jitter, 1),
      of((phase) => lostPart(phase[side]) * 100, 1),
    ];
    return `| ${[
      `${loss * 100} %`,
      bulk,
      kind,
      bulk === 'none' ? '–' : of(({ goodput }) => goodput / 1e6, 3),
      of(({ keystrokes }) => quantile(keystrokes, 0.5)),
      of(({ keystrokes }) => quantile(keystrokes, 0.95)),
      ...stream('down'),
      ...stream('up'),
    ].join(' | ')} |`;
  });
}

interface Added {
  loss: number;
  bulk: 'down' | 'up';
  ours: [p50: number, p95: number];
  way: [p50: number, p95: number];
  inAll: number;
}

function addedDelay(loss: number, bulk: 'down' | 'up'): Added {
  const busy = phasesOf(loss, 'ours', bulk);
  const idle = phasesOf(loss, 'ours', 'none');
  const p50 = (phase: Measured): number => quantile(phase[bulk].delays, 0.5);
  const waited = (phase: Measured): number => (bulk === 'up' ? phase.network.ab : phase.network.ba).waitP50;
  const both = (of: (phase: Measured) => number[]): [number, number] => [
    median(busy.map((phase) => quantile(of(phase), 0.5))),
    median(busy.map((phase) => quantile(of(phase), 0.95))),
  ];
  const wayOf = (phase: Measured): number[] => phase.way![bulk];
  return {
    loss,
    bulk,
    ours: both((phase) => phase[bulk].delays.map((delay, i) => delay - wayOf(phase)[i]!)),
    way: both(wayOf),
    inAll: median(busy.map((phase) => p50(phase) - waited(phase))) - median(idle.map(p50)),
  };
}

function printAdded({ loss, bulk, ours, way, inAll }: Added): string {
  const pair = (values: readonly number[]): string => values.map((value) => value.toFixed(0)).join(' / ');
  const verdict = ours[0] <= MAX_ADDED ? 'ok' : '**misses**';
  return `| ${[`${loss * 100} %`, bulk, pair(ours), pair(way), inAll.toFixed(0), verdict].join(' | ')} |`;
}

function lostPart({ sent, delays }: StreamResult): number {
  return sent === 0 ? Number.NaN : 1 - delays.length / sent;
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}
