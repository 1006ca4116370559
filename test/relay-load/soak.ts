// npm run soak:relay [-- --minutes 20 --sessions 5000 --active 0.05 --rate 20 --churn 20]
//
// Thousands of sessions at one relay process: all send keepalives and make handshakes as WireGuard does, some talk, some come
// and go, half of those without a word. A line a minute. At the end its memory, its files and its counters must be what
// they should be: what stays behind of each session that ends shows after thousands of them.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { UdpPeer } from '../bench/native.ts';
import { load } from '../netsim/machine.ts';
import { Crowd, failureText } from './crowd.ts';
import type { CrowdCounts } from './crowd-child.ts';
import { raiseFileLimit, sessionsWithin } from './file-limit.ts';
import { LoadRelay, sum } from './load-relay.ts';
import type { RelayReport } from './relay-child.ts';

const MINUTE = 60_000;
const MIB = 1024 * 1024;
/** Everything has been in use for a while by then, and all tables have their size. */
const SETTLED = 5;
const GROWTH = MIB;
const FILES = 5;
/** As a long run shows it: bytes an hour, resident. V8's pages have as many holes by then as they ever get. */
const SLOPE = MIB;
const SHAPED = 25;
const LONG = 60;

interface Sample {
  readonly minute: number;
  readonly relay: RelayReport;
  readonly crowd: CrowdCounts;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`soak:relay: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '20' },
      sessions: { type: 'string', default: '5000' },
      active: { type: 'string', default: '0.05' },
      rate: { type: 'string', default: '20' },
      churn: { type: 'string', default: '20' },
    },
  });
  const [minutes, sessions] = [Number(values.minutes), Number(values.sessions)];
  const [active, rate, churn] = [Number(values.active), Number(values.rate), Number(values.churn)];
  const files = raiseFileLimit(3 * sessions + 4096);
  if (sessions > sessionsWithin(files))
    throw new Error(`no more than ${files} files may be open here: name fewer sessions`);
  const peer = await UdpPeer.start();
  const crowd = new Crowd();
  let relay: LoadRelay | undefined;
  try {
    relay = await LoadRelay.start([`127.0.0.1:${peer.port}`], { sessions: 2 * sessions });
    const before = await relay.report();
    await crowd.grow(relay.url, peer.port, sessions, 500);
    await crowd.live({ active, rate, churn });
    const samples = await watch(relay, crowd, minutes);
    await crowd.stopLiving();
    const still = { minute: minutes, relay: await relay.report(), crowd: await crowd.counts() };
    await crowd.leaveAll();
    const after = await gone(relay);
    const complaints = [...judgeMemory(samples), ...judgeCounters(still), ...judgeEnd(before, after)];
    const what = `${minutes} minutes, ${sessions} sessions, ${100 * active} % active, ${still.crowd.opened} opened in all`;
    console.log(
      complaints.length === 0
        ? `soak:relay: ${what}: all bounds hold`
        : `soak:relay: FAILED: ${what}: ${complaints.join('; ')}`,
    );
    return complaints.length === 0 ? 0 : 1;
  } finally {
    await crowd.stop();
    await relay?.stop();
    await peer.stop();
  }
}

async function watch(relay: LoadRelay, crowd: Crowd, minutes: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  const began = performance.now();
  for (let minute = 1; minute <= minutes; minute++) {
    await delay(Math.max(0, began + minute * MINUTE - performance.now()));
    samples.push({ minute, relay: await relay.report(), crowd: await crowd.counts() });
    console.log(lineOf(samples.at(-1)!, samples.at(-2)));
  }
  return samples;
}

function lineOf({ minute, relay, crowd }: Sample, before: Sample | undefined): string {
  const busy = before && (relay.cpu - before.relay.cpu) / (MINUTE * 10);
  const rate = before && (relay.up + relay.down - before.relay.up - before.relay.down) / 60;
  return [
    `minute ${minute}: ${relay.sessions} sessions, ${relay.parked} parked, ${crowd.opened} opened, ${failureText(crowd)}, ${crowd.refused} refused for a while`,
    `heap ${mebibytes(relay.heap)} + external ${mebibytes(relay.external)} MiB, resident ${mebibytes(relay.resident)} MiB (V8 reserved ${mebibytes(relay.heapReserved)}, buffers ${mebibytes(relay.buffers)}, malloced ${mebibytes(relay.malloced)}, the rest ${mebibytes(restOf(relay))}), ${sum(relay.files)} files`,
    ...(busy && rate ? [`${rate.toFixed(0)} datagrams/s, ${busy.toFixed(1)} % of a core`] : []),
    `${sum(relay.dropsUp) + sum(relay.dropsDown)} drops`,
    `load ${load()}`,
  ].join('; ');
}

/** The relay's memory after a collection, from minute 5 on; of a short run, from its first. */
function judgeMemory(samples: readonly Sample[]): string[] {
  const used = ({ relay: { heap, external } }: Sample) => heap + external;
  const settled = samples.filter(({ minute }) => minute >= SETTLED);
  const [first, last] = settled.length > 1 ? [settled[0]!, settled.at(-1)!] : [samples[0]!, samples.at(-1)!];
  const growth = used(last) - used(first);
  const range = `from minute ${first.minute} to ${last.minute}`;
  console.log(
    `heap and external ${range}: ${growth < 0 ? '' : '+'}${mebibytes(growth)} MiB (at most ${mebibytes(GROWTH)})`,
  );
  const complaints = growth > GROWTH ? [`heap and external grew by ${mebibytes(growth)} MiB ${range}`] : [];
  const long = samples.filter(({ minute }) => minute >= SHAPED);
  const shaped = long.length > 10 ? long : settled;
  const hourly = (what: (report: RelayReport) => number) => 60 * slopeOf(shaped, what);
  const slope = hourly(({ resident }) => resident);
  if (settled.length > 1)
    console.log(
      `MiB an hour from minute ${shaped[0]!.minute} on: resident ${mebibytes(slope)}; of it V8's heap, used ${mebibytes(hourly(({ heap }) => heap))}, reserved ${mebibytes(hourly(({ heapReserved }) => heapReserved))}; external ${mebibytes(hourly(({ external }) => external))}; the rest ${mebibytes(hourly(restOf))}`,
    );
  if (samples.length >= LONG && slope > SLOPE)
    complaints.push(`resident memory grows by ${mebibytes(slope)} MiB an hour`);
  return complaints;
}

