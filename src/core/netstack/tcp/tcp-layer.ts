import { IpAddress, type SocketAddress } from '../../address.ts';
import { DropCounters } from '../../counters.ts';
import type { Environment } from '../../environment.ts';
import { TunnelError } from '../../errors.ts';
import type { PacketBuffer } from '../../packet-buffer.ts';
import { type Instant, MINUTE, type Millis, type Pollable } from '../../time.ts';
import { pseudoHeaderSum, sum16 } from '../../wire/checksum.ts';
import { PROTOCOL_TCP } from '../../wire/protocols.ts';
import { readTcp, SYN, TcpSegment } from '../../wire/tcp.ts';
import { type ForeignSegments, NO_FOREIGNERS } from '../foreign.ts';
import type { IcmpErrorKind } from '../icmp-errors.ts';
import type { IpHeaderInfo, IpLayer } from '../ip-layer.ts';
import { PagePool } from '../page-pool.ts';
import { EphemeralPorts } from '../ports.ts';
import { BareSegments } from './bare-segments.ts';
import { TcpConnection } from './connection.ts';
import { ConnectionTable } from './connection-table.ts';
import { Cubic } from './cubic.ts';
import { CE } from './ecn.ts';
import { FlightPool } from './flight.ts';
import { icmpErrorArrives, isHard, largestSent, pathMtuChanged } from './icmp-effect.ts';
import { InitialNumbers } from './isn.ts';
import { type ListenerContext, TcpListener } from './listener.ts';
import { Listeners } from './listeners.ts';
import { LocalEnds } from './local-ends.ts';
import { NewReno } from './new-reno.ts';
import { NumberRows } from './number-rows.ts';
import { adjustMss } from './options.ts';
import { resendFirst, sendAck } from './output.ts';
import { type Ends, PassiveOpen, type PassiveOpenHost } from './passive-open.ts';
import { NO_ROW } from './record-table.ts';
import { RecordBudget } from './scoreboard.ts';
import { segmentArrives } from './segment-arrives.ts';
import type { ConnectOptions, ListenOptions, TcpDropReason, TcpOptions } from './state.ts';
import { Strays } from './strays.ts';
import { Tcb } from './tcb.ts';
import { TCB_ROW } from './tcb-row.ts';
import { TimeWaitTable } from './time-wait.ts';
import { HANDSHAKE_PATIENCE } from './timers.ts';
import { TupleHash } from './tuple-hash.ts';
import { Turns } from './turns.ts';

const MAX_CONNECTIONS = 65_536;
/** Segments in the air that can be remembered, of all connections together. */
const MAX_SEGMENT_RECORDS = 1 << 20;
const DEFAULT_BACKLOG = 128;
const MAX_BACKLOG = 4096;
/** Of a peer that was heard so lately, it is possible that it waits for an ACK of ours that was lost. */
const PEER_MAY_WAIT: Millis = 5 * MINUTE;

export interface TcpLayerOptions {
  /** Bound of all socket buffers together, in bytes. */
  bufferLimit?: number;
  /** 2 MSL, in ms; absent: 4 minutes. */
  timeWait?: Millis;
  congestion?: 'cubic' | 'new-reno';
  /** False: every segment takes the whole way through segment-arrives.ts; nothing else differs. */
  fastPath?: boolean;
  /** `answer` (the default): as peers ask. `ask`: our SYNs ask too. */
  ecn?: 'answer' | 'ask';
  /** False: timestamps (RFC 7323) are neither offered nor taken. */
  timestamps?: boolean;
  /** False: SACK (RFC 2018) is neither offered nor taken. */
  sack?: boolean;
  /** False: the congestion window is kept through pauses (RFC 5681 §4.1 wants it to shrink). */
  slowStartAfterIdle?: boolean;
}

/**
 * TCP (RFC 9293) above one IP layer: finds whose a segment is, keeps the deadlines of all connections, and lets every
 * connection that has something to do send once per poll, when the batch that woke it is over.
 */
