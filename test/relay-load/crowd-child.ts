// Many clients of a relay in a HelperProcess.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { SeededRandom } from '../support/random.ts';
import { answer } from './helper.ts';
import { LoadSession } from './load-session.ts';

export interface CrowdCounts {
  /** Datagrams, of all kinds and all sessions. */
  readonly sent: number;
  readonly received: number;
  readonly open: number;
  readonly opened: number;
  /** Sessions that did not come to be, or ended unasked: why, and how many each. */
  readonly failures: Readonly<Record<string, number>>;
  /** A relay that is late for seconds takes nobody new, and says so: then we come again. */
  readonly refused: number;
}

export interface TrafficWish {
  /** Of so many sessions, the first ones. */
  readonly sessions: number;
  /** Of each, datagrams a second. */
  readonly rate: number;
  readonly size: number;
  readonly seconds: number;
}

/** Times in ms. */
export interface TrafficReport {
  readonly sent: number;
  readonly echoes: number;
  readonly median: number;
  readonly p99: number;
  /** Echoes of the session that got the fewest, beside the mean of all. */
  readonly least: number;
  readonly mean: number;
  /** µs of processor time of the clients. */
  readonly cpu: number;
  /** What 99 of 100 turns of the clients' own event loop did not exceed, in ms: no echo is seen sooner. */
  readonly late: number;
}

export interface LifeWish {
  /** The part of all sessions that talk, and how many echoes a second each of those wants. */
  readonly active: number;
  readonly rate: number;
  /** Sessions that end and are replaced each second: half of them say goodbye, the others die. */
  readonly churn: number;
}

const TURN = 5;
const AGAIN = 1000;
/** As WireGuard does both. */
const KEEPALIVE_AFTER = 25_000;
const REKEY_AFTER = 120_000;
const TALK_SIZE = 200;
const MAX_SAMPLES = 200_000;

const sessions: LoadSession[] = [];
const random = new SeededRandom(1);
let where = { url: '', port: 0 };
let [opened, refused] = [0, 0];
const failures: Record<string, number> = {};
/** Of sessions that are gone. */
let [goneSent, goneReceived] = [0, 0];
let samples: number[] = [];
let life: NodeJS.Timeout | undefined;
const delays = monitorEventLoopDelay({ resolution: 1 });
delays.enable();
const owner = {
  /** What was sent before belongs to the traffic before, however late it comes back. */
  since: 0,
  echoed: (roundTrip: number) => {
    if (samples.length < MAX_SAMPLES) samples.push(roundTrip);
    else samples[random.below(MAX_SAMPLES)] = roundTrip;
  },
  ended: failed,
};

function failed(why: string): void {
  failures[why] = (failures[why] ?? 0) + 1;
}

async function join(): Promise<void> {
  try {
    sessions.push(await LoadSession.connect(where.url, where.port, owner));
    opened++;
  } catch (error) {
    if (!(error as Error).message.includes('503')) {
      failed((error as Error).message);
      return;
    }
    refused++;
    await delay(AGAIN);
    await join();
  }
}

function leave(session: LoadSession): void {
  goneSent += session.sent;
  goneReceived += session.received;
  if (session.isOpen && random.below(2) === 0) session.close();
  else session.kill();
}

/** Opens `count` sessions, so many a second. Resolves with the seconds that it took. */
async function grow(wish: { url: string; port: number; count: number; perSecond: number }): Promise<number> {
  where = wish;
  const began = performance.now();
  const joining: Promise<void>[] = [];
  for (let n = 0; n < wish.count; n++) {
    const due = began + (1000 * n) / wish.perSecond;
    if (due > performance.now()) await delay(due - performance.now());
    joining.push(join());
  }
  await Promise.all(joining);
  return (performance.now() - began) / 1000;
}

function counts(): CrowdCounts {
  return {
    sent: sessions.reduce((total, { sent }) => total + sent, goneSent),
    received: sessions.reduce((total, { received }) => total + received, goneReceived),
    open: sessions.filter(({ isOpen }) => isOpen).length,
    opened,
    failures,
    refused,
  };
}

/** What is behind is sent in the next turn, so that the rate is what was asked for even where turns come late. */
async function traffic({ sessions: count, rate, size, seconds }: TrafficWish): Promise<TrafficReport> {
  const talking = sessions.slice(0, count);
  const echoesBefore = talking.map(({ echoes }) => echoes);
  const sentBefore = counts().sent;
  samples = [];
  const cpu = process.cpuUsage();
  delays.reset();
  const began = performance.now();
  owner.since = began;
  const due = talking.map(() => 0);
  for (;;) {
    const elapsed = performance.now() - began;
    for (const [n, session] of talking.entries()) {
      // Each at a time of its own within the turn of its datagrams.
      const wanted = Math.floor((rate * Math.min(elapsed, 1000 * seconds)) / 1000 + n / talking.length);
      if (wanted > due[n]!) session.sendEchoes(wanted - due[n]!, size);
      due[n] = wanted;
    }
    if (elapsed >= 1000 * seconds) break;
    await delay(TURN);
  }
  const late = delays.percentile(99) / 1e6;
  await echoesHaveCome(talking);
  const { user, system } = process.cpuUsage(cpu);
  const echoes = talking.map((session, n) => session.echoes - echoesBefore[n]!);
  const sorted = samples.sort((a, b) => a - b);
  const total = echoes.reduce((all, each) => all + each, 0);
  return {
    sent: counts().sent - sentBefore,
    echoes: total,
    median: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN,
    p99: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
    least: Math.min(...echoes),
    mean: total / talking.length,
    cpu: user + system,
    late,
  };
}

/** None has come for a second: what is missing now is lost. */
async function echoesHaveCome(talking: readonly LoadSession[]): Promise<void> {
  const all = () => talking.reduce((total, { echoes }) => total + echoes, 0);
  for (let before = -1, now = all(); now > before; before = now, now = all()) await delay(1000);
}

/** From now on: keepalives, handshakes, some who talk, and some who come and go. */
function live({ active, rate, churn }: LifeWish): void {
  clearInterval(life);
  let turn = 0;
  life = setInterval(() => {
    turn++;
    const now = performance.now();
    const talking = Math.round(active * sessions.length);
    for (let n = 0; n < talking; n++)
      if ((turn + n) % (20 / Math.min(rate, 20)) < 1)
        sessions[n]!.sendEchoes(Math.max(1, rate / 20), TALK_SIZE);
    if (turn % 20 !== 0) return;
    for (const session of sessions) {
      if (now - session.handshakeAt > REKEY_AFTER) session.handshake();
      else if (now - session.keptAliveAt > KEEPALIVE_AFTER) session.keepAlive();
    }
    for (let n = 0; n < churn && sessions.length > 0; n++) {
      const at = random.below(sessions.length);
      const [gone] = sessions.splice(at, 1);
      leave(gone!);
      void join();
    }
  }, 50);
}

async function stopLiving(): Promise<void> {
  clearInterval(life);
  await delay(1500);
}

function leaveAll(): void {
  for (const session of sessions.splice(0)) leave(session);
}

answer({ grow, counts, traffic, live, stopLiving, leaveAll });
