import { SleepAwareClock } from '../core/clock.ts';

/** Node's clock: on Linux `performance.now()` stands still while the machine sleeps. */
export class NodeClock extends SleepAwareClock {
  constructor() {
    super({
      performanceNow: () => performance.now(),
      dateNow: () => Date.now(),
      setTimer: (run, delay) => setTimeout(run, delay),
      clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
    });
  }
}
