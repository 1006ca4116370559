import { type Instant, NEVER } from '../../time.ts';
import type { Tcb } from './tcb.ts';

/**
 * When which connection next has something due: a binary heap that knows where each connection stands in it. Moving a
 * deadline later costs nothing: the connection is found early, looks at its fields, and is put back.
 */
export class Deadlines {
  readonly #heap: Tcb[] = [];

  /** The earliest instant any connection is to be looked at, or NEVER. */
  get next(): Instant {
    return this.#heap.length === 0 ? NEVER : this.#heap[0]!.heapAt;
  }

  /** Sees to it that `tcb` is looked at when its earliest deadline comes, or before. */
  schedule(tcb: Tcb): void {
    if (!tcb.becomesDueEarlier()) return;
    if (tcb.heapIndex < 0) {
      tcb.heapIndex = this.#heap.length;
      this.#heap.push(tcb);
    }
    this.#siftUp(tcb);
  }

  /** Takes out a connection whose time has come, or undefined. */
  takeDue(now: Instant): Tcb | undefined {
    if (this.#heap.length === 0 || this.#heap[0]!.heapAt > now) return undefined;
    const tcb = this.#heap[0]!;
    this.remove(tcb);
    return tcb;
  }

  remove(tcb: Tcb): void {
    const index = tcb.heapIndex;
    if (index < 0) return;
    const last = this.#heap.pop()!;
    if (last !== tcb) {
      this.#heap[index] = last;
      last.heapIndex = index;
      this.#siftUp(last);
      this.#siftDown(last);
    }
    tcb.heapIndex = -1;
    tcb.heapAt = NEVER;
  }

  #siftUp(tcb: Tcb): void {
    let index = tcb.heapIndex;
    while (index > 0) {
      const parent = this.#heap[(index - 1) >> 1]!;
      if (parent.heapAt <= tcb.heapAt) break;
      this.#heap[index] = parent;
      parent.heapIndex = index;
      index = (index - 1) >> 1;
    }
    this.#heap[index] = tcb;
    tcb.heapIndex = index;
  }

  #siftDown(tcb: Tcb): void {
    let index = tcb.heapIndex;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= this.#heap.length) break;
      const right = left + 1;
      const isRight = right < this.#heap.length && this.#heap[right]!.heapAt < this.#heap[left]!.heapAt;
      const child = this.#heap[isRight ? right : left]!;
      if (child.heapAt >= tcb.heapAt) break;
      this.#heap[index] = child;
      child.heapIndex = index;
      index = isRight ? right : left;
    }
    this.#heap[index] = tcb;
    tcb.heapIndex = index;
  }
}
