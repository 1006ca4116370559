/** The Web Locks of an origin, as far as exclusive locks go: queue, `steal`, `signal`. */
export class FakeLocks {
  readonly #held = new Map<string, { steal: (error: Error) => void }>();
  readonly #waiting = new Map<string, (() => void)[]>();

  /** As LockManager.request. */
  readonly request = ((
    name: string,
    options: LockOptions,
    use: (lock: Lock | null) => unknown,
  ): Promise<unknown> => {
    if (options.steal) {
      this.#held.get(name)?.steal(new DOMException('Lock stolen.', 'AbortError'));
      return this.#grant(name, use);
    }
    if (!this.#held.has(name)) return this.#grant(name, use);
    return new Promise((resolve, reject) => {
      const turn = () => resolve(this.#grant(name, use));
      const queue = this.#waiting.get(name) ?? [];
      this.#waiting.set(name, [...queue, turn]);
      options.signal?.addEventListener('abort', () => {
        this.#waiting.set(
          name,
          this.#waiting.get(name)!.filter((other) => other !== turn),
        );
        reject(options.signal!.reason as Error);
      });
    });
  }) as LockManager['request'];

  isHeld(name: string): boolean {
    return this.#held.has(name);
  }

  #grant(name: string, use: (lock: Lock | null) => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const holder = { steal: reject };
      this.#held.set(name, holder);
      void Promise.resolve()
        .then(() => use({ name, mode: 'exclusive' }))
        .then(resolve, reject)
        .finally(() => {
          if (this.#held.get(name) !== holder) return;
          this.#held.delete(name);
          this.#waiting.get(name)?.shift()?.();
        });
    });
  }
}
