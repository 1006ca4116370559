import { beforeAll, describe, expect, it } from 'vitest';
import { run } from '../support/child-process.ts';
import { obstacle, strict } from '../support/prerequisites.ts';
import { compiled } from './build.ts';
import { type LinkProfile, type NetworkReport, printLink } from './link-profile.ts';

/** A packet that comes to the network, at a time in microseconds. */
interface Arrival {
  at: number;
  from?: 'a' | 'b';
  length?: number;
}

interface Delivery {
  at: number;
  to: string;
  /** Which of the arrivals. */
  number: number;
}

const LENGTH = 1250;
/** At 100 Mbit/s a packet of that length takes 100 µs. */
const RATE = 100e6;

/** The network without its clock: what it would do, at once. */
async function pass(
  arrivals: readonly Arrival[],
  profile: LinkProfile,
  { seed = 1, back = {} as LinkProfile } = {},
): Promise<{ deliveries: Delivery[]; report: NetworkReport }> {
  const input = arrivals.map(({ at, from = 'a', length = LENGTH }) => `${at} ${from} ${length}\n`).join('');
  const args = ['--script', '--seed', String(seed), '--ab', printLink(profile), '--ba', printLink(back)];
  const lines = (await run(await compiled('impair'), args, { input })).trim().split('\n');
  const report = JSON.parse(lines.pop()!) as NetworkReport;
  const deliveries = lines.map((line) => {
    const [at, to, number] = line.split(' ');
    return { at: Number(at), to: to!, number: Number(number) };
  });
  return { deliveries, report };
}

/** So many packets, one each `every` microseconds. */
function steady(count: number, every: number): Arrival[] {
  return Array.from({ length: count }, (_, i) => ({ at: i * every }));
}

const why = await obstacle('interop');

describe.skipIf(why !== undefined && !strict)('one direction of the bench network', () => {
  beforeAll(async () => {
    await compiled('impair');
  });

  it('delivers a packet once it is sent and the delay is over', async () => {
    const { deliveries } = await pass([{ at: 0 }], { rate: RATE, queue: 1e6, delay: 10 });
    expect(deliveries).toEqual([{ at: 10_100, to: 'b', number: 0 }]);
  });

  it('lets no more out than its rate, and what comes together one after the other', async () => {
    const { deliveries } = await pass(steady(100, 0), { rate: RATE, queue: 1e6, delay: 1 });
    expect(deliveries.map(({ at }) => at)).toEqual(
      Array.from({ length: 100 }, (_, i) => 1000 + 100 * (i + 1)),
    );
  });

  it('drops at the tail what its queue does not hold, and takes packets again as it drains', async () => {
    // Ten packets fit: of twenty that come together ten are dropped; 300 µs later three have left.
    const arrivals = [...steady(20, 0), ...Array.from({ length: 5 }, () => ({ at: 300 }))];
    const { deliveries, report } = await pass(arrivals, { rate: RATE, queue: 10 * LENGTH, delay: 1 });
    expect(deliveries.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21, 22]);
    expect(report.ab).toMatchObject({ queueDropped: 12, queuePeak: 10 * LENGTH, lost: 0 });
  });

  it('is no policer: what waits is delivered late, not dropped', async () => {
    // 150 % of the rate for 30 packets, then silence: a queue that is long enough loses none.
    const { deliveries, report } = await pass(steady(30, 67), { rate: RATE, queue: 1e6, delay: 0 });
    expect(deliveries).toHaveLength(30);
    expect(deliveries.at(-1)!.at).toBe(30 * 100);
    expect(report.ab.waitP99).toBeGreaterThan(0.9);
  });

  it('loses the given part, other packets with another seed, the same ones with the same', async () => {
    const arrivals = steady(20_000, 100);
    const lost = async (seed: number): Promise<Set<number>> => {
      const { deliveries } = await pass(arrivals, { loss: 0.01 }, { seed });
      const came = new Set(deliveries.map(({ number }) => number));
      return new Set([...arrivals.keys()].filter((number) => !came.has(number)));
    };
    const [one, two] = [await lost(1), await lost(2)];
    for (const { size } of [one, two]) {
      // 200 ± 4 standard deviations.
      expect(size).toBeGreaterThan(144);
      expect(size).toBeLessThan(256);
    }
    expect([...one].filter((number) => two.has(number)).length).toBeLessThan(20);
    expect(await lost(1)).toEqual(one);
  });

  it('loses the same packets whatever else it does to them', async () => {
    const arrivals = steady(2000, 100);
    const numbers = async (profile: LinkProfile): Promise<number[]> =>
      (await pass(arrivals, profile)).deliveries.map(({ number }) => number).sort((a, b) => a - b);
    const plain = await numbers({ loss: 0.05 });
    const more = await numbers({ loss: 0.05, reorder: { part: 0.3, by: 7 }, delay: 3 });
    expect(more).toEqual(plain);
    expect(plain.length).toBeLessThan(2000);
  });

  it('repeats the given part, right behind the first', async () => {
    const { deliveries, report } = await pass(steady(10_000, 100), { duplicate: 0.05 });
    const twice = deliveries.filter(({ number }, i) => deliveries[i - 1]?.number === number);
    expect(twice.length).toBe(report.ab.duplicated);
    expect(deliveries.length).toBe(10_000 + twice.length);
    expect(Math.abs(twice.length - 500)).toBeLessThan(90);
  });

  it('delays the given part, so that others overtake it', async () => {
    const { deliveries, report } = await pass(steady(10_000, 1000), {
      reorder: { part: 0.01, by: 5 },
      delay: 2,
    });
    const late = deliveries.filter(({ at, number }) => at !== number * 1000 + 2000);
    expect(late.length).toBe(report.ab.reordered);
    expect(Math.abs(late.length - 100)).toBeLessThan(40);
    for (const { at, number } of late) expect(at).toBe(number * 1000 + 7000);
  });

  it('holds everything for a while each so often, and then lets it out in order', async () => {
    const { deliveries } = await pass(steady(1200, 1000), { stall: { for: 200, every: 500 } });
    expect(deliveries.map(({ number }) => number)).toEqual([...Array(1200).keys()]);
    for (const { at, number } of deliveries) {
      const inPeriod = number % 500;
      const stalled = number >= 500 && inPeriod < 200;
      expect(at).toBe(stalled ? (number - inPeriod + 200) * 1000 : number * 1000);
    }
  });

  it('treats each direction by itself', async () => {
    const arrivals = steady(1000, 100).map(({ at }, i) => ({
      at,
      from: i % 2 ? ('b' as const) : ('a' as const),
    }));
    const { deliveries, report } = await pass(arrivals, { delay: 5 }, { back: { delay: 1, loss: 0.5 } });
    expect(report.ab).toMatchObject({ packets: 500, lost: 0 });
    expect(report.ba.packets).toBe(500);
    expect(Math.abs(report.ba.lost - 250)).toBeLessThan(60);
    for (const { at, to, number } of deliveries) expect(at).toBe(number * 100 + (to === 'b' ? 5000 : 1000));
  });
});
