// L1 to L7: what a relay process carries. One line each, with the bound that it is judged by.
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { UdpPeer } from '../bench/native.ts';
import { droppedDatagrams } from '../soak/proc.ts';
import { Crowd, failureText } from './crowd.ts';
import type { TrafficReport, TrafficWish } from './crowd-child.ts';
import { DirectProbe } from './direct-probe.ts';
import { LoadRelay, sum } from './load-relay.ts';
import type { RelayReport } from './relay-child.ts';

export interface Row {
  readonly id: string;
  readonly what: string;
  readonly bound: string;
  readonly seen: string;
  /** Undefined: this machine cannot tell. */
  readonly holds: boolean | undefined;
}

export interface LoadOptions {
  /** How long each traffic lasts. */
  readonly seconds: number;
  /** As many as one relay process may have here. */
  readonly mostSessions: number;
}

export type Load = (options: LoadOptions) => Promise<Row[]>;

const FULL = 1452;
const KB = 1000;
const IDLE_BYTES = 30 * KB;
const WATCHED = 20;

interface Party {
  readonly relay: LoadRelay;
  readonly crowd: Crowd;
  readonly peer: UdpPeer;
}

async function withParty<Result>(run: (party: Party) => Promise<Result>): Promise<Result> {
  const peer = await UdpPeer.start();
  const crowd = new Crowd();
  let relay: LoadRelay | undefined;
  try {
    relay = await LoadRelay.start([`127.0.0.1:${peer.port}`]);
    return await run({ relay, crowd, peer });
  } finally {
    await crowd.stop();
    await relay?.stop();
    await peer.stop();
  }
}

/** `count` sessions that do no more than keepalives: what one costs. */
async function idle({ relay, crowd, peer }: Party, count: number) {
  const before = await relay.report();
  const seconds = await crowd.grow(relay.url, peer.port, count, 500);
  const opened = await crowd.counts();
  await crowd.live({ active: 0, rate: 1, churn: 0 });
  await delay(2000);
  const after = await relay.report();
  await delay(1000 * WATCHED);
  const later = await relay.report();
  const each = (what: 'resident' | 'heap' | 'external') => (after[what] - before[what]) / count;
  return {
    seconds,
    opened,
    each: each('resident'),
    cpu: (later.cpu - after.cpu) / (WATCHED * 10_000),
    text: `${kilobytes(each('resident'))} kB resident each (heap ${kilobytes(each('heap'))}, external ${kilobytes(each('external'))})`,
  };
}

const L1: Load = () =>
  withParty(async (party) => {
    const { each, cpu, text } = await idle(party, 5000);
    return [
      {
        id: 'L1',
        what: '5,000 idle sessions',
        bound: '<= 30 kB each, <= 10 % of a core',
        seen: `${text}, ${cpu.toFixed(1)} % of a core`,
        holds: each <= IDLE_BYTES && cpu <= 10,
      },
    ];
  });

const L2: Load = ({ mostSessions }) =>
  withParty(async (party) => {
    const count = Math.min(10_000, mostSessions);
    const { seconds, opened, each, cpu, text } = await idle(party, count);
    return [
      {
        id: 'L2',
        what: `${count.toLocaleString('en')} sessions opened, 500 a second${count < 10_000 ? ' (more files may not be open here)' : ''}`,
        bound: 'no failure; idle <= 30 kB each',
        seen: `${failureText(opened)}, ${seconds.toFixed(0)} s; ${text}, ${cpu.toFixed(1)} % of a core`,
        holds: sum(opened.failures) === 0 && each <= IDLE_BYTES,
      },
    ];
  });

/** Nothing is on its way any more: on a busy machine that takes a while. */
async function settled({ relay, crowd, peer }: Party): Promise<void> {
  let before = '';
  for (let n = 0; n < 60; n++) {
    const { up, down } = await relay.report();
    const { received } = await crowd.counts();
    const now = [up, down, received, (await peer.counts()).received].join(' ');
    if (now === before) return;
    before = now;
    await delay(1000);
  }
}

