import type { IpAddress, SocketAddress } from '../../address.ts';
import { type Instant, type Millis, NEVER, SECOND } from '../../time.ts';
import { NO_ROW, RecordTable } from './record-table.ts';
import type { TupleHash } from './tuple-hash.ts';

/** A SYN|ACK is sent again after 1, 3, 7, 15 and 31 s; after 63 s the record goes. */
const RETRIES = 5;
const FIRST_PATIENCE: Millis = SECOND;
/** Sources are counted in so many cells; those that meet in one share its count. */
const SOURCE_CELLS = 1024;

// Fields of a row.
const ISS = 0;
const IRS = 1;
const TS_RECENT = 2;
const TS_OFFSET = 3;
/** What the SYN offered, and how often the SYN|ACK was sent again. */
const OFFER = 4;
const LISTENER = 5;
const CHALLENGED_AT = 6;
const FIELDS = 7;

const MSS_MASK = 0xffff;
const SCALE_SHIFT = 16;
const SACK_BIT = 1 << 20;
const TIMESTAMPS_BIT = 1 << 21;
const REPEATED_BIT = 1 << 22;
const ECN_BIT = 1 << 23;
const RETRIES_SHIFT = 24;

/** A handshake of which the peer's SYN has been answered: all that must be known to finish it. */
export interface HalfOpen {
  iss: number;
  irs: number;
  /** What the peer takes, as its SYN said or by default. */
  mss: number;
  /** As the SYN offered them; −1 where it offered no shift count. */
  windowScale: number;
  sackPermitted: boolean;
  timestamps: boolean;
  ecn: boolean;
  tsRecent: number;
  tsOffset: number;
}

/**
 * Half-open connections (SYN-RECEIVED after a passive open) as small records: a control block is made when the
 * handshake is over, so that a flood of SYNs from forged addresses costs little. How often a SYN|ACK was sent again
 * is the number of the queue in which its record waits.
 */
export class SynQueue {
  readonly table: RecordTable = new RecordTable(FIELDS, RETRIES + 1);
  readonly #bySource = new Uint16Array(SOURCE_CELLS);
  readonly #byListener = new Map<number, number>();
  readonly #hash: TupleHash;

  constructor(hash: TupleHash) {
    this.#hash = hash;
  }

  get size(): number {
    return this.table.size;
  }

  /** Half-open connections to a listener. */
  countOf(listener: number): number {
    return this.#byListener.get(listener) ?? 0;
  }

  /** Half-open connections to a listener from this source, and perhaps a few from others. */
  countFrom(source: IpAddress, listener: number): number {
    return this.#bySource[this.#cell(source, listener)]!;
  }

