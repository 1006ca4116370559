import type { WebSocket } from 'ws';
import { MAX_MESSAGE, RecordWriter } from '../src/core/wire/relay.ts';
import type { RelayCounters } from './counters.ts';
import type { DownQueue } from './down-queue.ts';

/** Above this, what is on its way to the client waits in the queue, where it can still be dropped. */
const HIGH_WATER = 64 * 1024;
const SEND_OPTIONS = { binary: true, compress: false, fin: true };

/** Where messages are put together, one at a time, in this process. */
const scratch = new RecordWriter(new Uint8Array(MAX_MESSAGE));

/**
 * Empties a queue into a WebSocket: once a turn of the event loop, what arrived in it leaves as one message, without
 * waiting for more; and never more than the client seems to read.
 */
export class Downlink {
  readonly #socket: WebSocket;
  readonly #queue: DownQueue;
  readonly #counters: RelayCounters;
  #isScheduled = false;
  #isClosed = false;
  /** Records sent. */
  records = 0;

  constructor(socket: WebSocket, queue: DownQueue, counters: RelayCounters) {
    this.#socket = socket;
    this.#queue = queue;
    this.#counters = counters;
  }

  /** Bytes that wait for the client, here and in the WebSocket. */
  get queuedBytes(): number {
    return this.#queue.bytes + this.#socket.bufferedAmount;
  }

  /** Something was put into the queue. */
  schedule(): void {
    if (this.#isScheduled || this.#isClosed || this.#socket.bufferedAmount > HIGH_WATER) return;
    this.#isScheduled = true;
    setImmediate(this.flush);
  }

  readonly flush = (): void => {
    this.#isScheduled = false;
    while (!this.#isClosed && !this.#queue.isEmpty && this.#socket.bufferedAmount <= HIGH_WATER) {
      scratch.reset();
      this.#queue.fill(scratch);
      this.records += scratch.records;
      this.#counters.messagesDown++;
      // ws keeps what the kernel does not take at once, so each message has memory of its own.
      this.#socket.send(Buffer.from(scratch.bytes.subarray(0, scratch.end)), SEND_OPTIONS, this.#sent);
    }
  };

  /** What still waits is forgotten. */
  close(): void {
    this.#isClosed = true;
    this.#queue.clear();
  }

  readonly #sent = (): void => {
    if (!this.#queue.isEmpty) this.schedule();
  };
}
