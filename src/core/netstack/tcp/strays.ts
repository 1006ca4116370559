import { IpAddress, type SocketAddress } from '../../address.ts';
import type { DropCounters } from '../../counters.ts';
import type { PacketBuffer } from '../../packet-buffer.ts';
import type { Instant } from '../../time.ts';
import { ACK, FIN, RST, SYN, type TcpSegment } from '../../wire/tcp.ts';
import type { ForeignSegments } from '../foreign.ts';
import type { IpHeaderInfo } from '../ip-layer.ts';
import { AnswerLimit } from './answer-limit.ts';
import type { BareSegments } from './bare-segments.ts';
import type { Listeners } from './listeners.ts';
import type { Ends, PassiveOpen } from './passive-open.ts';
import { NO_ROW } from './record-table.ts';
import { add } from './sequence.ts';
import type { TcpDropReason } from './state.ts';
import type { TimeWaitTable } from './time-wait.ts';
import type { TupleHash } from './tuple-hash.ts';

/** Addresses of ours that are remembered; there are seldom more than two. */
const MAX_OWN = 16;

/** Segments that belong to no connection: of handshakes, in TIME-WAIT, for listeners, or nobody's. */
export class Strays {
  readonly #passiveOpen: PassiveOpen;
  readonly #timeWait: TimeWaitTable;
  readonly #listeners: Listeners;
  readonly #bare: BareSegments;
  readonly #hash: TupleHash;
  readonly #drops: DropCounters<TcpDropReason>;
  readonly #foreign: ForeignSegments;
  readonly #answerLimit = new AnswerLimit();
  /** Addresses of ours that were spoken to. */
  readonly #own: IpAddress[] = [];

  constructor(
    passiveOpen: PassiveOpen,
    timeWait: TimeWaitTable,
    listeners: Listeners,
    bare: BareSegments,
    hash: TupleHash,
    drops: DropCounters<TcpDropReason>,
    foreign: ForeignSegments,
  ) {
    this.#passiveOpen = passiveOpen;
    this.#timeWait = timeWait;
    this.#listeners = listeners;
    this.#bare = bare;
    this.#hash = hash;
    this.#drops = drops;
    this.#foreign = foreign;
  }

  /** Half-open connections, then those in TIME-WAIT, then listeners. */
  segmentArrives(segment: TcpSegment, packet: PacketBuffer, header: IpHeaderInfo, now: Instant): void {
    const { view } = packet;
    const { addresses, version } = header;
    const { sourcePort, destinationPort } = segment;
    const ends = this.#endsOf(packet, header, sourcePort, destinationPort);
    const hash = this.#hash.at(view, addresses, version, sourcePort, destinationPort);
    const { queue } = this.#passiveOpen;
    const halfOpen = queue.table.find(view, addresses, hash, sourcePort, destinationPort);
    if (halfOpen !== NO_ROW) {
      this.#passiveOpen.segmentArrives(halfOpen, ends, segment, packet, now);
      return;
    }
    const record = this.#timeWait.table.find(view, addresses, hash, sourcePort, destinationPort);
    const reopens = record !== NO_ROW && this.#timeWait.reopens(record, segment);
    if (record !== NO_ROW && !reopens) {
      this.#inTimeWait(record, ends, segment, now);
      return;
    }
    const { isForeign } = this.#foreign;
    const verdict = isForeign && opens(segment) ? this.#foreign.judge(packet, now) : 'deliver';
    if (verdict === 'taken') return;
    const listener = isForeign
      ? this.#listeners.forOthers
      : this.#listeners.at(ends.local.address, destinationPort);
    if (!listener || verdict === 'refuse') {
      this.nobody(ends.local, ends.remote, segment, now);
      return;
    }
    const iss = reopens ? this.#timeWait.nextIss(record) : undefined;
    const opened = this.#passiveOpen.listenerHears(listener, ends, segment, packet, iss, now);
    if (opened && reopens) this.#timeWait.remove(record);
  }

  mayAnswer(source: IpAddress, now: Instant): boolean {
    return this.#answerLimit.allows(this.#hash.ofSource(source, 0), now);
  }

  /** §3.10.7.1, CLOSED. */
  nobody(local: SocketAddress, remote: SocketAddress, segment: TcpSegment, now: Instant): void {
    this.#drops.count('tcp_no_connection');
    if (segment.has(RST)) return;
    if (this.mayAnswer(remote.address, now)) this.#bare.resetAnswering(local, remote, segment);
    else this.#drops.count('tcp_reset_rate_limit');
  }

  /**
   * TIME-WAIT: a reset must not end it (RFC 1337); a FIN that came again is acknowledged again, and so is all that lies
   * outside the window (§3.10.7.4).
   */
  #inTimeWait(row: number, { local, remote }: Ends, segment: TcpSegment, now: Instant): void {
    this.#drops.count('tcp_time_wait');
    if (segment.has(RST)) return;
    const { sndNxt, rcvNxt, window, timestamps, tsRecent, tsOffset, ttl, tos } = this.#timeWait.read(row);
    // Two ends that answered each other's empty segments would never stop.
    const isAnswered =
      segment.length > 0 || (segment.sequence !== rcvNxt && this.mayAnswer(remote.address, now));
    if (!isAnswered) return;
    const isLastFin = segment.has(FIN) && add(segment.sequence, segment.length) === rcvNxt;
    if (isLastFin) this.#timeWait.restart(row, now);
    const tsVal = (Math.floor(now) + tsOffset) | 0;
    this.#bare.acknowledge(local, remote, {
      sequence: sndNxt,
      acknowledgment: rcvNxt,
      window,
      timestamps: timestamps ? { tsVal, tsEcr: tsRecent } : undefined,
      ttl,
      tos,
    });
  }

  #endsOf(packet: PacketBuffer, header: IpHeaderInfo, remotePort: number, localPort: number): Ends {
    const { memory } = packet;
    const { addresses, version } = header;
    const size = version === 4 ? 4 : 16;
    return {
      remote: { address: IpAddress.readFrom(memory, addresses, version), port: remotePort },
      local: { address: this.#ownAt(memory, addresses + size, version), port: localPort },
    };
  }

  /** Our address that lies at `offset`, as the one object that all connections share. */
  #ownAt(memory: Uint8Array, offset: number, version: 4 | 6): IpAddress {
    const own = this.#own;
    for (const address of own)
      if (address.version === version && address.equalsAt(memory, offset)) return address;
    if (own.length >= MAX_OWN) own.length = 0;
    const address = IpAddress.readFrom(memory, offset, version);
    own.push(address);
    return address;
  }
}

/** Whether it would begin a connection. */
function opens(segment: TcpSegment): boolean {
  return segment.has(SYN) && !segment.has(ACK) && !segment.has(RST);
}