  /** The row of the half-open connection, or NO_ROW. */
  get(local: SocketAddress, remote: SocketAddress): number {
    return this.table.get(local, remote, this.#hash.ofEnds(local, remote));
  }

  /** `listener` is its number; the SYN|ACK is sent now. */
  add(local: SocketAddress, remote: SocketAddress, half: HalfOpen, listener: number, now: Instant): void {
    const { table } = this;
    const row = table.add(local, remote, this.#hash.ofEnds(local, remote), 0, now);
    table.setField(row, ISS, half.iss);
    table.setField(row, IRS, half.irs);
    table.setField(row, TS_RECENT, half.tsRecent);
    table.setField(row, TS_OFFSET, half.tsOffset);
    const scale = (half.windowScale + 1) << SCALE_SHIFT;
    const flags =
      (half.sackPermitted ? SACK_BIT : 0) | (half.timestamps ? TIMESTAMPS_BIT : 0) | (half.ecn ? ECN_BIT : 0);
    table.setField(row, OFFER, (half.mss & MSS_MASK) | scale | flags);
    table.setField(row, LISTENER, listener);
    table.setField(row, CHALLENGED_AT, (now - SECOND) | 0);
    this.#count(remote.address, listener, 1);
  }

  remove(row: number): void {
    this.#count(this.table.remoteOf(row).address, this.listenerOf(row), -1);
    this.table.remove(row, this.resends(row));
  }

  read(row: number): HalfOpen {
    const { table } = this;
    const offer = table.field(row, OFFER);
    return {
      iss: table.field(row, ISS),
      irs: table.field(row, IRS),
      mss: offer & MSS_MASK,
      windowScale: ((offer >> SCALE_SHIFT) & 0xf) - 1,
      sackPermitted: (offer & SACK_BIT) !== 0,
      timestamps: (offer & TIMESTAMPS_BIT) !== 0,
      ecn: (offer & ECN_BIT) !== 0,
      tsRecent: table.field(row, TS_RECENT),
      tsOffset: table.field(row, TS_OFFSET),
    };
  }

  /** The number under which `add` was told the listener. */
  listenerOf(row: number): number {
    return this.table.field(row, LISTENER);
  }

  /** How often its timer sent the SYN|ACK again. */
  resends(row: number): number {
    return this.table.field(row, OFFER) >>> RETRIES_SHIFT;
  }

  /** When the one SYN|ACK was sent; NEVER when there were several, so that nobody knows which one is answered. */
  sentAt(row: number): Instant {
    const isRepeated = (this.table.field(row, OFFER) & REPEATED_BIT) !== 0;
    return isRepeated || this.resends(row) > 0 ? NEVER : this.table.since(row);
  }

  /** The SYN|ACK was sent once more, because the SYN came once more. */
  noteRepeated(row: number): void {
    this.table.setField(row, OFFER, this.table.field(row, OFFER) | REPEATED_BIT);
  }

  /** Whether an unacceptable segment may be answered: not more often than every `interval` ms. */
  mayChallenge(row: number, interval: Millis, now: Instant): boolean {
    const elapsed = ((now | 0) - this.table.field(row, CHALLENGED_AT)) | 0;
    if (elapsed >= 0 && elapsed < interval) return false;
    this.table.setField(row, CHALLENGED_AT, now | 0);
    return true;
  }

  get next(): Instant {
    let next = NEVER;
    for (let queue = 0; queue <= RETRIES; queue++)
      next = Math.min(next, this.table.oldestSince(queue) + patience(queue));
    return next;
  }

  /** Removes what has waited long enough, and takes note of the next SYN|ACK of a row that is due; or NO_ROW. */
  takeDue(now: Instant): number {
    const { table } = this;
    for (let queue = 0; queue <= RETRIES; queue++) {
      while (table.oldestSince(queue) + patience(queue) <= now) {
        const row = table.oldest(queue);
        if (queue < RETRIES) {
          table.move(row, queue, queue + 1, now);
          table.setField(row, OFFER, table.field(row, OFFER) + (1 << RETRIES_SHIFT));
          return row;
        }
        this.remove(row);
      }
    }
    return NO_ROW;
  }

  /** Removes the rows that `isMeant`, telling `forget` before. */
  removeIf(isMeant: (row: number) => boolean, forget: (row: number) => void): void {
    for (let queue = 0; queue <= RETRIES; queue++) {
      for (let row = this.table.oldest(queue); row !== NO_ROW; ) {
        const next = this.table.after(row);
        if (isMeant(row)) {
          forget(row);
          this.remove(row);
        }
        row = next;
      }
    }
  }

  #count(source: IpAddress, listener: number, change: number): void {
    this.#bySource[this.#cell(source, listener)]! += change;
    const count = this.countOf(listener) + change;
    if (count > 0) this.#byListener.set(listener, count);
    else this.#byListener.delete(listener);
  }

  #cell(source: IpAddress, listener: number): number {
    return this.#hash.ofSource(source, listener) & (SOURCE_CELLS - 1);
  }
}

function patience(queue: number): Millis {
  return FIRST_PATIENCE * 2 ** queue;
}
