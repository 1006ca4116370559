import type { PingMessage, PingOptions, PingReply } from '../bridge/api.ts';
import type { Port } from '../bridge/channel.ts';
import { toPlainError } from '../bridge/errors.ts';
import type { PingSocket } from '../core/netstack/ping.ts';
import { type Instant, NEVER, type Pollable } from '../core/time.ts';
import type { Drainable, Noted } from './noted.ts';

export interface PingHost {
  readonly noted: Noted;
  now(): Instant;
  settle(): void;
  pingFinished(run: PingRun): void;
}

/** At most this many requests may be unanswered at once; a faster ping skips a turn. */
const MAX_OUTSTANDING = 1024;

/**
 * One `ping`: requests at an interval, replies and losses to the page as they become known. It keeps its own time, so
 * that a hidden page's throttled timers cannot disturb it.
 */
export class PingRun implements Pollable, Drainable {
  readonly #socket: PingSocket;
  readonly #options: PingOptions;
  readonly #port: Port;
  readonly #host: PingHost;
  /** Requests sent and not yet settled: sequence → when it is lost. In order of sending. */
  readonly #outstanding = new Map<number, Instant>();
  /** Answered requests of late, to recognise duplicates. */
  readonly #answered = new Set<number>();
  readonly #replies: PingReply[] = [];
  #sent = 0;
  #nextAt: Instant;
  #isOver = false;

  constructor(socket: PingSocket, options: PingOptions, port: Port, host: PingHost) {
    this.#socket = socket;
    this.#options = options;
    this.#port = port;
    this.#host = host;
    this.#nextAt = host.now();
    socket.observer = {
      reply: ({ sequence, from, bytes, ttl, rtt, isIntact: intact }) => {
        const duplicate = !this.#outstanding.has(sequence);
        if (duplicate && !this.#answered.has(sequence)) return; // later than its timeout: already told as lost
        this.#outstanding.delete(sequence);
        this.#answered.add(sequence);
        if (this.#answered.size > MAX_OUTSTANDING)
          this.#answered.delete(this.#answered.values().next().value!);
        this.#note({ ok: true, sequence, from: from.toString(), bytes, ttl, rtt, duplicate, intact });
      },
      error: ({ sequence, from, kind, mtu }) => {
        if (!this.#outstanding.delete(sequence)) return;
        const common = { ok: false as const, sequence, reason: kind, from: from.toString() };
        this.#note(kind === 'too-big' ? { ...common, mtu } : common);
      },
    };
    port.onmessage = ({ data }: MessageEvent<PingMessage>) => {
      if (data.type !== 'close') return;
      this.close();
      host.settle();
    };
  }

  pollAt(): Instant {
    if (this.#isOver) return NEVER;
    const oldest = this.#outstanding.values().next();
    const lostAt = oldest.done ? NEVER : oldest.value;
    return Math.min(this.#sent < this.#options.count ? this.#nextAt : NEVER, lostAt);
  }

  poll(now: Instant): void {
    for (const [sequence, lostAt] of this.#outstanding) {
      if (lostAt > now) break;
      this.#outstanding.delete(sequence);
      this.#note({ ok: false, sequence, reason: 'timeout' });
    }
    if (this.#sent < this.#options.count && this.#nextAt <= now) {
      // After a sleep, go on from now instead of catching up.
      const { interval } = this.#options;
      this.#nextAt = this.#nextAt + interval > now ? this.#nextAt + interval : now + interval;
      if (this.#outstanding.size < MAX_OUTSTANDING) this.#trySend(now);
    }
    this.#host.noted.note(this);
  }

  drain(): void {
    if (this.#isOver) return;
    for (const result of this.#replies) this.#post({ type: 'result', result });
    this.#replies.length = 0;
    if (this.#sent >= this.#options.count && this.#outstanding.size === 0) {
      this.#post({ type: 'end' });
      this.close();
    }
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.observer = undefined;
    this.#socket.close();
    this.#port.onmessage = null;
    this.#port.close();
    this.#host.pingFinished(this);
  }

  #trySend(now: Instant): void {
    try {
      this.#send(now);
    } catch (error) {
      this.#post({ type: 'error', error: toPlainError(error) });
      this.close();
    }
  }

  #send(now: Instant): void {
    const sequence = this.#sent++ & 0xffff;
    const { size, ttl, tos, dontFragment, pattern } = this.#options;
    this.#answered.delete(sequence);
    this.#outstanding.set(sequence, now + this.#options.timeout);
    this.#socket.send(sequence, size, { ttl, tos, dontFragment, pattern }, now);
  }

  #note(reply: PingReply): void {
    this.#replies.push(reply);
    this.#host.noted.note(this);
  }

  #post(message: PingMessage): void {
    this.#port.postMessage(message);
  }
}
