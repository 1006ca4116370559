import type { SocketAddress } from '../../address.ts';
import { type Instant, MINUTE, type Millis } from '../../time.ts';
import { ACK, RST, SYN, type TcpSegment } from '../../wire/tcp.ts';
import { RecordTable } from './record-table.ts';
import { add, gt } from './sequence.ts';
import type { Tcb } from './tcb.ts';
import type { TupleHash } from './tuple-hash.ts';

/** 2 MSL with the MSL of RFC 9293 §3.4.2. */
const TIME_WAIT: Millis = 4 * MINUTE;
/** The oldest goes when one more comes. */
const MAX_RECORDS = 16_384;
/** How old a record must be for `connect` to use its ports again (RFC 6191 §2). */
const REUSE: Millis = 1000;

// Fields of a row.
const SND_NXT = 0;
const RCV_NXT = 1;
const TS_RECENT = 2;
const TS_OFFSET = 3;
/** Window, TTL, DSCP, and in the two bits that DSCP leaves whether timestamps are used. */
const REST = 4;
const FIELDS = 5;

const QUEUE = 0;

/** What must be remembered of a connection that is over (RFC 9293 §3.6.1): enough to say the last ACK again. */
export interface TimeWaitRecord {
  sndNxt: number;
  rcvNxt: number;
  /** The window field of the last ACK. */
  window: number;
  timestamps: boolean;
  tsRecent: number;
  tsOffset: number;
  ttl: number;
  tos: number;
}

/**
 * TIME-WAIT: all records, oldest first. Every one waits equally long, so the order of arrival is the order of leaving.
 */
export class TimeWaitTable {
  readonly table: RecordTable = new RecordTable(FIELDS, 1);
  readonly #hash: TupleHash;
  readonly #patience: Millis;

  /** `patience`: 2 MSL, in ms. */
  constructor(hash: TupleHash, patience: Millis = TIME_WAIT) {
    this.#hash = hash;
    this.#patience = patience;
  }

  get size(): number {
    return this.table.size;
  }

  get next(): Instant {
    return this.table.oldestSince(QUEUE) + this.#patience;
  }

  /** The row of what is left of the connection, or NO_ROW. */
  get(local: SocketAddress, remote: SocketAddress): number {
    return this.table.get(local, remote, this.#hash.ofEnds(local, remote));
  }

  add(tcb: Tcb, now: Instant): void {
    const { table } = this;
    const { local, remote } = tcb;
    if (table.size >= MAX_RECORDS) this.remove(table.oldest(QUEUE));
    const row = table.add(local, remote, this.#hash.ofEnds(local, remote), QUEUE, now);
    table.setField(row, SND_NXT, tcb.sndNxt);
    table.setField(row, RCV_NXT, tcb.rcvNxt);
    table.setField(row, TS_RECENT, tcb.tsRecent);
    table.setField(row, TS_OFFSET, tcb.tsOffset);
    const window = Math.min(tcb.rcvWnd >> tcb.rcvScale, 0xffff);
    const flags = tcb.timestamps ? 1 : 0;
    table.setField(row, REST, (window << 16) | (tcb.ttl << 8) | (tcb.tos & 0xfc) | flags);
  }

  read(row: number): TimeWaitRecord {
    const { table } = this;
    const rest = table.field(row, REST);
    return {
      sndNxt: table.field(row, SND_NXT),
      rcvNxt: table.field(row, RCV_NXT),
      window: rest >>> 16,
      timestamps: (rest & 1) === 1,
      tsRecent: table.field(row, TS_RECENT),
      tsOffset: table.field(row, TS_OFFSET),
      ttl: (rest >> 8) & 0xff,
      tos: rest & 0xfc,
    };
  }

  remove(row: number): void {
    this.table.remove(row, QUEUE);
  }

  /** The peer sent its FIN again: 2 MSL begin anew. */
  restart(row: number, now: Instant): void {
    this.table.move(row, QUEUE, QUEUE, now);
  }

  expire(now: Instant): void {
    while (this.table.size > 0 && this.next <= now) this.remove(this.table.oldest(QUEUE));
  }

  /**
   * Whether a SYN ends TIME-WAIT early, because it is clearly newer than the old connection (RFC 9293 MAY-2, by the
   * rules of RFC 6191 §2).
   */
  reopens(row: number, segment: TcpSegment): boolean {
    if (!segment.has(SYN) || segment.has(ACK) || segment.has(RST)) return false;
    const record = this.read(row);
    const isNewer = gt(segment.sequence, record.rcvNxt);
    if (!segment.hasTimestamps) return isNewer;
    // The old connection had no timestamps: the new one's tell its segments from the old ones.
    if (!record.timestamps) return true;
    return gt(segment.tsVal, record.tsRecent) || (segment.tsVal === record.tsRecent && isNewer);
  }

  /** Whether `connect` may use the ports again: the peer will know the new SYN by its timestamp. */
  isReusable(row: number, now: Instant): boolean {
    return (this.table.field(row, REST) & 1) === 1 && now - this.table.since(row) > REUSE;
  }

  /** For an incarnation that follows at once: beyond every number this one used (RFC 9293 MAY-2). */
  nextIss(row: number): number {
    return add(this.table.field(row, SND_NXT), 65_537);
  }
}
