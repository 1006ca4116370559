import type { Clock } from '../core/clock.ts';
import type { EngineMemory } from '../core/packet-buffer.ts';
import type { Instant, Millis } from '../core/time.ts';
import { CONTROL_CHANNEL, LEAST_MESSAGE, PING, RecordWriter, writeControl } from '../core/wire/relay.ts';
import { RelayWindow } from '../core/wire/relay-window.ts';
import { DrainMeter } from './drain-meter.ts';
import { type Buffering, SocketBacklog } from './socket-backlog.ts';

/** While full, how often to look whether the WebSocket drained: it has no event for that. */
const DRAIN_POLL: Millis = 1;
/**
 * TCP stops at the limit by asking `isFull`; what it had sent before it asked, or what a handshake released, may go
 * beyond by this much before data is dropped.
 */
const SLACK = 64 * 1024;
/** While it is full, so much may still be appended of what is short. */
const SHORT_ROOM = 4 * 1024;
/** The part of the window that is left when TCP goes on. */
const ROOM_AGAIN = 0.85;

/** What the uplink uses of a WebSocket. */
export interface UplinkSocket extends Buffering {
  send(data: Uint8Array<ArrayBuffer>): void;
}

export interface UplinkTimers {
  readonly setTimer: (run: () => void, delay: Millis) => unknown;
  readonly clearTimer: (timer: unknown) => void;
}

/** The record of a mark. */
const MARK_BYTES = 12;

/**
 * The way into a WebSocket: records are collected into one message, and what waits in the socket, and behind it in the
 * system, is kept so short that it adds little delay.
 */
export class Uplink {
  readonly #batch: RecordWriter;
  readonly #clock: Clock;
  readonly #timers: UplinkTimers;
  readonly #hasRoom: () => void;
  #socket: UplinkSocket | undefined;
  #backlog: SocketBacklog | undefined;
  #maxMessage = LEAST_MESSAGE;
  #meter = new DrainMeter();
  #window = new RelayWindow();
  #buffered = 0;
  /** Bytes that the relay has not got yet, when last looked at. */
  #outstanding = 0;
  #isFull = false;
  #appendedWhileFull = 0;
  #drainTimer: unknown;
  #markTimer: unknown;

  /** `hasRoom` is called when it was full and is not any more. */
  constructor(memory: EngineMemory, clock: Clock, timers: UplinkTimers, hasRoom: () => void) {
    this.#batch = new RecordWriter(memory.bytes, memory.egress.start, memory.egress.end);
    this.#clock = clock;
    this.#timers = timers;
    this.#hasRoom = hasRoom;
  }

  /** What can wait shall wait. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** What is short may leave all the same: so little that it does not make it fuller. */
  get takesShort(): boolean {
    return this.#appendedWhileFull < SHORT_ROOM;
  }

  /** Bytes that the relay has not got yet: here, in the WebSocket, and on the way as far as is known. */
  get queuedBytes(): number {
    const inSocket = this.#backlog?.bytes ?? 0;
    const onTheWay = this.#socket ? this.#window.outstanding(this.#clock.now()) : 0;
    return this.#batch.length + Math.max(inSocket, Math.round(onTheWay));
  }

  /** To the relay and back, while nothing waits. */
  get roundTrip(): Millis | undefined {
    return this.#window.roundTrip;
  }

  /** When the oldest mark left that has not come back. */
  get unansweredSince(): Instant | undefined {
    return this.#window.unansweredSince;
  }

  attach(socket: UplinkSocket): void {
    this.#socket = socket;
    this.#backlog = new SocketBacklog(socket);
    this.#maxMessage = LEAST_MESSAGE;
    this.#batch.reset(LEAST_MESSAGE);
  }

