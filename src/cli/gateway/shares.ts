/** A number of places of which nobody gets more than a part. */
export class Shares {
  readonly #limits: { readonly all: number; readonly each: number };
  readonly #taken = new Map<string, number>();
  #sum = 0;

  constructor(limits: { all: number; each: number }) {
    this.#limits = limits;
  }

  /** One place for `who`; called once, what it returns gives it back. Undefined when there is none. */
  take(who: string): (() => void) | undefined {
    const taken = this.#taken.get(who) ?? 0;
    if (this.#sum >= this.#limits.all || taken >= this.#limits.each) return undefined;
    this.#sum++;
    this.#taken.set(who, taken + 1);
    return () => this.#giveBack(who);
  }

  #giveBack(who: string): void {
    this.#sum--;
    const left = this.#taken.get(who)! - 1;
    if (left > 0) this.#taken.set(who, left);
    else this.#taken.delete(who);
  }
}
