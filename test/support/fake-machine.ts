import type { ClockSources } from '../../src/core/clock.ts';

/** A machine that can sleep, whose wall clock can be set, and whose timers can fire early. */
export class FakeMachine implements ClockSources {
  performance = 100;
  date = 1_800_000_000_000;
  timers: { run: () => void; delay: number; at: number }[] = [];

  performanceNow(): number {
    return this.performance;
  }
  dateNow(): number {
    return this.date;
  }
  setTimer(run: () => void, delay: number): unknown {
    const timer = { run, delay, at: this.performance + delay };
    this.timers.push(timer);
    return timer;
  }
  clearTimer(timer: unknown): void {
    this.timers = this.timers.filter((each) => each !== timer);
  }

  pass(ms: number): void {
    this.performance += ms;
    this.date += ms;
  }
  sleep(ms: number): void {
    this.date += ms;
  }
  /** Runs the one timer as if it fired now. */
  fire(): void {
    const [timer] = this.timers.splice(0, 1);
    timer!.run();
  }
}
