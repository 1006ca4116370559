import type { Tcb } from './tcb.ts';

/** So many places are kept when the list is empty, so that filling it again makes no array (`length = 0` lets go of it). */
const KEPT = 64;

/** Connections in the order in which they came, emptied once per turn. */
export class WakeList {
  #tcbs: (Tcb | undefined)[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(tcb: Tcb): void {
    this.#tcbs[this.#length++] = tcb;
  }

  at(index: number): Tcb {
    return this.#tcbs[index]!;
  }

  clear(): void {
    if (this.#length > KEPT) this.#tcbs = [];
    else for (let i = 0; i < this.#length; i++) this.#tcbs[i] = undefined;
    this.#length = 0;
  }
}
