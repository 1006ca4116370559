/** What a WebSocket says of itself. */
export interface Buffering {
  readonly bufferedAmount: number;
}

/**
 * What waits in a WebSocket. Firefox now and then never takes a message off `bufferedAmount` although it has sent it, and
 * who waits for room by that number alone waits for good. But what the relay has got waits nowhere: so each mark that comes
 * back tells how much of the number is no more than a memory.
 */
export class SocketBacklog {
  readonly #socket: Buffering;
  /** Of `bufferedAmount`: of messages that have arrived. */
  #forgotten = 0;

  constructor(socket: Buffering) {
    this.#socket = socket;
  }

  get bytes(): number {
    const { bufferedAmount } = this.#socket;
    // It was taken off after all, only later.
    if (bufferedAmount < this.#forgotten) this.#forgotten = bufferedAmount;
    return bufferedAmount - this.#forgotten;
  }

  /** All has arrived that was given to it, but for the last `bytes` at most. */
  arrivedUpTo(bytes: number): void {
    this.#forgotten = Math.max(0, this.#socket.bufferedAmount - bytes);
  }
}
