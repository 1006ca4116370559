import type { SocketAddress } from '../../address.ts';
import type { Environment } from '../../environment.ts';
import { type Instant, MINUTE, type Millis, NEVER } from '../../time.ts';
import { ConnectionTable } from './connection-table.ts';
import { add } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/** 2 MSL with the MSL of RFC 9293 §3.4.2. */
const TIME_WAIT: Millis = 4 * MINUTE;
/** The oldest goes when one more comes. */
const MAX_RECORDS = 16_384;

/** What must be remembered of a connection that is over (RFC 9293 §3.6.1): enough to say the last ACK again. */
export class TimeWaitRecord {
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly sndNxt: number;
  readonly rcvNxt: number;
  /** The window field of the last ACK. */
  readonly window: number;
  readonly timestamps: boolean;
  readonly tsRecent: number;
  readonly tsOffset: number;
  readonly ttl: number;
  readonly tos: number;
  since: Instant;
  hash = 0;
  hashNext: TimeWaitRecord | undefined;

  constructor(tcb: Tcb, now: Instant) {
    this.local = tcb.local;
    this.remote = tcb.remote;
    this.sndNxt = tcb.sndNxt;
    this.rcvNxt = tcb.rcvNxt;
    this.window = Math.min(tcb.rcvWnd >> tcb.rcvScale, 0xffff);
    this.timestamps = tcb.timestamps;
    this.tsRecent = tcb.tsRecent;
    this.tsOffset = tcb.tsOffset;
    this.ttl = tcb.ttl;
    this.tos = tcb.tos;
    this.since = now;
  }

  /** For an incarnation that follows at once: beyond every number this one used (RFC 9293 MAY-2). */
  get nextIss(): number {
    return add(this.sndNxt, 65_537);
  }
}

/** All records, oldest first. Every one waits equally long, so the order of arrival is the order of leaving. */
export class TimeWaitTable {
  readonly table: ConnectionTable<TimeWaitRecord>;
  readonly #queue = new Set<TimeWaitRecord>();

  constructor(environment: Environment) {
    this.table = new ConnectionTable(environment);
  }

  get size(): number {
    return this.#queue.size;
  }

  get next(): Instant {
    for (const oldest of this.#queue) return oldest.since + TIME_WAIT;
    return NEVER;
  }

  add(record: TimeWaitRecord): void {
    if (this.#queue.size >= MAX_RECORDS)
      for (const oldest of this.#queue) {
        this.remove(oldest);
        break;
      }
    this.table.add(record);
    this.#queue.add(record);
  }

  remove(record: TimeWaitRecord): void {
    if (this.#queue.delete(record)) this.table.remove(record);
  }

  /** The peer sent its FIN again: 2 MSL begin anew. */
  restart(record: TimeWaitRecord, now: Instant): void {
    this.#queue.delete(record);
    record.since = now;
    this.#queue.add(record);
  }

  expire(now: Instant): void {
    for (const record of this.#queue) {
      if (record.since + TIME_WAIT > now) return;
      this.remove(record);
    }
  }
}
