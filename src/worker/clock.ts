import { SleepAwareClock } from '../core/clock.ts';

/** The worker's clock. Workers' timers are not throttled in hidden tabs, but they stop when the page is frozen. */
export class WorkerClock extends SleepAwareClock {
  constructor() {
    super({
      performanceNow: () => performance.now(),
      dateNow: () => Date.now(),
      setTimer: (run, delay) => setTimeout(run, delay),
      clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
    });
  }
}
