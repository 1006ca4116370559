import { beforeEach, describe, expect, it } from 'vitest';
import { SleepAwareClock } from '../../src/core/clock.ts';
import { NEVER } from '../../src/core/time.ts';
import { FakeMachine } from '../support/fake-machine.ts';

let machine: FakeMachine;
let clock: SleepAwareClock;
let woken: number;
const wake = () => {
  woken++;
};
beforeEach(() => {
  machine = new FakeMachine();
  clock = new SleepAwareClock(machine);
  woken = 0;
});

describe('now', () => {
  it('follows the monotonic clock', () => {
    const before = clock.now();
    machine.pass(1234);
    expect(clock.now() - before).toBe(1234);
  });

  it('counts sleep, which the monotonic clock does not see', () => {
    const before = clock.now();
    machine.pass(1000);
    machine.sleep(3_600_000);
    machine.pass(1000);
    expect(clock.now() - before).toBe(3_602_000);
    machine.pass(5);
    expect(clock.now() - before).toBe(3_602_005);
  });

  it('ignores differences of up to two seconds, also when they add up: clocks are adjusted all the time', () => {
    const before = clock.now();
    for (let i = 0; i < 100; i++) {
      machine.sleep(2000);
      clock.now();
    }
    expect(clock.now()).toBe(before);
    machine.sleep(2001);
    expect(clock.now()).toBe(before + 2001);
  });

  it('never goes back, whatever happens to the wall clock', () => {
    machine.sleep(10_000);
    let last = clock.now();
    for (const step of [-3_600_000, 5000, -5000, -1, 86_400_000, -86_400_000]) {
      machine.sleep(step);
      const now = clock.now();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
    machine.performance -= 50;
    expect(clock.now()).toBe(last);
  });
});

describe('wakeAt', () => {
  it('wakes once', () => {
    clock.wakeAt(clock.now() + 500, wake);
    expect(machine.timers.map(({ delay }) => delay)).toEqual([500]);
    machine.pass(500);
    machine.fire();
    expect(woken).toBe(1);
    expect(machine.timers).toEqual([]);
  });

  it('asked for nothing, has no timer', () => {
    clock.wakeAt(clock.now() + 500, wake);
    clock.wakeAt(NEVER, wake);
    expect(machine.timers).toEqual([]);
    clock.wakeAt(clock.now() + 200, wake);
    machine.pass(200);
    machine.fire();
    expect(woken).toBe(1);
  });

  it('waits on when the timer fires early: 0.4 ms short of five seconds is not five seconds', () => {
    clock.wakeAt(clock.now() + 5000, wake);
    machine.pass(4999.6);
    machine.fire();
    expect(woken).toBe(0);
    expect(machine.timers).toHaveLength(1);
    machine.pass(0.4);
    machine.fire();
    expect(woken).toBe(1);
  });

  it('a clock that ticks ten times a second loses no deadline, and is not asked again and again', () => {
    machine.performanceNow = () => Math.floor(machine.performance / 100) * 100;
    machine.dateNow = () => Math.floor(machine.date / 100) * 100;
    machine.performance = 1050;
    clock = new SleepAwareClock(machine);
    clock.wakeAt(clock.now() + 5000, wake);
    // The timer is on time by a better clock than ours, for which it is early.
    machine.pass(4949.6);
    let fired = 0;
    for (; woken === 0 && fired < 10; fired++) {
      machine.fire();
      machine.pass(machine.timers[0]?.delay ?? 0);
    }
    expect({ woken, fired }).toEqual({ woken: 1, fired: 2 });
  });

  it('a delay that overflows setTimeout is cut, and nothing is lost', () => {
    const at = clock.now() + 2 ** 32;
    clock.wakeAt(at, wake);
    expect(machine.timers[0]!.delay).toBe(2 ** 31 - 1);
    machine.pass(2 ** 31 - 1);
    machine.fire();
    expect(woken).toBe(0);
    machine.pass(2 ** 31 + 1);
    machine.fire();
    expect(woken).toBe(1);
  });

  it('a timer that was held up lets others go first, once: what waits behind it may be the answer', () => {
    clock.wakeAt(clock.now() + 200, wake);
    machine.pass(221);
    machine.fire();
    expect({ woken, delays: machine.timers.map(({ delay }) => delay) }).toEqual({ woken: 0, delays: [0] });
    machine.pass(50);
    machine.fire();
    expect(woken).toBe(1);
    clock.wakeAt(clock.now() + 200, wake);
    machine.pass(300);
    machine.fire();
    // An answer came, and moved the deadline.
    clock.wakeAt(clock.now() + 200, wake);
    machine.fire();
    expect(woken).toBe(1);
    machine.pass(219);
    machine.fire();
    expect(woken).toBe(2);
  });

  it('the past is at once, NEVER is not at all', () => {
    clock.wakeAt(clock.now() - 1000, wake);
    expect(machine.timers.map(({ delay }) => delay)).toEqual([0]);
    clock.wakeAt(NEVER, wake);
    if (machine.timers.length > 0) machine.fire();
    expect(woken).toBe(0);
    expect(machine.timers).toEqual([]);
  });

  it('keeps one timer; a later deadline does not make a new one', () => {
    const start = clock.now();
    clock.wakeAt(start + 100, wake);
    clock.wakeAt(start + 300, wake);
    expect(machine.timers.map(({ delay }) => delay)).toEqual([100]);
    machine.pass(100);
    machine.fire();
    expect(woken).toBe(0);
    expect(machine.timers.map(({ delay }) => delay)).toEqual([200]);
    clock.wakeAt(start + 150, wake);
    expect(machine.timers.map(({ delay }) => delay)).toEqual([50]);
    machine.pass(50);
    machine.fire();
    expect(woken).toBe(1);
  });

  it('whoever is woken may ask again', () => {
    const again = () => {
      woken++;
      if (woken < 3) clock.wakeAt(clock.now() + 10, again);
    };
    clock.wakeAt(clock.now() + 10, again);
    for (let i = 0; i < 3; i++) {
      machine.pass(10);
      machine.fire();
    }
    expect(woken).toBe(3);
    expect(machine.timers).toEqual([]);
  });

  it('a deadline that passed during sleep is met at once after it', () => {
    clock.wakeAt(clock.now() + 120_000, wake);
    machine.pass(1000);
    machine.sleep(3_600_000);
    machine.pass(119_000);
    machine.fire();
    expect(machine.timers.map(({ delay }) => delay)).toEqual([0]);
    machine.fire();
    expect(woken).toBe(1);
  });
});
