// Whether a session's client is there, has a purpose, and behaves; by a clock of our own.
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS, type Limits } from '../../relay/config.ts';
import { SessionWatch } from '../../relay/session-watch.ts';

const watchOf = (limits: Partial<Limits> = {}) => new SessionWatch({ ...DEFAULT_LIMITS, ...limits }, 0);

describe('a session', () => {
  it('that opens no channel ends', () => {
    const watch = watchOf({ openTimeout: 5000 });
    expect(watch.tick(4999, false)).toBeUndefined();
    expect(watch.tick(5000, false)).toMatchObject({
      code: 4408,
      reason: expect.stringMatching(/^open/) as string,
    });
    watch.hasOpened = true;
    expect(watch.tick(5000, false)).toBeUndefined();
  });

  it('without datagrams ends, unless it waits for a call', () => {
    const watch = watchOf({ idleTimeout: 10_000 });
    watch.hasOpened = true;
    watch.lastActive = 1000;
    expect(watch.tick(10_999, false)).toBeUndefined();
    expect(watch.tick(11_000, true)).toBeUndefined();
    expect(watch.tick(11_000, false)).toMatchObject({
      code: 4408,
      reason: expect.stringMatching(/^idle/) as string,
    });
  });

  it('ends with its life', () => {
    const watch = watchOf({ sessionLifetime: 20_000 });
    watch.hasOpened = true;
    expect(watch.tick(19_999, true)).toBeUndefined();
    expect(watch.tick(20_000, true)).toMatchObject({ code: 4410 });
  });

  it('that sends more than ten times its rate for ten seconds ends; one second less than that is forgiven', () => {
    const watch = watchOf({ datagramsPerSecond: 10, openTimeout: 1e9 });
    /** Seconds with so many datagrams each; the last verdict. */
    const seconds = (count: number, datagrams: number) => {
      let verdict: ReturnType<SessionWatch['tick']>;
      for (let second = 0; second < count; second++) {
        for (let n = 0; n < datagrams; n++) watch.datagram();
        verdict = watch.tick(0, false);
      }
      return verdict;
    };
    expect(seconds(30, 100)).toBeUndefined();
    expect(seconds(9, 101)).toBeUndefined();
    expect(seconds(1, 100)).toBeUndefined();
    expect(seconds(9, 101)).toBeUndefined();
    expect(seconds(1, 101)).toMatchObject({ code: 4429, reason: 'rate: flood' });
  });

  it('is pinged, and dead when two pings in a row stay without answer', () => {
    const watch = watchOf({ pingInterval: 20_000 });
    expect(watch.pulse(19_999)).toBeUndefined();
    expect(watch.pulse(20_000)).toBe('ping');
    expect(watch.pulse(40_000)).toBe('ping');
    expect(watch.answered(40_000)).toBeUndefined();
    expect(watch.pulse(60_000)).toBe('ping');
    expect(watch.pulse(80_000)).toBe('ping');
    expect(watch.pulse(89_999)).toBeUndefined();
    expect(watch.pulse(90_000)).toBe('dead');
  });

  it('whose client pings more than once a second, after ten, ends', () => {
    const watch = watchOf({ pingsPerSecond: 1 });
    for (let n = 0; n < 10; n++) expect(watch.pinged(0)).toBeUndefined();
    expect(watch.pinged(999)).toMatchObject({ code: 4429, reason: expect.stringMatching(/^ping/) as string });
    expect(watch.pinged(1000)).toBeUndefined();
  });

  it('whose client answers far more than it was asked ends', () => {
    const watch = watchOf({});
    for (let n = 0; n < 500; n++) expect(watch.answered(0)).toBeUndefined();
    expect(watch.answered(0)).toMatchObject({ code: 4429, reason: 'pong: too many' });
    for (let now = 1000; now < 60_000; now += 25) expect(watch.answered(now)).toBeUndefined();
  });

  it('with too much in ten seconds that is not WireGuard ends', () => {
    const watch = watchOf({ shapeFailures: 3 });
    expect([0, 1].map((now) => watch.shapeFailed(now))).toEqual([undefined, undefined]);
    expect([10_000, 10_001].map((now) => watch.shapeFailed(now))).toEqual([undefined, undefined]);
    expect(watch.shapeFailed(19_999)).toMatchObject({ code: 4406 });
  });
});
