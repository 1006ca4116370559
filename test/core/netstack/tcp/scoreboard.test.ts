import { describe, expect, it } from 'vitest';
import {
  LOST,
  NO_RECORD,
  RESENT,
  RecordBudget,
  SACKED,
  Scoreboard,
} from '../../../../src/core/netstack/tcp/scoreboard.ts';
import { add, diff, ge, le, lt } from '../../../../src/core/netstack/tcp/sequence.ts';
import { SeededRandom } from '../../../support/random.ts';
import { threadTime } from '../../../support/thread-time.ts';

/** The same, plainly: a list of segments. */
interface Segment {
  start: number;
  end: number;
  sentAt: number;
  state: 'in flight' | 'sacked' | 'lost';
  resent: boolean;
}

class Model {
  segments: Segment[] = [];
  delivered: number[] = [];

  append(start: number, end: number, now: number): void {
    this.segments.push({ start, end, sentAt: now, state: 'in flight', resent: false });
  }

  acknowledge(ack: number): void {
    while (this.segments.length > 0 && le(this.segments[0]!.end, ack)) {
      const first = this.segments.shift()!;
      if (first.state !== 'sacked') this.delivered.push(first.end);
    }
    const [first] = this.segments;
    if (first && lt(first.start, ack)) first.start = ack;
  }

  sack(start: number, end: number): void {
    for (const segment of this.segments)
      if (segment.state !== 'sacked' && ge(segment.start, start) && le(segment.end, end)) {
        segment.state = 'sacked';
        this.delivered.push(segment.end);
      }
  }

  resend(segment: Segment, now: number): void {
    Object.assign(segment, { state: 'in flight', resent: true, sentAt: now });
  }

  get inFlight(): Segment[] {
    return this.segments.filter(({ state }) => state === 'in flight');
  }
}

function slotOf(scoreboard: Scoreboard, segment: Segment): number {
  for (let slot = scoreboard.first, n = 0; n < scoreboard.count; n++, slot = next(scoreboard, slot))
    if (scoreboard.end(slot) === segment.end) return slot;
  throw new Error('no such record');
}

/** The slots of a ring follow each other; where it wraps, only the record's numbers tell. */
function next(scoreboard: Scoreboard, slot: number): number {
  if (slot === scoreboard.last) return NO_RECORD;
  const end = scoreboard.end(slot);
  return scoreboard.start(slot + 1) === end && lt(end, scoreboard.end(slot + 1)) ? slot + 1 : 0;
}

function compare(scoreboard: Scoreboard, model: Model): void {
  const inFlight = model.inFlight;
  const length = (list: Segment[]) => list.reduce((sum, { start, end }) => sum + diff(end, start), 0);
  const lost = model.segments.filter(({ state }) => state === 'lost');
  const sacked = model.segments.filter(({ state }) => state === 'sacked');
  const { count, pipe, lostCount, sackedCount, sackedBytes } = scoreboard;
  expect([
    count,
    pipe,
    scoreboard.countPipe(),
    lostCount,
    scoreboard.countLost(),
    sackedCount,
    sackedBytes,
  ]).toEqual([
    model.segments.length,
    length(inFlight),
    length(inFlight),
    lost.length,
    length(lost),
    sacked.length,
    length(sacked),
  ]);
  const nextLost = scoreboard.nextLost();
  expect(nextLost === NO_RECORD ? undefined : scoreboard.end(nextLost)).toBe(lost[0]?.end);
  // Oldest first; of what was sent at one instant the order does not matter (RACK goes by the numbers).
  const listed: { end: number; sentAt: number }[] = [];
  for (let slot = scoreboard.oldest; slot !== NO_RECORD; slot = scoreboard.sentNext(slot))
    listed.push({ end: scoreboard.end(slot), sentAt: scoreboard.sentAt(slot) });
  const times = listed.map(({ sentAt }) => sentAt);
  expect(times.every((time, i) => i === 0 || times[i - 1]! <= time)).toBe(true);
  const byNumber = (a: { end: number }, b: { end: number }) => diff(a.end, b.end);
  const expected = inFlight.map(({ end, sentAt }) => ({ end, sentAt }));
  const print = (list: typeof listed) => JSON.stringify([...list].sort(byNumber));
  expect(print(listed)).toBe(print(expected));
  if (model.segments.length > 0) {
    expect(scoreboard.start(scoreboard.first)).toBe(model.segments[0]!.start);
    expect(scoreboard.end(scoreboard.last)).toBe(model.segments.at(-1)!.end);
  }
}

