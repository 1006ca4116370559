/** Says once when nothing happened for so long; anything that happens begins it anew. Never a timer per event. */
export class IdleTimer {
  readonly #idle: () => void;
  #delay = 0;
  #lastAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(idle: () => void) {
    this.#idle = idle;
  }

  /** Milliseconds; 0 stops it. */
  set(delay: number): void {
    this.stop();
    this.#delay = delay;
    this.touch();
  }

  /** Something happened. */
  touch(): void {
    if (this.#delay === 0) return;
    this.#lastAt = performance.now();
    this.#timer ??= this.#after(this.#delay);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#delay = 0;
  }

  #after(delay: number): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => this.#due(), delay);
    // In Node, a socket that only waits must not keep the process alive.
    (timer as { unref?: () => void }).unref?.();
    return timer;
  }

  #due(): void {
    const left = this.#lastAt + this.#delay - performance.now();
    this.#timer = left > 0 ? this.#after(Math.ceil(left)) : undefined;
    if (left <= 0) this.#idle();
  }
}
