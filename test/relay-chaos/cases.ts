// What breaks, and what has to hold (C1 to C10 of the relay's test plan).
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { RelayProcess } from '../support/relay-process.ts';
import type { ChaosLab, ChaosOptions } from './lab.ts';

export interface Case {
  readonly id: string;
  readonly what: string;
  /**
   * It takes minutes and little else: several of them may run side by side. And so long that the peer's TCP waits a minute
   * for its next try: what counts is when a ping is answered.
   */
  readonly isLong?: boolean;
  readonly options?: ChaosOptions;
  /** The longest time without a line, or until a ping is answered, in ms, from what `run` returns on. */
  readonly gap: number;
  readonly handshakes: number | 'any';
  /** What has come of tickets when all is over: `ChaosLab.resumed`. */
  readonly resumed?: RegExp;
  /** Breaks it and mends it; gives back since when lines have to flow. */
  run(lab: ChaosLab): Promise<number>;
  /** What else has to hold when they flow again; throws if it does not. */
  after?(lab: ChaosLab, moment: number): Promise<void>;
}

const CROWD = 1000;
const FEW = 200;
/** Whoever waits for a relay tries once in 30 s at least; the rest is the way, and a machine that is busy. */
const BACK = 31_000;

/** All of them come from one address, and go to one peer. */
const CROWDED = {
  sessionsPerClient: 5000,
  upgradesPerSecond: 1e6,
  upgradeBurst: 1e6,
  initiationsPerSecondOfClient: 1e6,
  initiationsPerSecondToDestination: 1e6,
};

/** A session whose WebSocket lives through it needs no ticket; one that the relay still has goes on from the same port. */
const stalled = (seconds: number, gap: number, handshakes: Case['handshakes'], resumed: RegExp): Case => ({
  id: 'C4',
  what: `the network stands still for ${seconds} s`,
  isLong: seconds > 10,
  gap,
  handshakes,
  resumed,
  async run({ balancer }) {
    balancer.stall();
    await delay(1000 * seconds);
    balancer.goOn();
    return performance.now();
  },
});

/** Of what the relay sent to clients, what was oldest in a message had waited no longer than this, 99 times of 100. */
const QUEUE_DELAY = 'wgrelay_queue_delay_seconds_bucket{le="0.256"}';

function lossy(loss: number): Case {
  return {
    id: 'C5',
    what: `${100 * loss} % loss and 100 ms of delay to the peer, a stream there and back`,
    options: { network: { loss, delay: 50 } },
    gap: 3000,
    handshakes: 0,
    async run(lab) {
      const moment = performance.now();
      await lab.echo(256 * 1024);
      const metrics = await lab.relays[0]!.metrics();
      const [all, soon] = [metrics.get('wgrelay_queue_delay_seconds_count')!, metrics.get(QUEUE_DELAY)!];
      if (!(all > 100 && soon >= 0.99 * all))
        throw new Error(`${soon} of ${all} messages had waited 256 ms or less`);
      return moment;
    },
  };
}

/** Throws unless so many sessions or more went on by a ticket of another process, and none that had one had to begin anew. */
async function expectTickets(relay: RelayProcess, least: number): Promise<void> {
  const resumes = [...(await relay.metrics())].filter(([name]) => name.startsWith('wgrelay_resume_total'));
  const sum = (level: string) =>
    resumes.reduce((all, [name, times]) => (name.includes(`level="${level}"`) ? all + times : all), 0);
  if (sum('none') > 0 || sum('l2') < least)
    throw new Error(`${sum('l2')} of ${least} sessions went on, ${sum('none')} tickets were refused`);
}