/** Datagrams between clients and relay that are neither where they should be nor counted as dropped: none, each way. */
async function unaccounted(party: Party, ...others: Crowd[]) {
  await settled(party);
  const last = await party.relay.report();
  const counts = await Promise.all([party.crowd, ...others].map((crowd) => crowd.counts()));
  const all = (what: 'sent' | 'received') => counts.reduce((so, each) => so + each[what], 0);
  const { queue = 0, total_queue: total = 0, rate = 0, ...gate } = last.dropsDown;
  const up = all('sent') - last.up - sum(last.dropsUp);
  const down = last.down - queue - total - rate - all('received');
  return { up, down, gate: sum(gate), last, text: `unaccounted: ${up} up, ${down} down` };
}

type Flood = Omit<TrafficWish, 'seconds'>;

async function flood(party: Party, wish: Flood, seconds: number) {
  await warmUp(party, wish);
  return measured(party, wish, seconds);
}

async function warmUp(party: Party, wish: Flood): Promise<void> {
  const { relay, crowd, peer } = party;
  await crowd.grow(relay.url, peer.port, wish.sessions, 500);
  await crowd.traffic({ ...wish, seconds: 1 });
  await settled(party);
}

async function measured({ relay, crowd }: Party, wish: Flood, seconds: number) {
  const before = await relay.report();
  const report = await crowd.traffic({ ...wish, seconds });
  return { report, before, after: await relay.report() };
}

/** The same, with a look at what the machine takes meanwhile without a relay: those datagrams count for nobody. */
async function probed(party: Party, wish: Flood, seconds: number) {
  const probe = await DirectProbe.start(party.peer.port);
  const found = await measured(party, wish, seconds);
  return { ...found, direct: probe.stop() };
}

function cpuText(before: RelayReport, after: RelayReport, seconds: number, report: TrafficReport): string {
  const cpu = after.cpu - before.cpu;
  const datagrams = after.up - before.up + after.down - before.down;
  return `relay ${(cpu / (seconds * 10_000)).toFixed(0)} % of a core, ${(cpu / datagrams).toFixed(1)} µs a datagram (clients ${(report.cpu / (seconds * 10_000)).toFixed(0)} %)`;
}

const L3: Load = ({ seconds }) =>
  withParty(async (party) => {
    const wish = { sessions: 20, rate: 1000, size: FULL };
    await warmUp(party, wish);
    const { report, before, after, direct } = await probed(party, wish, seconds);
    const { up, down, text } = await unaccounted(party);
    const loss = 1 - report.echoes / report.sent;
    const added = report.p99 - direct;
    return [
      {
        id: 'L3',
        what: `20,000 datagrams/s each way, ${seconds} s`,
        bound: 'loss <= 0.1 %, p99 <= 10 ms more than without a relay; in = out + drops',
        seen: `${Math.round(report.echoes / seconds)}/s back, ${(100 * loss).toFixed(3)} % lost, p50 ${report.median.toFixed(1)}, p99 ${report.p99.toFixed(1)} ms (direct ${direct.toFixed(1)}); the relay's own turns p99 ${after.lateP99.toFixed(1)}, the clients' ${report.late.toFixed(1)} ms; ${text}; ${cpuText(before, after, seconds, report)}`,
        holds: loss <= 0.001 && added <= 10 && up === 0 && down === 0,
      },
    ];
  });

/** Every datagram is where it should be, or counted where it was dropped: by us, or by a kernel. */
const L4: Load = ({ seconds }) =>
  withParty(async (party) => {
    const { report, before, after } = await flood(party, { sessions: 40, rate: 1000, size: FULL }, seconds);
    const { relay, crowd, peer } = party;
    const { up, down, gate, last, text } = await unaccounted(party);
    const [{ opened }, peerCounts] = [await crowd.counts(), await peer.counts()];
    const kernel = droppedDatagrams(relay.pid, peer.port);
    // All that came, handshakes as well, went on or back: what is missing on the way the kernel has counted.
    const udp = last.up - peerCounts.received - opened + (peerCounts.sent - last.down - gate) - kernel;
    return [
      {
        id: 'L4',
        what: `40,000 datagrams/s each way, ${seconds} s`,
        bound: 'no crash; in = out + drops, exactly',
        seen: `${Math.round(report.echoes / seconds)}/s back; ${text}, ${udp} in UDP; dropped: ${sum(last.dropsUp)} up, ${sum(last.dropsDown)} down, ${kernel} by kernels; ${cpuText(before, after, seconds, report)}`,
        holds: relay.running && up === 0 && down === 0 && udp === 0,
      },
    ];
  });

