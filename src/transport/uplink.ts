import type { Clock } from '../core/clock.ts';
import type { EngineMemory } from '../core/packet-buffer.ts';
import type { Instant, Millis } from '../core/time.ts';
import { RecordWriter } from '../core/wire/relay.ts';
import { DrainMeter } from './drain-meter.ts';

/** While full, how often to look whether the WebSocket drained: it has no event for that. */
const DRAIN_POLL: Millis = 1;
/**
 * TCP stops at the limit by asking `isFull`; what it had sent before it asked, or what a handshake released, may go
 * beyond by this much before data is dropped.
 */
const SLACK = 64 * 1024;

/** What the uplink uses of a WebSocket. */
export interface UplinkSocket {
  readonly bufferedAmount: number;
  send(data: Uint8Array<ArrayBuffer>): void;
}

export interface UplinkTimers {
  readonly setTimer: (run: () => void, delay: Millis) => unknown;
  readonly clearTimer: (timer: unknown) => void;
}

/**
 * The way into a WebSocket: records are collected into one message, and what waits in the socket is kept so short that it
 * adds little delay.
 */
export class Uplink {
  readonly #batch: RecordWriter;
  readonly #clock: Clock;
  readonly #timers: UplinkTimers;
  readonly #hasRoom: () => void;
  #socket: UplinkSocket | undefined;
  #meter = new DrainMeter();
  #buffered = 0;
  #isFull = false;
  #drainTimer: unknown;

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

  attach(socket: UplinkSocket): void {
    this.#socket = socket;
  }

  /** The socket is gone. Returns how many records waited for it and died with it. */
  detach(): number {
    if (this.#isFull) this.#timers.clearTimer(this.#drainTimer);
    this.#socket = undefined;
    this.#isFull = false;
    this.#buffered = 0;
    this.#meter = new DrainMeter();
    const { records } = this.#batch;
    this.#batch.reset();
    return records;
  }

  /** Whether more data would wait too long. */
  refusesData(): boolean {
    if (this.#waiting <= this.#meter.limit + SLACK) return false;
    // What is buffered was last looked at when something was sent: from now on it is looked at until it drains.
    this.#becomeFull();
    return true;
  }

  /** Takes a copy of source[start, end); false when it is larger than any message. */
  append(channel: number, source: Uint8Array, start = 0, end = source.length): boolean {
    if (!this.#batch.fits(end - start)) this.flush();
    if (!this.#batch.fits(end - start)) return false;
    this.#batch.append(channel, source, start, end);
    if (this.#waiting > this.#meter.limit) this.#becomeFull();
    return true;
  }

  flush(): void {
    const { bytes, start, end, length } = this.#batch;
    if (length === 0) return;
    this.#batch.reset();
    // The WebSocket copies before it returns.
    this.#socket!.send(bytes.subarray(start, end) as Uint8Array<ArrayBuffer>);
    const now = this.#clock.now();
    this.#meter.sent(length, now);
    this.#observe(now);
    // Also when it is the limit that fell: whoever asks before sending must not run into the drop above.
    if (this.#buffered > this.#meter.limit) this.#becomeFull();
  }

  get #waiting(): number {
    return this.#buffered + this.#batch.length;
  }

  #observe(now: Instant): void {
    this.#buffered = this.#socket?.bufferedAmount ?? 0;
    this.#meter.observe(this.#buffered, now);
  }

  #becomeFull(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    this.#drainTimer = this.#timers.setTimer(this.#pollDrain, DRAIN_POLL);
  }

  /** Half the limit, so that it does not go back and forth with each datagram. */
  readonly #pollDrain = (): void => {
    this.#observe(this.#clock.now());
    if (this.#waiting > this.#meter.limit / 2) {
      this.#drainTimer = this.#timers.setTimer(this.#pollDrain, DRAIN_POLL);
      return;
    }
    this.#isFull = false;
    this.#hasRoom();
  };
}