export const CASES: readonly Case[] = [
  {
    id: 'C1',
    what: 'kill -9 of the relay, and a restart',
    gap: 3000,
    handshakes: 0,
    async run({ relays: [relay] }) {
      await relay!.kill();
      await relay!.restart();
      return performance.now();
    },
  },
  {
    id: 'C2',
    what: 'kill -9 of the relay, with another one up',
    options: { second: {} },
    gap: 3000,
    handshakes: 0,
    async run({ relays: [relay] }) {
      const moment = performance.now();
      await relay!.kill();
      return moment;
    },
  },
  {
    id: 'C3',
    what: `SIGTERM with ${CROWD} sessions more, each with a datagram a second, another relay up`,
    options: {
      relay: { drain: { delay: 0.5, spread: 3, notice: 5, max: 20 }, limits: CROWDED },
      second: { limits: CROWDED },
      crowd: CROWD,
    },
    gap: 500,
    handshakes: 0,
    async run({ relays, crowd }) {
      crowd!.talk();
      await delay(2000);
      const moment = performance.now();
      const code = await relays[0]!.ended();
      if (code !== 0) throw new Error(`the relay ended with ${code}`);
      await delay(2000);
      const { sent, lost } = await crowd!.stop();
      if (lost > 0) throw new Error(`${lost} of ${sent} datagrams of the other sessions did not come back`);
      return moment;
    },
  },
  stalled(5, 3000, 0, /^(none|l1( l1)*)$/),
  stalled(30, 15_000, 'any', /^l[12]( l[12])*$/),
  stalled(120, BACK, 'any', /^l[12]( l[12])*$/),
  lossy(0.01),
  {
    ...lossy(0.02),
    what: '2 % loss and 100 ms of delay to the peer, a stream there and back, and kill -9',
    gap: 4000,
    resumed: /^l2( l2)*$/,
    async run(lab) {
      await lossy(0.02).run(lab);
      const [relay] = lab.relays;
      await relay!.kill();
      await relay!.restart();
      return performance.now();
    },
  },
  lossy(0.05),
  {
    id: 'C6',
    what: 'no way to the peer for 60 s',
    isLong: true,
    options: { network: {} },
    gap: 10_000,
    handshakes: 'any',
    async run({ network }) {
      network!.impair({ blackout: { length: Number.POSITIVE_INFINITY, every: Number.POSITIVE_INFINITY } });
      await delay(60_000);
      network!.impair({});
      return performance.now();
    },
  },
  {
    id: 'C7',
    what: 'the load balancer dies and comes back',
    options: { second: {} },
    gap: 3000,
    handshakes: 0,
    async run({ balancer }) {
      balancer.stop();
      await delay(300);
      await balancer.listen();
      return performance.now();
    },
  },
  {
    id: 'C8',
    what: `another ticket key in three steps, a kill -9 at each, with ${FEW} sessions more that talk`,
    options: { relay: { limits: CROWDED }, crowd: FEW },
    gap: 3000,
    handshakes: 0,
    async run({ relays: [relay], ticketKey, stream, crowd }) {
      crowd!.talk();
      const fresh = randomBytes(32).toString('hex');
      let moment = performance.now();
      for (const ticketKeys of [[ticketKey, fresh], [fresh, ticketKey], [fresh]]) {
        await relay!.kill();
        await relay!.restart({ ticketKeys });
        moment = performance.now();
        await stream.next(10_000);
        await crowd!.back(moment, BACK);
        await expectTickets(relay!, FEW + 1);
        // So long that the client takes the connection for a good one, and the next backoff begins small.
        await delay(6000);
      }
      return moment;
    },
  },
  ...[60_000, -60_000].map(
    (clockSkew): Case => ({
      id: 'C9',
      what: `kill -9, and the other relay's clock is ${clockSkew > 0 ? 'a minute ahead' : 'a minute behind'}`,
      options: { second: { clockSkew } },
      gap: 3000,
      handshakes: 0,
      async run({ relays: [relay] }) {
        const moment = performance.now();
        await relay!.kill();
        return moment;
      },
    }),
  ),
  {
    id: 'C10',
    what: `no relay for two minutes, and ${CROWD} sessions more that talk`,
    isLong: true,
    options: { relay: { limits: CROWDED }, crowd: CROWD },
    gap: BACK,
    handshakes: 'any',
    async run({ relays: [relay], balancer, crowd }) {
      crowd!.talk();
      await delay(2000);
      await relay!.kill();
      await delay(120_000);
      balancer.arrivals.splice(0);
      await relay!.restart();
      return performance.now();
    },
    async after({ balancer, crowd }, moment) {
      await crowd!.back(moment, BACK);
      const { mostArrivals, arrivals } = balancer;
      if (mostArrivals > 500) throw new Error(`${mostArrivals} connections came in one second`);
      if (arrivals.length < CROWD) throw new Error(`only ${arrivals.length} connections came`);
    },
  },
];
