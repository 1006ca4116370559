import type { TunnelError } from '../../src/core/errors.ts';
import type { TcpConnection } from '../../src/core/netstack/tcp/connection.ts';
import type { TcpObserver } from '../../src/core/netstack/tcp/state.ts';
import { SeededRandom } from '../support/random.ts';
import type { Host, Silence } from './host.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** Something that lives at one of the ends, and acts when its time has come. */
export interface App {
  /** When it wants to act by itself; Infinity: only after something happened. */
  nextAt: number;
  act(now: number): void;
}

/** What an application does with its end of a connection. Plain data; times in ms, sizes in bytes. */
export interface Behaviour {
  /** What it writes in all. */
  total: number;
  /** The largest single write. */
  chunk: number;
  /** Probability of a pause before a write or a read, and its greatest length. */
  pauses: number;
  pause: number;
  /** The largest single read; after each it waits `readEvery`. */
  readChunk: number;
  readEvery: number;
  /** After so many bytes read it stops reading for `stopFor`, again and again; 0: it never does. */
  stopAfter: number;
  stopFor: number;
  /** When it ends its own direction: after its last byte, only after the peer has, or by closing without a look. */
  ending: 'shutdown' | 'after-peer' | 'close';
  /** Aborts at this time after it began; Infinity: never. */
  abortAfter: number;
  /** Writes `reply` bytes for every `request` read. `begins`: whose turn it is first. */
  dialogue: { request: number; reply: number; begins: boolean } | undefined;
}

export const QUIET: Behaviour = {
  total: 0,
  chunk: 65_536,
  pauses: 0,
  pause: 0,
  readChunk: 65_536,
  readEvery: 0,
  stopAfter: 0,
  stopFor: 0,
  ending: 'shutdown',
  abortAfter: NEVER,
  dialogue: undefined,
};

const PERIOD = 65_521;
const patterns = new Map<number, Uint8Array>();

/** `length` bytes of stream `stream` from `offset` on: the same nowhere near by. */
function patternOf(stream: number, offset: number, length: number): Uint8Array {
  let pattern = patterns.get(stream & 15);
  if (!pattern) {
    pattern = new SeededRandom(stream & 15).bytes(2 * PERIOD);
    pattern.copyWithin(PERIOD, 0, PERIOD);
    patterns.set(stream & 15, pattern);
  }
  const at = offset % PERIOD;
  return pattern.subarray(at, at + Math.min(length, PERIOD));
}

const scratch = new Uint8Array(65_536);

/** One end of a connection in use: writes, reads and checks every byte, and sees that everything ends once. */
export class Party implements App, TcpObserver {
  nextAt = 0;
  written = 0;
  read = 0;
  /** Of the peer's stream. */
  readEnded = false;
  connectedCount = 0;
  closedCount = 0;
  error: TunnelError | undefined;
  ended = false;
  aborted = false;
  /** What it had heard of its peer, and not, when it ended. */
  silence: Silence | undefined;
  readonly connection: TcpConnection;
  readonly behaviour: Behaviour;
  readonly #writes: number;
  readonly #reads: number;
  readonly #random: SeededRandom;
  readonly #host: Host;
  #readAt = 0;
  #writeAt = 0;
  #beganAt: number | undefined;
  #isTold = true;

  /** `writes` and `reads` number the two streams. */
  constructor(
    host: Host,
    connection: TcpConnection,
    behaviour: Behaviour,
    writes: number,
    reads: number,
    seed: number,
  ) {
    this.#host = host;
    this.connection = connection;
    this.behaviour = behaviour;
    this.#writes = writes;
    this.#reads = reads;
    this.#random = new SeededRandom(seed);
    connection.observer = this;
    // It may have ended while it waited to be accepted.
    if (connection.state === 'CLOSED' || connection.state === 'TIME-WAIT')
      this.closed(connection.error as TunnelError | undefined);
  }

  // ---- TcpObserver: only takes note

  connected(): void {
    if (++this.connectedCount > 1) throw new Error('connected twice');
    this.#isTold = true;
  }

