import type { Instant, Millis, Pollable } from '../../src/core/time.ts';

/** Time that moves only when a test moves it: a monotonic clock and a wall clock, which usually go together. */
export class FakeClock {
  /** Not a round number, so that comparisons of sums of fractions are tested too. */
  now: Instant = 1234.567;
  wall: Millis = Date.UTC(2027, 0, 15, 12);

  readonly wallClock = (): Millis => this.wall;

  advance(by: Millis): void {
    this.moveTo(this.now + by);
  }

  moveTo(instant: Instant): void {
    this.wall += instant - this.now;
    this.now = instant;
  }

  /** Lets everything happen that is due until `instant`, each thing at its time. */
  runUntil(instant: Instant, ...parts: Pollable[]): void {
    for (let turns = 0; ; turns++) {
      const next = Math.min(...parts.map((part) => part.pollAt()));
      if (next > instant) break;
      if (next > this.now) {
        this.moveTo(next);
        turns = 0;
      }
      // Who asks to be polled at once again and again would stop the world.
      if (turns > 10_000) throw new Error(`time stands still at ${this.now}`);
      for (const part of parts) part.poll(this.now);
    }
    this.moveTo(instant);
  }

  run(duration: Millis, ...parts: Pollable[]): void {
    this.runUntil(this.now + duration, ...parts);
  }
}
