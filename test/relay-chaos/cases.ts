// What breaks, and what has to hold (C1 to C10 of the relay's test plan).
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
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
  /** Breaks it and mends it; gives back since when lines have to flow. */
  run(lab: ChaosLab): Promise<number>;
}

const CROWD = 1000;

/** All of them come from one address, and go to one peer. */
const CROWDED = {
  sessionsPerClient: 5000,
  upgradesPerSecond: 1e6,
  upgradeBurst: 1e6,
  initiationsPerSecondOfClient: 1e6,
  initiationsPerSecondToDestination: 1e6,
};

const stalled = (seconds: number, gap: number, handshakes: Case['handshakes']): Case => ({
  id: 'C4',
  what: `the network stands still for ${seconds} s`,
  isLong: seconds > 10,
  gap,
  handshakes,
  async run({ balancer }) {
    balancer.stall();
    await delay(1000 * seconds);
    balancer.goOn();
    return performance.now();
  },
});

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
  stalled(5, 3000, 0),
  stalled(30, 15_000, 'any'),
  stalled(120, 31_000, 'any'),
  {
    id: 'C5',
    what: '2 % loss and 100 ms of delay to the peer, and kill -9',
    options: { network: { loss: 0.02, delay: 50 } },
    gap: 4000,
    handshakes: 0,
    async run({ relays: [relay] }) {
      await delay(5000);
      await relay!.kill();
      await relay!.restart();
      return performance.now();
    },
  },
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
    what: 'another ticket key in three steps, a kill -9 at each',
    gap: 3000,
    handshakes: 0,
    async run({ relays: [relay], ticketKey, stream }) {
      const fresh = randomBytes(32).toString('hex');
      let moment = performance.now();
      for (const ticketKeys of [[ticketKey, fresh], [fresh, ticketKey], [fresh]]) {
        await relay!.kill();
        await relay!.restart({ ticketKeys });
        moment = performance.now();
        await stream.next(10_000);
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
    what: 'no relay for two minutes',
    isLong: true,
    gap: 31_000,
    handshakes: 'any',
    async run({ relays: [relay] }) {
      await relay!.kill();
      await delay(120_000);
      await relay!.restart();
      return performance.now();
    },
  },
];