describe('Scoreboard', () => {
  for (const base of [0, 0x7ffff000, -3000])
    it(`agrees with a plain list of segments, beginning at ${base}`, () => {
      for (let seed = 1; seed <= 5; seed++) {
        const random = new SeededRandom(seed);
        const told: number[] = [];
        const scoreboard = new Scoreboard(
          { delivered: (_slot, end) => told.push(end) },
          new RecordBudget(1 << 16),
        );
        const model = new Model();
        scoreboard.begin(base);
        let nxt = base;
        let una = base;
        for (let now = 0; now < 200; now++) {
          const choice = random.below(10);
          const pick = () => model.segments[random.below(model.segments.length)]!;
          if (choice < 5 || model.segments.length === 0) {
            for (let n = random.below(6); n >= 0; n--) {
              const end = add(nxt, 1 + random.below(1400));
              expect(scoreboard.hasRoom()).toBe(true);
              scoreboard.append(nxt, end, now);
              model.append(nxt, end, now);
              nxt = end;
            }
          } else if (choice === 5) {
            const { end, start } = pick();
            const ack = random.fraction() < 0.3 ? add(start, random.below(diff(end, start) + 1)) : end;
            if (lt(una, ack)) una = ack;
            scoreboard.acknowledge(una);
            model.acknowledge(una);
          } else if (choice < 8) {
            const from = pick();
            const to =
              model.segments[
                Math.min(model.segments.indexOf(from) + random.below(20), model.segments.length - 1)
              ]!;
            // Edges that lie inside a record say nothing about it.
            const inset = random.fraction() < 0.2 ? 1 : 0;
            if (from === model.segments[0]) continue;
            scoreboard.sack(add(from.start, inset), add(to.end, -inset));
            model.sack(add(from.start, inset), add(to.end, -inset));
          } else if (choice === 8) {
            for (const segment of model.inFlight.slice(0, random.below(8))) {
              scoreboard.markLost(slotOf(scoreboard, segment));
              segment.state = 'lost';
            }
          } else if (random.fraction() < 0.8) {
            for (const segment of model.segments
              .filter(({ state }) => state === 'lost')
              .slice(0, random.below(6))) {
              scoreboard.resent(scoreboard.nextLost(), now);
              model.resend(segment, now);
            }
          } else {
            scoreboard.findLost();
            for (const segment of model.segments) if (segment.state === 'lost') segment.state = 'in flight';
          }
          compare(scoreboard, model);
        }
        expect(told).toEqual(model.delivered);
      }
    });

  it('is bounded for one connection and for all', () => {
    const budget = new RecordBudget(100);
    const scoreboard = new Scoreboard({ delivered: () => {} }, budget);
    scoreboard.begin(0);
    let sent = 0;
    while (scoreboard.hasRoom()) scoreboard.append(sent, ++sent, 0);
    expect(sent).toBeLessThanOrEqual(100);
    scoreboard.acknowledge(sent);
    scoreboard.shrink(0);
    expect(budget.left).toBe(100);
    const alone = new Scoreboard({ delivered: () => {} }, new RecordBudget(1 << 20));
    alone.begin(0);
    let most = 0;
    while (alone.hasRoom()) alone.append(most, ++most, 0);
    expect(most).toBe(65_535);
  });

  it('cuts records to a smaller size and keeps what is known of them', () => {
    const scoreboard = new Scoreboard({ delivered: () => {} }, new RecordBudget(1000));
    scoreboard.begin(0);
    for (const [start, end] of [
      [0, 1400],
      [1400, 2800],
      [2800, 3000],
    ] as const) {
      expect(scoreboard.hasRoom()).toBe(true);
      scoreboard.append(start, end, start);
    }
    scoreboard.markLost(scoreboard.first);
    scoreboard.sack(1400, 2800);
    expect(scoreboard.resegment(500)).toBe(true);
    expect([scoreboard.count, scoreboard.lostCount, scoreboard.sackedCount]).toEqual([7, 3, 3]);
    expect([scoreboard.pipe, scoreboard.countLost(), scoreboard.sackedBytes]).toEqual([200, 1400, 1400]);
    const slot = scoreboard.nextLost();
    expect([scoreboard.start(slot), scoreboard.end(slot)]).toEqual([0, 500]);
    scoreboard.resent(slot, 9000);
    expect([scoreboard.has(slot, RESENT), scoreboard.has(slot, LOST | SACKED)]).toEqual([true, false]);
    expect(scoreboard.start(scoreboard.nextLost())).toBe(500);
  });

  it('does not walk over what is reported again and again: 100,000 reports of 4,000 segments take no time', () => {
    const scoreboard = new Scoreboard({ delivered: () => {} }, new RecordBudget(1 << 16));
    scoreboard.begin(0);
    for (let i = 0; i < 4001; i++) {
      expect(scoreboard.hasRoom()).toBe(true);
      scoreboard.append(i * 1000, (i + 1) * 1000, i);
    }
    scoreboard.sack(1000, 4_001_000);
    const before = threadTime();
    for (let i = 0; i < 100_000; i++) scoreboard.sack(1000, 4_001_000);
    // One by one it would be 400 million records: seconds.
    expect(threadTime() - before).toBeLessThan(2000);
  });
});
