import type { WebSocket } from 'ws';
import type { DownQueue } from '../src/core/queue/down-queue.ts';
import { Pace } from '../src/core/queue/pace.ts';
import { MAX_MESSAGE, RecordWriter } from '../src/core/wire/relay.ts';
import { RelayWindow } from '../src/core/wire/relay-window.ts';
import type { RelayContext } from './context.ts';

/** Above this, what is on its way to the client waits in the queue, where it can still be dropped. */
const HIGH_WATER = 64 * 1024;
/** While the way to the client is full, how often to look whether it has room. */
const ROOM_POLL = 4;
/** The frame of a mark. */
const MARK_BYTES = 6;
const SEND_OPTIONS = { binary: true, compress: false, fin: true };

/** Where messages are put together, one at a time, in this process. */
const scratch = new RecordWriter(new Uint8Array(MAX_MESSAGE));

/**
 * Empties a queue into a WebSocket, never faster than the client seems to read: once a turn of the event loop, what
 * arrived in it leaves as one message. Only in a transfer it waits a moment for more (pace.ts).
 */
export class Downlink {
  readonly #socket: WebSocket;
  readonly #queue: DownQueue;
  readonly #context: RelayContext;
  readonly #maxMessage: number;
  readonly #window = new RelayWindow();
  readonly #pace = new Pace();
  #isScheduled = false;
  #paceTimer: NodeJS.Timeout | undefined;
  #roomTimer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #hasMarked = false;
  /** Records sent. */
  records = 0;

  constructor(socket: WebSocket, queue: DownQueue, context: RelayContext, maxMessage: number) {
    this.#socket = socket;
    this.#queue = queue;
    this.#context = context;
    this.#maxMessage = maxMessage;
  }

  /** Bytes that wait for the client, here and in the WebSocket. */
  get queuedBytes(): number {
    return this.#queue.bytes + this.#socket.bufferedAmount;
  }

  /** A message of so many bytes came the other way. */
  received(bytes: number): void {
    this.#pace.received(bytes, this.#context.now());
  }

  /** Something was put into the queue. */
  schedule(): void {
    if (this.#isScheduled || this.#isClosed || this.#socket.bufferedAmount > HIGH_WATER) return;
    if (this.#isEarly()) return;
    this.#isScheduled = true;
    setImmediate(this.flush);
  }

  /** Whether the next message waits for more; if so, it leaves by itself. */
  #isEarly(): boolean {
    if (this.#queue.isUrgent) return false;
    const wait = this.#pace.wait(this.#queue.bytes, this.#context.now());
    if (wait > 0) this.#paceTimer ??= setTimeout(this.flush, Math.ceil(wait));
    return wait > 0;
  }

  readonly flush = (): void => {
    this.#isScheduled = false;
    clearTimeout(this.#paceTimer);
    this.#paceTimer = undefined;
    const now = this.#context.now();
    while (!this.#isClosed && !this.#queue.isEmpty && this.#socket.bufferedAmount <= HIGH_WATER) {
      const room = this.#window.limit - this.#window.outstanding(now);
      if (room <= 0) {
        this.#window.full(now);
        this.#waitForRoom();
      }
      scratch.reset(this.#maxMessage);
      // Control and handshakes go even so.
      const dropped = this.#queue.fill(scratch, Math.min(room, this.#window.messageLimit), now);
      if (dropped > 0) this.#context.counters.down.drop('queue', dropped);
      if (scratch.records === 0) break;
      if (this.#queue.waited !== undefined) this.#context.counters.waited(this.#queue.waited);
      this.records += scratch.records;
      this.#window.sent(scratch.length, now);
      this.#pace.sent(scratch.length, now);
      this.#context.counters.down.messages++;
      // ws keeps what the kernel does not take at once, so each message has memory of its own.
      this.#socket.send(Buffer.from(scratch.bytes.subarray(0, scratch.end)), SEND_OPTIONS, this.#sent);
    }
    this.#mark(now);
  };

  /** A ping came back with what was in it. */
  receivePong(payload: Buffer): void {
    if (payload.length !== 4) return;
    this.#window.markReturned(payload.readUInt32BE(0), this.#context.now());
    this.#queue.follow(this.#window.rate);
    this.schedule();
  }

  /** Browsers answer a WebSocket's pings by themselves, once all before it has arrived. */
  #mark(now: number): void {
    // The first, behind the welcome, tells the round trip before anything waits.
    if (this.#isClosed || (this.#hasMarked && !this.#window.wantsMark(now))) return;
    this.#hasMarked = true;
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(this.#window.mark(MARK_BYTES, now));
    this.#socket.ping(payload);
  }

  #waitForRoom(): void {
    this.#roomTimer ??= setTimeout(() => {
      this.#roomTimer = undefined;
      this.#mark(this.#context.now());
      this.schedule();
    }, ROOM_POLL);
  }

  /** The WebSocket is gone. What waits still waits. */
  stop(): void {
    this.#isClosed = true;
    clearTimeout(this.#roomTimer);
    clearTimeout(this.#paceTimer);
  }

  /** What still waits is forgotten. */
  close(): void {
    this.stop();
    this.#queue.clear();
  }

  readonly #sent = (): void => {
    if (!this.#queue.isEmpty) this.schedule();
  };
}
