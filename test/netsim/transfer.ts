import { setTimeout } from 'node:timers/promises';
import { Child } from '../support/child-process.ts';
import { BenchNetwork, type EndWish, type NetworkEnd } from './bench-network.ts';
import { bundledOurEnd, compiled } from './build.ts';
import { type Cell, LINK_GOODPUT, linkOf, MTU } from './cells.ts';
import type { NetworkReport } from './link-profile.ts';
import type { OurEndWish } from './our-end.ts';
import { goodput, type TrafficReport, timeToReach } from './traffic-report.ts';

/** Whose TCP sends and receives: Linux to Linux, ours to Linux, Linux to ours. */
export type Who = 'linux' | 'send' | 'receive';

/** One bulk transfer through a cell's network. */
export interface Outcome {
  /** From the first byte on. */
  milliseconds: number;
  /** Bytes per second that the receiver's application got. */
  goodput: number;
  /** Ms until half a second at nine tenths of the link's rate began. */
  timeToFill: number | undefined;
  /** Ms that 99 of 100 packets took at most, both ways, with the queue. */
  rttP99: number;
  segments: number;
  retransmitted: number;
  /** Of those, sent again although the network had not dropped them. */
  spurious: number;
  /** Of those, after the cell's time to adapt. */
  spuriousLate: number;
  /** Of the sender. */
  timeouts: number;
  sender: TrafficReport;
  receiver: TrafficReport;
  network: NetworkReport;
}

const PORT = 5001;
/** Side A, where data comes from, and side B. */
const ADDRESSES = {
  a: { 4: '10.9.0.2/24', 6: 'fd09::2/64' },
  b: { 4: '10.9.0.1/24', 6: 'fd09::1/64' },
} as const;
/** The sender goes on for so long after the measurement, in ms: it may begin earlier than the receiver's first byte. */
const OVERTIME = 1500;

/** Data flows from A to B whoever is there, so that equal seeds drop equal packets. */
export async function transfer(
  cell: Cell,
  who: Who,
  { seed, seconds, capture }: { seed: number; seconds: number; capture?: string },
): Promise<Outcome> {
  const measured = seconds * 1000;
  const duration = cell.warmUp + measured;
  const [a, b] = [ADDRESSES.a[cell.family], ADDRESSES.b[cell.family]];
  const network = await BenchNetwork.up({
    a: [end(who === 'send', a)],
    b: [end(who === 'receive', b)],
    ab: linkOf(cell),
    ba: linkOf(cell),
    seed,
    mtu: MTU,
    ...(capture && { capture }),
  });
  const programs: Child[] = [];
  let reports: { sender: TrafficReport; receiver: TrafficReport };
  let early: NetworkReport | undefined;
  let said: NetworkReport;
  try {
    const receiver = await startReceiver(network.b[0]!, duration, seed);
    programs.push(receiver);
    const to = b.split('/')[0]!;
    const sender = await startSender(network.a[0]!, to, duration + OVERTIME, seed);
    programs.push(sender);
    if (cell.spurious?.after) {
      await setTimeout(cell.spurious.after);
      early = await network.report();
    }
    reports = { receiver: await reportOf(receiver, duration), sender: await reportOf(sender, duration) };
  } finally {
    for (const program of programs) await program.stop();
    said = await network.down();
  }
  const { sender, receiver } = reports;
  if (receiver.corrupt) throw new Error(`${cell.name}, ${who}, seed ${seed}: the stream arrived changed`);
  if (who !== 'send' && sender.congestion !== 'cubic')
    throw new Error(`Linux sent with ${sender.congestion}, not with cubic`);
  const fill = timeToReach(receiver.samples, 0.9 * LINK_GOODPUT);
  return {
    milliseconds: duration,
    goodput: goodput(receiver.samples, cell.warmUp, duration),
    timeToFill: fill,
    rttP99: cell.rtt + said.ab.waitP99 + said.ba.waitP99,
    segments: said.ab.segments,
    retransmitted: said.ab.retransmitted,
    spurious: said.ab.spurious,
    spuriousLate: said.ab.spurious - (early?.ab.spurious ?? 0),
    timeouts: sender.timeouts,
    sender,
    receiver,
    network: said,
  };
}

function end(isOurs: boolean, address: string): EndWish {
  return { is: isOurs ? 'ours' : 'linux', addresses: [address] };
}

async function startReceiver(at: NetworkEnd, milliseconds: number, seed: number): Promise<Child> {
  const child = at.namespace
    ? at.namespace.start(await compiled('traffic'), ['receive', String(PORT), String(milliseconds)])
    : await startOurs({ mode: 'receive', ...ours(at, seed), port: PORT, milliseconds });
  await child.saw(/^ready$/m);
  return child;
}

async function startSender(at: NetworkEnd, to: string, milliseconds: number, seed: number): Promise<Child> {
  const traffic = await compiled('traffic');
  const child = at.namespace
    ? at.namespace.start(traffic, ['send', to, String(PORT), String(milliseconds), 'cubic'])
    : await startOurs({ mode: 'send', ...ours(at, seed), to, port: PORT, milliseconds });
  await child.saw(/^ready$/m);
  return child;
}

function ours(
  at: NetworkEnd,
  seed: number,
): { path: string; addresses: readonly string[]; mtu: number; seed: number } {
  return { path: at.path!, addresses: at.addresses, mtu: MTU, seed };
}

async function startOurs(wish: OurEndWish): Promise<Child> {
  return new Child(process.execPath, [await bundledOurEnd(), JSON.stringify(wish)]);
}

/** The transfer itself may take a while to begin: a SYN that is lost comes again after a second, and then later. */
export async function reportOf(child: Child, duration: number): Promise<TrafficReport> {
  const [json] = await child.saw(/^\{.*\}$/m, duration + 20_000);
  return JSON.parse(json) as TrafficReport;
}
