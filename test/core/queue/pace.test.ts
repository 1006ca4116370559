import { describe, expect, it } from 'vitest';
import { Pace } from '../../../src/core/queue/pace.ts';

const FULL = 30_000;
const SHORT = 300;

describe('when messages to a client leave', () => {
  it('at once, when little is said, however often', () => {
    const pace = new Pace();
    for (let now = 0; now < 5; now += 0.25) {
      expect(pace.wait(SHORT, now)).toBe(0);
      pace.sent(SHORT, now);
    }
  });

  it('at once, when a transfer begins', () => {
    expect(new Pace().wait(FULL, 0)).toBe(0);
  });

  it('2 ms apart in a transfer, also what is short', () => {
    const pace = new Pace();
    pace.sent(FULL, 100);
    expect(pace.wait(SHORT, 100.5)).toBe(1.5);
    expect(pace.wait(SHORT, 102)).toBe(0);
  });

  it('1 ms apart while a transfer comes up, whose acknowledgments they are', () => {
    const pace = new Pace();
    pace.received(FULL, 100);
    expect(pace.wait(SHORT, 100)).toBe(0);
    pace.sent(SHORT, 100);
    expect(pace.wait(SHORT, 100.25)).toBe(0.75);
    expect(pace.wait(SHORT, 101)).toBe(0);
    pace.received(SHORT, 111);
    pace.sent(SHORT, 111);
    expect(pace.wait(SHORT, 111)).toBe(0);
  });

  it('before that when there is enough for one', () => {
    const pace = new Pace();
    pace.sent(FULL, 100);
    expect(pace.wait(56 * 1024, 100.1)).toBe(0);
  });

  it('at once again, 10 ms after the last large one', () => {
    const pace = new Pace();
    pace.sent(FULL, 100);
    pace.sent(SHORT, 110);
    expect(pace.wait(SHORT, 110)).toBe(2);
    expect(pace.wait(SHORT, 110.1)).toBe(0);
  });
});