  readable(): void {
    this.#isTold = true;
  }

  writable(): void {
    this.#isTold = true;
  }

  closed(error?: TunnelError): void {
    if (++this.closedCount > 1) throw new Error('closed twice');
    this.error = error;
    const { local, remote } = this.connection;
    this.silence = { ...this.#host.silenceOf(local.port, remote.port) };
    this.#isTold = true;
  }

  // ---- App

  act(now: number): void {
    if (!this.#isTold && now < this.nextAt) return;
    this.#isTold = false;
    this.#beganAt ??= now;
    this.nextAt = NEVER;
    const abortAt = this.#beganAt + this.behaviour.abortAfter;
    if (now >= abortAt && !this.aborted) {
      this.aborted = true;
      this.connection.abort();
    }
    if (this.aborted) return;
    this.#wakeAt(abortAt);
    this.#readSome(now);
    this.#writeSome(now);
  }

  /** The application is gone. */
  close(): void {
    this.connection.close();
  }

  #wakeAt(at: number): void {
    this.nextAt = Math.min(this.nextAt, at);
  }

  #pauses(now: number): number {
    const { pauses, pause } = this.behaviour;
    return pauses > 0 && this.#random.fraction() < pauses ? now + this.#random.fraction() * pause : 0;
  }

  #readSome(now: number): void {
    const { readChunk, readEvery, stopAfter, stopFor } = this.behaviour;
    const { connection } = this;
    while (connection.readableBytes > 0) {
      if (now >= this.#readAt) this.#readAt = Math.max(this.#readAt, this.#pauses(now));
      if (now < this.#readAt) {
        this.#wakeAt(this.#readAt);
        return;
      }
      const target = scratch.subarray(0, 1 + this.#random.below(Math.min(readChunk, scratch.length)));
      const length = connection.readInto(target);
      this.#check(target.subarray(0, length));
      const before = this.read;
      this.read += length;
      if (readEvery > 0) this.#readAt = now + readEvery;
      if (stopAfter > 0 && Math.floor(before / stopAfter) !== Math.floor(this.read / stopAfter))
        this.#readAt = now + stopFor;
    }
    if (connection.readEnded) this.readEnded = true;
    else if (this.readEnded) throw new Error('the end of the stream was taken back');
  }

  #check(bytes: Uint8Array): void {
    if (this.readEnded) throw new Error('bytes after the end of the stream');
    for (let at = 0; at < bytes.length; ) {
      const expected = patternOf(this.#reads, this.read + at, bytes.length - at);
      if (Buffer.compare(bytes.subarray(at, at + expected.length), expected) !== 0)
        throw new Error(`a byte after ${this.read + at} is wrong`);
      at += expected.length;
    }
  }

  /** The number of bytes it may have written by now, of `total`. */
  #allowance(): number {
    const { total, dialogue } = this.behaviour;
    if (!dialogue) return total;
    const { request, reply, begins } = dialogue;
    return Math.min(total, (Math.floor(this.read / request) + (begins ? 1 : 0)) * reply);
  }

  #writeSome(now: number): void {
    const { total, chunk, ending } = this.behaviour;
    if (this.ended || this.closedCount > 0) return;
    // To close before there is a connection is to give it up.
    if (ending === 'close' && this.connection.state === 'SYN-SENT') return;
    const allowance = this.#allowance();
    while (this.written < allowance) {
      if (now >= this.#writeAt) this.#writeAt = Math.max(this.#writeAt, this.#pauses(now));
      if (now < this.#writeAt) {
        this.#wakeAt(this.#writeAt);
        return;
      }
      const size = Math.min(allowance - this.written, 1 + this.#random.below(chunk), PERIOD);
      const taken = this.connection.write(patternOf(this.#writes, this.written, size));
      this.written += taken;
      if (taken < size) return; // writable() will come
    }
    if (this.written < total || (ending === 'after-peer' && !this.readEnded)) return;
    this.ended = true;
    if (ending === 'close') this.connection.close();
    else this.connection.shutdown();
  }
}
