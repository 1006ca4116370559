/**
 * How many requests of a transfer are on their way: as many as keep the way busy and hardly more, since whatever is typed
 * beside it on the same connection waits behind them. As TCP Vegas does it: what takes longer than the fastest answer did
 * has stood in a queue.
 */
export class RequestWindow {
  /** More than this do not pay, however long the way: 2 MiB. */
  static readonly LARGEST = 64;
  static readonly SMALLEST = 2;
  /** While somebody types. */
  static readonly POLITE = 3;
  #size = RequestWindow.SMALLEST;
  #waiting = 0;
  #fastest = Number.POSITIVE_INFINITY;
  /** Nobody has waited yet. */
  #isStarting = true;
  /** Answers to come of requests that left before the window last shrank. */
  #ofBefore = 0;

  hasRoom(isTyping = false): boolean {
    const most = isTyping ? Math.min(this.#size, RequestWindow.POLITE) : this.#size;
    return this.#waiting < Math.floor(most);
  }

  sent(): void {
    this.#waiting++;
  }

  /** @param milliseconds since this request was sent */
  answered(milliseconds: number): void {
    // What was not used up says nothing about more.
    const wasFull = this.#waiting >= Math.floor(this.#size);
    this.#waiting--;
    this.#fastest = Math.min(this.#fastest, milliseconds);
    if (this.#ofBefore > 0) this.#ofBefore--;
    else if (milliseconds > this.#fastest + queueFor(this.#fastest)) this.#shrink();
    else if (wasFull) this.#grow();
  }

  #grow(): void {
    this.#size = Math.min(RequestWindow.LARGEST, this.#size + (this.#isStarting ? 1 : 1 / this.#size));
  }

  #shrink(): void {
    this.#isStarting = false;
    this.#size = Math.max(RequestWindow.SMALLEST, this.#size * 0.75);
    this.#ofBefore = this.#waiting;
  }
}

/** Milliseconds in a queue that nobody who types notices; a long way also varies more. */
function queueFor(fastest: number): number {
  return 6 + fastest / 4;
}