  /** The relay takes messages of so many bytes, from the next one on. */
  allowMessages(bytes: number): void {
    this.#maxMessage = Math.max(LEAST_MESSAGE, bytes);
    if (this.#batch.length === 0) this.#batch.reset(this.#maxMessage);
  }

  /** The socket is gone. Returns how many records waited for it and died with it. */
  detach(): number {
    if (this.#isFull) this.#timers.clearTimer(this.#drainTimer);
    this.#forgetMark();
    this.#socket = this.#backlog = undefined;
    this.#isFull = false;
    this.#buffered = this.#outstanding = 0;
    this.#meter = new DrainMeter();
    this.#window = new RelayWindow();
    const { records } = this.#batch;
    this.#batch.reset();
    return records;
  }

  /** Whether more data would wait too long. */
  refusesData(): boolean {
    if (this.#bufferedExcess <= SLACK) return false;
    // What is buffered was last looked at when something was sent: from now on it is looked at until it drains.
    this.#becomeFull();
    return true;
  }

  /** Takes a copy of source[start, end); false when it is larger than any message. */
  append(channel: number, source: Uint8Array, start = 0, end = source.length): boolean {
    if (!this.#batch.fits(end - start)) this.flush();
    if (!this.#batch.fits(end - start)) return false;
    this.#batch.append(channel, source, start, end);
    if (this.#isFull) this.#appendedWhileFull += end - start;
    if (this.#batch.length >= this.#window.messageLimit) this.flush();
    else if (this.#excess > 0) this.#becomeFull();
    return true;
  }

  flush(): void {
    if (this.#batch.length === 0) return;
    const now = this.#clock.now();
    this.#window.sent(this.#batch.length, now);
    this.#mark(now);
    const { bytes, start, end, length } = this.#batch;
    this.#batch.reset(this.#maxMessage);
    // The WebSocket copies before it returns.
    this.#socket!.send(bytes.subarray(start, end) as Uint8Array<ArrayBuffer>);
    this.#meter.sent(length, now);
    this.#observe(now);
    // Also when it is the limit that fell: whoever asks before sending must not run into the drop above.
    if (this.#excess > 0) this.#becomeFull();
    this.#markLater(now);
  }

  /** A PONG came: whether it was the answer to a mark of ours. */
  receivePong(nonce: Uint8Array): boolean {
    const number = new DataView(nonce.buffer, nonce.byteOffset).getUint32(0);
    if (number === 0) return false;
    this.#window.markReturned(number, this.#clock.now());
    this.#backlog?.arrivedUpTo(this.#window.unconfirmed);
    return true;
  }

  /** The answer to another PING took so long. */
  measureRoundTrip(sample: Millis): void {
    this.#window.measureRoundTrip(sample, this.#clock.now());
  }

  /** Behind what is in the batch. Numbers begin with 1: other pings have a nonce that begins with 0. */
  #mark(now: Instant): void {
    if (!this.#window.wantsMark(now) || !this.#batch.fits(MARK_BYTES)) return;
    if (this.#isFull) this.#window.full(now);
    const nonce = new Uint8Array(8);
    new DataView(nonce.buffer).setUint32(0, this.#window.mark(MARK_BYTES, now));
    this.#batch.append(CONTROL_CHANNEL, writeControl({ type: PING, nonce }));
  }

  /** What ends before a mark is due again would count as on its way until something follows. */
  #markLater(now: Instant): void {
    if (this.#isFull || !this.#window.lacksMark) return;
    this.#markTimer ??= this.#timers.setTimer(this.#markNow, Math.max(0, this.#window.nextMarkAt - now));
  }

  readonly #markNow = (): void => {
    this.#markTimer = undefined;
    this.#mark(this.#clock.now());
    this.flush();
  };

  #forgetMark(): void {
    this.#timers.clearTimer(this.#markTimer);
    this.#markTimer = undefined;
  }

  /** How much more waits than should, in the WebSocket or on the whole way. */
  get #excess(): number {
    return Math.max(this.#bufferedExcess, this.#outstanding + this.#batch.length - this.#window.limit);
  }

  get #bufferedExcess(): number {
    return this.#buffered + this.#batch.length - this.#meter.limit;
  }

  /** Enough below both limits that it does not go back and forth with each datagram. */
  get #hasRoomAgain(): boolean {
    const batch = this.#batch.length;
    const isDrained = this.#buffered + batch <= this.#meter.limit / 2;
    return isDrained && this.#outstanding + batch <= this.#window.limit * ROOM_AGAIN;
  }

  #observe(now: Instant): void {
    this.#buffered = this.#backlog?.bytes ?? 0;
    this.#meter.observe(this.#buffered, now);
    this.#outstanding = this.#window.outstanding(now);
  }

  #becomeFull(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    // Not first when it is looked at again: by then a near relay has long returned the mark.
    this.#window.full(this.#clock.now());
    this.#appendedWhileFull = 0;
    this.#forgetMark();
    this.#drainTimer = this.#timers.setTimer(this.#pollDrain, DRAIN_POLL);
  }

  readonly #pollDrain = (): void => {
    const now = this.#clock.now();
    this.#observe(now);
    if (!this.#hasRoomAgain) {
      // What is on its way is known by marks alone, also when nothing more may follow.
      this.#mark(now);
      this.flush();
      this.#drainTimer = this.#timers.setTimer(this.#pollDrain, DRAIN_POLL);
      return;
    }
    this.#isFull = false;
    this.#markLater(now);
    this.#hasRoom();
  };
}