export class TcpLayer implements Pollable, PassiveOpenHost, ListenerContext {
  readonly ip: IpLayer;
  readonly pages: PagePool;
  readonly rows: NumberRows = new NumberRows(TCB_ROW);
  readonly drops: DropCounters<TcpDropReason> = new DropCounters<TcpDropReason>();
  readonly flights: FlightPool;
  readonly slowStartAfterIdle: boolean;
  readonly asksForEcn: boolean;
  readonly fastPath: boolean;
  readonly usesTimestamps: boolean;
  readonly usesSack: boolean;
  /** How often segments became smaller because size was suspected. */
  blackHoleSuspicions = 0;
  /** Connections of which that was proven: larger ones were lost again, between smaller ones that arrived. */
  blackHoles = 0;
  retransmits = 0;
  readonly #localEnds: LocalEnds;
  readonly #initialNumbers: InitialNumbers;
  readonly #segment = new TcpSegment();
  readonly #connections: ConnectionTable<Tcb>;
  readonly #timeWait: TimeWaitTable;
  readonly #listeners = new Listeners();
  readonly #passiveOpen: PassiveOpen;
  readonly #strays: Strays;
  readonly #turns: Turns;

  /** `foreign`: what is known of segments for other hosts, where we stand in for them. */
  constructor(
    ip: IpLayer,
    environment: Environment,
    options: TcpLayerOptions = {},
    foreign: ForeignSegments = NO_FOREIGNERS,
  ) {
    this.ip = ip;
    this.pages = new PagePool(options.bufferLimit);
    this.#turns = new Turns(ip, this.pages);
    const isReno = options.congestion === 'new-reno';
    this.flights = new FlightPool(new RecordBudget(MAX_SEGMENT_RECORDS), () =>
      isReno ? new NewReno() : new Cubic(),
    );
    this.slowStartAfterIdle = options.slowStartAfterIdle ?? true;
    this.asksForEcn = options.ecn === 'ask';
    this.fastPath = options.fastPath ?? true;
    this.usesTimestamps = options.timestamps ?? true;
    this.usesSack = options.sack ?? true;
    const ports = new EphemeralPorts(environment);
    this.#initialNumbers = new InitialNumbers(environment);
    const hash = new TupleHash(environment);
    this.#connections = new ConnectionTable(hash);
    this.#timeWait = new TimeWaitTable(hash, options.timeWait);
    const bare = new BareSegments(ip);
    this.#passiveOpen = new PassiveOpen(this, this.#listeners, bare, this.#initialNumbers, hash, environment);
    this.#strays = new Strays(
      this.#passiveOpen,
      this.#timeWait,
      this.#listeners,
      bare,
      hash,
      this.drops,
      foreign,
    );
    this.#localEnds = new LocalEnds(ip, ports, {
      connections: this.#connections,
      halfOpen: this.#passiveOpen.queue,
      timeWait: this.#timeWait,
      listeners: this.#listeners,
    });
  }

  /** Connections that are neither closed nor half open by the peer's wish; TIME-WAIT not counted. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Handshakes that peers began and have not finished. */
  get halfOpenCount(): number {
    return this.#passiveOpen.queue.size;
  }

  /** SYN cookies (RFC 4987 §3.6): how many were sent, and how many came back. */
  get cookies(): { sent: number; accepted: number } {
    return { sent: this.#passiveOpen.cookiesSent, accepted: this.#passiveOpen.cookiesAccepted };
  }

  get timeWaitCount(): number {
    return this.#timeWait.size;
  }

  /** Whatever is not closed; TIME-WAIT not counted. */
  connections(): TcpConnection[] {
    return this.#connections.entries().map((tcb) => new TcpConnection(tcb));
  }

  /** Whoever listens; on the ports of other hosts nobody does who could be named. */
  listening(): TcpListener[] {
    return this.#listeners.all();
  }

  /** A look inside, for tests: whatever is not closed. */
  controlBlocks(): Tcb[] {
    return this.#connections.entries();
  }

  /**
   * Starts to connect; the SYN leaves at the next poll. Throws ERR_NO_ROUTE, ERR_ADDRESS_IN_USE (the local port) or
   * ERR_LIMIT.
   */
  connect(remote: SocketAddress, options: ConnectOptions, now: Instant): TcpConnection {
    if (this.isFull)
      throw new TunnelError('ERR_LIMIT', `There are ${MAX_CONNECTIONS} TCP connections already.`);
    const local = this.#localEnds.towards(remote, options, now);
    const predecessor = this.#timeWait.get(local, remote);
    const iss =
      predecessor === NO_ROW
        ? this.#initialNumbers.sequence(local, remote, now)
        : this.#timeWait.nextIss(predecessor);
    if (predecessor !== NO_ROW) this.#timeWait.remove(predecessor);
    const tcb = new Tcb(this, local, remote, options);
    tcb.beginSending(iss);
    tcb.tsOffset = this.#initialNumbers.timestampOffset(local, remote);
    this.adopt(tcb);
    tcb.state = 'SYN-SENT';
    tcb.finalAt = now + (options.userTimeout || HANDSHAKE_PATIENCE);
    return new TcpConnection(tcb);
  }

  /** Throws ERR_ADDRESS_IN_USE, or ERR_NO_ROUTE for an address that is not ours. */
  listen(options: ListenOptions, _now: Instant): TcpListener {
    const address = options.address ?? new IpAddress(new Uint8Array(16));
    const isWildcard = address.bytes.every((byte) => byte === 0);
    if (!isWildcard && !this.ip.isLocal(address))
      throw new TunnelError('ERR_NO_ROUTE', `${address} is not an address of this tunnel.`, {
        leg: 'inside',
        reason: 'not-ours',
      });
    const port = options.port || this.#localEnds.portToListenOn();
    if (!port) throw new TunnelError('ERR_LIMIT', 'All local ports are in use.');
    const isDualStack = isWildcard && address.version === 6 && !options.ipv6Only;
    const backlog = Math.min(Math.max(options.backlog ?? DEFAULT_BACKLOG, 1), MAX_BACKLOG);
    const listener = new TcpListener(this, { address, port }, backlog, isWildcard, isDualStack, options);
    this.#listeners.add(listener);
    return listener;
  }

  /** Listens on every port of every host for which we stand in, in place of the listener before. */
  listenForOthers(options: TcpOptions): TcpListener {
    const nobody = { address: new IpAddress(new Uint8Array(16)), port: 0 };
    const listener = new TcpListener(this, nobody, MAX_BACKLOG, true, true, options);
    this.#listeners.addForOthers(listener);
    return listener;
  }

  /** One received segment: `packet` begins with the TCP header and ends with the segment. */
  receiveSegment(packet: PacketBuffer, header: IpHeaderInfo, now: Instant): void {
    const { view, start, end } = packet;
    const segment = this.#segment;
    if (!readTcp(view, start, end, segment)) {
      this.drops.count('tcp_malformed');
      return;
    }
    const pseudo = pseudoHeaderSum(view, header.addresses, header.version, PROTOCOL_TCP, end - start);
    if (sum16(view, start, end, pseudo) !== 0xffff) {
      this.drops.count('tcp_checksum');
      return;
    }
    const { sourcePort, destinationPort } = segment;
    if (sourcePort === 0 || destinationPort === 0) {
      this.drops.count('tcp_port_zero');
      return;
    }
    const { addresses, version } = header;
    segment.isMarked = (header.tos & 3) === CE;
    if (segment.has(SYN)) {
      segment.hasTimestamps &&= this.usesTimestamps;
      segment.sackPermitted &&= this.usesSack;
    }
    const tcb = this.#connections.find(view, packet.memory, addresses, version, sourcePort, destinationPort);
    if (tcb) {
      segmentArrives(tcb, segment, packet, now);
      return;
    }
    this.#strays.segmentArrives(segment, packet, header, now);
  }

  /**
   * An ICMP error about a segment of ours: `packet` begins with the quoted TCP header, of which 8 bytes suffice, and
   * `header` describes the quoted packet.
   */
  receiveError(packet: PacketBuffer, header: IpHeaderInfo, kind: IcmpErrorKind, _now: Instant): void {
    const ends = quotedEnds(packet, header);
    if (!ends || !this.#errorArrives(ends, packet.view.getInt32(packet.start + 4), kind))
      this.drops.count('tcp_icmp_mismatch');
  }

  #errorArrives(ends: Ends, sequence: number, kind: IcmpErrorKind): boolean {
    const tcb = this.#connections.get(ends.local, ends.remote);
    return tcb
      ? icmpErrorArrives(tcb, sequence, kind)
      : this.#passiveOpen.errorArrives(ends, sequence, isHard(kind));
  }

  /**
   * The same for "too big": `claimed` is the MTU of the next link as the router says, or 0, and `quotedLength` the length
   * of the quoted packet as the quote says.
   */
  receiveTooBig(
    packet: PacketBuffer,
    header: IpHeaderInfo,
    claimed: number,
    quotedLength: number,
    now: Instant,
  ): void {
    const ends = quotedEnds(packet, header);
    const tcb = ends && this.#connections.get(ends.local, ends.remote);
    const most = tcb && largestSent(tcb, packet.view.getInt32(packet.start + 4));
    if (!most) {
      this.drops.count('tcp_icmp_mismatch');
      return;
    }
    const sent = claimed === 0 ? Math.min(quotedLength, most) : most;
    const { address } = tcb.remote;
    if (!this.ip.lowerPathMtu(address, claimed, sent, now)) this.drops.count('tcp_icmp_mismatch');
  }

  /** The way to `destination` carries less than was known, or may carry more again. */
  pathMtuChanged(destination: IpAddress): void {
    for (const tcb of this.#connections.entries())
      if (tcb.remote.address.equals(destination)) pathMtuChanged(tcb);
  }

  /**
   * Our outer address changed, or the tunnel is back: do not wait for a timer that backed off meanwhile. The peer's has
   * backed off too; if only our ACKs were lost, one more lets it go on.
   */
  reconnected(now: Instant): void {
    for (const tcb of this.#connections.entries()) {
      if (tcb.isEmbryonic) tcb.synDue = true;
      else if (tcb.outstanding > 0) {
        if (tcb.flight) tcb.flight.measuresFrom = now;
        resendFirst(tcb, now);
      } else if (tcb.bytesReceived > 0 && now - tcb.lastHeardAt < PEER_MAY_WAIT) tcb.ackDue = true;
      else continue;
      this.wake(tcb);
    }
  }

  /** Resets the connections from addresses that are ours no longer; says how many. */
  addressesChanged(): number {
    this.#passiveOpen.addressesChanged();
    const orphans = this.#connections.entries().filter((tcb) => !this.ip.answersFor(tcb.localAddress));
    for (const tcb of orphans) {
      const error = new TunnelError(
        'ERR_CONNECTION_RESET',
        `${tcb.localAddress} is no longer an address of this tunnel; the connection from it was reset.`,
        { leg: 'inside', retryable: true },
      );
      if (tcb.state === 'SYN-SENT') {
        tcb.end(error);
        continue;
      }
      tcb.resetPending = true;
      tcb.resetCause = error;
      this.wake(tcb);
    }
    return orphans.length;
  }

  /** Segments that were too large for the new MTU are cut anew as they are sent again. */
  mtuChanged(): void {
    for (const tcb of this.#connections.entries())
      if (!tcb.isEmbryonic && adjustMss(tcb) !== 0) this.wake(tcb);
  }

  poll(now: Instant): void {
    this.#timeWait.expire(now);
    this.#passiveOpen.poll(now);
    this.#turns.poll(now);
    this.pages.poll(now);
  }

  pollAt(): Instant {
    return Math.min(this.#turns.pollAt(), this.#timeWait.next, this.#passiveOpen.next, this.pages.pollAt());
  }

  // ---- TcpContext, PassiveOpenHost and ListenerContext

  get isFull(): boolean {
    return this.#connections.size >= MAX_CONNECTIONS;
  }

  adopt(tcb: Tcb): void {
    this.#connections.add(tcb);
    this.wake(tcb);
  }

  wake(tcb: Tcb): void {
    this.#turns.wake(tcb);
  }

  waitForPages(tcb: Tcb): void {
    this.#turns.waitForPages(tcb);
  }

  get isAnyoneStarved(): boolean {
    return this.#turns.isAnyoneStarved;
  }

  remove(tcb: Tcb): void {
    this.rows.remove(tcb);
    this.#connections.remove(tcb);
    this.#turns.remove(tcb);
  }

  enterTimeWait(tcb: Tcb, now: Instant): void {
    if (tcb.ackDue) sendAck(tcb, now);
    this.remove(tcb);
    this.#timeWait.add(tcb, now);
  }

  mayAnswer(source: IpAddress, now: Instant): boolean {
    return this.#strays.mayAnswer(source, now);
  }

  nobody(local: SocketAddress, remote: SocketAddress, segment: TcpSegment, now: Instant): void {
    this.#strays.nobody(local, remote, segment, now);
  }

  connectionOf(tcb: Tcb): TcpConnection {
    return new TcpConnection(tcb);
  }

  stopListening(listener: TcpListener): void {
    this.#listeners.remove(listener);
  }
}

/** Between whom the quoted segment went: if 8 bytes of its header are there. It went out, so its source is we. */
function quotedEnds(packet: PacketBuffer, header: IpHeaderInfo): Ends | undefined {
  const { view, memory, start } = packet;
  const { addresses, version } = header;
  if (packet.length < 8) return undefined;
  const local = { address: IpAddress.readFrom(memory, addresses, version), port: view.getUint16(start) };
  const remoteAddress = IpAddress.readFrom(memory, addresses + (version === 4 ? 4 : 16), version);
  return { local, remote: { address: remoteAddress, port: view.getUint16(start + 2) } };
}
