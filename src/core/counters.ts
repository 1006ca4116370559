/** Counts of what was refused, by reason. Reasons are a closed set, so nothing a peer sends can make it grow. */
export class DropCounters<Reason extends string> {
  readonly #counts = new Map<Reason, number>();

  /** The reason that was counted last; who wants to know of one packet clears it before. */
  last: Reason | undefined;

  count(reason: Reason, times = 1): void {
    this.last = reason;
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + times);
  }

  of(reason: Reason): number {
    return this.#counts.get(reason) ?? 0;
  }

  /** Only reasons that occurred. */
  toRecord(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}
