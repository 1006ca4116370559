import type { Instant } from './time.ts';

/** A limit on a rate: `rate` tokens come in per second, at most `burst` are kept, each event takes some out. */
export class TokenBucket {
  readonly #rate: number;
  readonly #burst: number;
  #tokens: number;
  #at: Instant = 0;

  constructor(rate: number, burst: number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Whether there is enough, without taking it. */
  has(cost: number, now: Instant): boolean {
    if (now > this.#at) {
      this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) * this.#rate) / 1000);
      this.#at = now;
    }
    return this.#tokens >= cost;
  }

  /** Takes `cost` tokens if they are there. */
  take(cost: number, now: Instant): boolean {
    if (!this.has(cost, now)) return false;
    this.#tokens -= cost;
    return true;
  }

  /** Takes them even if they are not there, for what has happened already. The debt is paid before anything else. */
  charge(cost: number): void {
    this.#tokens -= cost;
  }

  /** When there will be enough, if nothing is taken until then. */
  availableAt(cost: number): Instant {
    return this.#at + Math.max(0, cost - this.#tokens) * (1000 / this.#rate);
  }
}