/**
 * A thousand clients in one process are late themselves: what the relay adds shows in the echoes of one more client, which
 * has a process of its own and nothing else to do.
 */
const L5: Load = ({ seconds }) =>
  withParty(async (party) => {
    const { relay, peer } = party;
    const bystander = new Crowd();
    try {
      const wish = { sessions: 1000, rate: 20, size: 200 };
      await warmUp(party, wish);
      await bystander.grow(relay.url, peer.port, 1, 500);
      const watching = bystander.traffic({ sessions: 1, rate: 50, size: 200, seconds });
      const { report, before, after, direct } = await probed(party, wish, seconds);
      const beside = await watching;
      const { up, down, text } = await unaccounted(party, bystander);
      return [
        {
          id: 'L5',
          what: `1,000 sessions, 20 datagrams/s each, ${seconds} s`,
          bound: 'who gets least gets >= 80 % of the mean; in = out + drops',
          seen: `${((100 * report.least) / report.mean).toFixed(1)} %, ${Math.round(report.echoes / seconds)}/s back, p50 ${report.median.toFixed(1)}, p99 ${report.p99.toFixed(1)} ms; a client beside them p50 ${beside.median.toFixed(1)}, p99 ${beside.p99.toFixed(1)} ms (direct ${direct.toFixed(1)}); the relay's own turns p99 ${after.lateP99.toFixed(1)}, the clients' ${report.late.toFixed(1)} ms; ${text}; ${cpuText(before, after, seconds, report)}`,
          holds: report.least >= 0.8 * report.mean && up === 0 && down === 0,
        },
      ];
    } finally {
      await bystander.stop();
    }
  });

/** One session at 20,000 a second: whether the relay makes few messages of much. */
const L7: Load = ({ seconds }) =>
  withParty(async (party) => {
    const { report, before, after } = await flood(
      party,
      { sessions: 1, rate: 20_000, size: FULL },
      Math.min(seconds, 20),
    );
    const { up, down, text } = await unaccounted(party);
    const batch = (after.down - before.down) / (after.messagesDown - before.messagesDown);
    return [
      {
        id: 'L7',
        what: 'one session, 20,000 datagrams/s each way',
        bound: '>= 4 datagrams a message down; in = out + drops',
        seen: `${batch.toFixed(1)} a message, ${report.echoes} of ${report.sent} back; ${text}`,
        holds: batch >= 4 && up === 0 && down === 0,
      },
    ];
  });

const PROCESSES = [1, 2, 4];
const SCALE_RATE = 20_000;
/** A relay, its clients and its peer. */
const CORES_EACH = 2;
const STEP = 1.8;

const L6: Load = async ({ seconds }) => {
  const cores = availableParallelism();
  const lasts = Math.min(seconds, 20);
  const rows: Row[] = [];
  let before: number | undefined;
  for (const processes of PROCESSES) {
    const reports = await Promise.all(
      Array.from({ length: processes }, () =>
        withParty((party) => flood(party, { sessions: 20, rate: SCALE_RATE / 20, size: FULL }, lasts)),
      ),
    );
    const echoes = reports.reduce((all, { report }) => all + report.echoes, 0) / lasts;
    const cpu = reports.reduce((all, each) => all + each.after.cpu - each.before.cpu, 0);
    const isJudged = before !== undefined && cores >= CORES_EACH * processes;
    rows.push({
      id: 'L6',
      what: `${processes} process${processes > 1 ? 'es' : ''}, each offered ${SCALE_RATE.toLocaleString('en')} datagrams/s each way`,
      bound: `>= ${STEP} times the step before, where cores are free`,
      seen: `${Math.round(echoes)}/s back, relays ${(cpu / (lasts * 10_000)).toFixed(0)} % of a core together, ${(cpu / (2 * echoes * lasts)).toFixed(1)} µs a datagram; ${cores} cores`,
      holds: isJudged ? echoes >= STEP * before! : undefined,
    });
    before = echoes;
  }
  return rows;
};

export const LOADS: Readonly<Record<string, Load>> = { L1, L2, L3, L4, L5, L6, L7 };

function kilobytes(bytes: number): string {
  return (bytes / KB).toFixed(1);
}