/** Neither V8's heap nor what hangs from it: handles of sockets, and what the allocator keeps for the next. */
function restOf({ resident, heapReserved, external }: RelayReport): number {
  return resident - heapReserved - external;
}

/** By a line through all samples, in bytes a minute. */
function slopeOf(samples: readonly Sample[], what: (report: RelayReport) => number): number {
  const mean = (values: number[]) => values.reduce((all, each) => all + each, 0) / values.length;
  const [x, y] = [mean(samples.map(({ minute }) => minute)), mean(samples.map(({ relay }) => what(relay)))];
  const products = samples.map(({ minute, relay }) => (minute - x) * (what(relay) - y));
  const squares = samples.map(({ minute }) => (minute - x) ** 2);
  return mean(products) / mean(squares);
}

/** What was on its way to or from a session that died counts for one side only. */
function judgeCounters({ relay, crowd }: Sample): string[] {
  const judgedUp = relay.up + sum(relay.dropsUp);
  const passedDown = relay.down - (relay.dropsDown.queue ?? 0) - (relay.dropsDown.rate ?? 0);
  console.log(
    `up: ${crowd.sent} sent, ${judgedUp} judged; down: ${passedDown} handed on, ${crowd.received} received; accepted ${relay.accepted}, closed ${sum(relay.closed)}, here ${relay.sessions}, parked ${relay.parked}`,
  );
  return [
    ...(judgedUp > crowd.sent ? ['the relay judged more datagrams than were sent'] : []),
    ...(crowd.received > passedDown ? ['the clients received more datagrams than were handed on'] : []),
    ...(sum(crowd.failures) > 0 ? [`sessions: ${failureText(crowd)}`] : []),
    ...(relay.accepted !== sum(relay.closed) + relay.sessions + relay.parked
      ? ['sessions are not all accounted for']
      : []),
  ];
}

/** When all have left, and nobody who died is waited for any more. */
async function gone(relay: LoadRelay): Promise<RelayReport> {
  for (let n = 0; n < 60; n++) {
    const report = await relay.report();
    if (report.sessions === 0 && report.parked === 0) return report;
    await delay(1000);
  }
  return relay.report();
}

function judgeEnd(before: RelayReport, after: RelayReport): string[] {
  console.log(
    `at the end: ${after.sessions} sessions, ${after.parked} parked, ${after.channels} channels, ${sum(after.files)} files (${sum(before.files)} before)${after.isInspected ? ', a debugger’s among them' : ''}`,
  );
  return [
    ...(after.sessions + after.parked + after.channels > 0 ? ['sessions or channels are left'] : []),
    ...judgeFiles(before, after),
  ];
}

/** What ours leave behind is sockets; a debugger's thread has pipes and the like. */
function judgeFiles({ files: before }: RelayReport, { files: after, isInspected }: RelayReport): string[] {
  const kinds = isInspected ? ['socket'] : Object.keys(after);
  const left = kinds.map((kind) => ({ kind, count: (after[kind] ?? 0) - (before[kind] ?? 0) }));
  const more = left.filter(({ count }) => count > 0);
  if (more.reduce((all, { count }) => all + count, 0) <= FILES) return [];
  return [`files are left open: ${more.map(({ kind, count }) => `${count} ${kind}`).join(', ')}`];
}

function mebibytes(bytes: number): string {
  return (bytes / MIB).toFixed(2);
}
