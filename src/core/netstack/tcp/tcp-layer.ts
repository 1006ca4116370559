import { IpAddress, type SocketAddress } from '../../address.ts';
import { DropCounters } from '../../counters.ts';
import type { Environment } from '../../environment.ts';
import { TunnelError } from '../../errors.ts';
import type { PacketBuffer } from '../../packet-buffer.ts';
import { type Instant, MINUTE, type Millis, type Pollable } from '../../time.ts';
import { pseudoHeaderSum, sum16 } from '../../wire/checksum.ts';
import { PROTOCOL_TCP } from '../../wire/protocols.ts';
import { FIN, RST, readTcp, SYN, TcpSegment } from '../../wire/tcp.ts';
import type { IcmpErrorKind } from '../icmp-errors.ts';
import type { IpHeaderInfo, IpLayer } from '../ip-layer.ts';
import { PagePool } from '../page-pool.ts';
import { EphemeralPorts } from '../ports.ts';
import { AnswerLimit } from './answer-limit.ts';
import { BareSegments } from './bare-segments.ts';
import { TcpConnection } from './connection.ts';
import { ConnectionTable } from './connection-table.ts';
import { Cubic } from './cubic.ts';
import { Deadlines } from './deadlines.ts';
import { CE } from './ecn.ts';
import { FlightPool } from './flight.ts';
import { icmpErrorArrives, isHard, largestSent, pathMtuChanged } from './icmp-effect.ts';
import { InitialNumbers } from './isn.ts';
import { type ListenerContext, TcpListener } from './listener.ts';
import { Listeners } from './listeners.ts';
import { NewReno } from './new-reno.ts';
import { NumberRows } from './number-rows.ts';
import { adjustMss } from './options.ts';
import { output, resendFirst, sendAck, sendReset } from './output.ts';
import { type Ends, PassiveOpen, type PassiveOpenHost } from './passive-open.ts';
import { NO_ROW } from './record-table.ts';
import { RecordBudget } from './scoreboard.ts';
import { segmentArrives } from './segment-arrives.ts';
import { add } from './sequence.ts';
import { type ConnectOptions, type ListenOptions, printSocketAddress, type TcpDropReason } from './state.ts';
import { TCB_ROW, Tcb } from './tcb.ts';
import { TimeWaitTable } from './time-wait.ts';
import { expire, HANDSHAKE_PATIENCE, settleFinalTimer } from './timers.ts';
import { TupleHash } from './tuple-hash.ts';
import { WakeList } from './wake-list.ts';

const MAX_CONNECTIONS = 65_536;
/** Segments in the air that can be remembered, of all connections together. */
const MAX_SEGMENT_RECORDS = 1 << 20;
/** Addresses of ours that are remembered; there are seldom more than two. */
const MAX_OWN = 16;
const DEFAULT_BACKLOG = 128;
const MAX_BACKLOG = 4096;
/** After so many ports in use, all connections are looked at once: where none is free, asking for each takes long. */
const MANY_PORTS = 32;
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
  blackHoles = 0;
  readonly #ports: EphemeralPorts;
  readonly #initialNumbers: InitialNumbers;
  readonly #segment = new TcpSegment();
  readonly #connections: ConnectionTable<Tcb>;
  readonly #timeWait: TimeWaitTable;
  readonly #listeners = new Listeners();
  readonly #passiveOpen: PassiveOpen;
  readonly #bare: BareSegments;
  readonly #hash: TupleHash;
  readonly #answerLimit = new AnswerLimit();
  /** Addresses of ours that were spoken to. */
  readonly #own: IpAddress[] = [];
  readonly #deadlines = new Deadlines();
  /** Connections with something to do at the next poll. */
  #awake = new WakeList();
  #settling = new WakeList();
  /** Connections whose data waits for the way out. */
  readonly #held = new Set<Tcb>();
  /** Of those, the ones that sent something in this poll. */
  readonly #hadTurn = new WakeList();
  readonly #released: Tcb[] = [];
  /** Connections whose application waits for pages. */
  readonly #starved = new Set<Tcb>();

  constructor(ip: IpLayer, environment: Environment, options: TcpLayerOptions = {}) {
    this.ip = ip;
    this.pages = new PagePool(options.bufferLimit);
    const isReno = options.congestion === 'new-reno';
    this.flights = new FlightPool(new RecordBudget(MAX_SEGMENT_RECORDS), () =>
      isReno ? new NewReno() : new Cubic(),
    );
    this.slowStartAfterIdle = options.slowStartAfterIdle ?? true;
    this.asksForEcn = options.ecn === 'ask';
    this.fastPath = options.fastPath ?? true;
    this.usesTimestamps = options.timestamps ?? true;
    this.usesSack = options.sack ?? true;
    this.#ports = new EphemeralPorts(environment);
    this.#initialNumbers = new InitialNumbers(environment);
    this.#hash = new TupleHash(environment);
    this.#connections = new ConnectionTable(this.#hash);
    this.#timeWait = new TimeWaitTable(this.#hash, options.timeWait);
    this.#bare = new BareSegments(ip);
    this.#passiveOpen = new PassiveOpen(
      this,
      this.#listeners,
      this.#bare,
      this.#initialNumbers,
      this.#hash,
      environment,
    );
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

  /** A look inside, for tests: whatever is not closed. */
  controlBlocks(): Tcb[] {
    return this.#connections.entries();
  }

  /**
   * Starts to connect; the SYN leaves at the next poll. Throws ERR_NO_ROUTE, ERR_ADDRESS_IN_USE (the local port) or
   * ERR_LIMIT.
   */
  connect(remote: SocketAddress, options: ConnectOptions, now: Instant): TcpConnection {
    const localAddress = this.#localAddressFor(remote, options.localAddress);
    if (this.isFull)
      throw new TunnelError('ERR_LIMIT', `There are ${MAX_CONNECTIONS} TCP connections already.`);
    const local = {
      address: localAddress,
      port: this.#localPortFor(localAddress, remote, options.localPort, now),
    };
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
      });
    const port = options.port || this.#ports.random((candidate) => this.#listeners.has(candidate));
    if (!port) throw new TunnelError('ERR_LIMIT', 'All local ports are in use.');
    const isDualStack = isWildcard && address.version === 6 && !options.ipv6Only;
    const backlog = Math.min(Math.max(options.backlog ?? DEFAULT_BACKLOG, 1), MAX_BACKLOG);
    const listener = new TcpListener(this, { address, port }, backlog, isWildcard, isDualStack, options);
    this.#listeners.add(listener);
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
    this.#withoutConnection(packet, header, now);
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
      else if (tcb.outstanding > 0) resendFirst(tcb, now);
      else if (tcb.bytesReceived > 0 && now - tcb.lastHeardAt < PEER_MAY_WAIT) tcb.ackDue = true;
      else continue;
      this.wake(tcb);
    }
  }

  /** Resets the connections from addresses that are ours no longer; says how many. */
  addressesChanged(): number {
    this.#passiveOpen.addressesChanged();
    const orphans = this.#connections.entries().filter((tcb) => !this.ip.isLocal(tcb.localAddress));
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
    for (let tcb = this.#deadlines.takeDue(now); tcb; tcb = this.#deadlines.takeDue(now)) {
      expire(tcb, now);
      this.wake(tcb);
    }
    if (this.#held.size > 0 && !this.ip.congested) this.#release(now);
    if (this.#starved.size > 0 && this.pages.pressure !== 'critical') this.#feed();
    const settling = this.#awake;
    this.#awake = this.#settling;
    this.#settling = settling;
    for (let i = 0; i < settling.length; i++) if (settling.at(i).isAwake) this.#settle(settling.at(i), now);
    settling.clear();
    for (let i = 0; i < this.#hadTurn.length; i++) this.#held.add(this.#hadTurn.at(i));
    this.#hadTurn.clear();
    this.pages.poll(now);
  }

  pollAt(): Instant {
    const canFeed = this.#starved.size > 0 && this.pages.pressure !== 'critical';
    if (this.#awake.length > 0 || canFeed || (this.#held.size > 0 && !this.ip.congested)) return 0;
    return Math.min(this.#deadlines.next, this.#timeWait.next, this.#passiveOpen.next, this.pages.pollAt());
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
    if (tcb.isAwake) return;
    tcb.isAwake = true;
    this.#awake.add(tcb);
  }

  waitForPages(tcb: Tcb): void {
    this.#starved.add(tcb);
  }

  remove(tcb: Tcb): void {
    this.rows.remove(tcb);
    this.#connections.remove(tcb);
    this.#deadlines.remove(tcb);
    this.#held.delete(tcb);
    this.#starved.delete(tcb);
  }

  enterTimeWait(tcb: Tcb, now: Instant): void {
    if (tcb.ackDue) sendAck(tcb, now);
    this.remove(tcb);
    this.#timeWait.add(tcb, now);
  }

  connectionOf(tcb: Tcb): TcpConnection {
    return new TcpConnection(tcb);
  }

  stopListening(listener: TcpListener): void {
    this.#listeners.remove(listener);
  }

  // ---- one connection's turn

  #settle(tcb: Tcb, now: Instant): void {
    tcb.isAwake = false;
    if (tcb.state === 'CLOSED' || tcb.state === 'TIME-WAIT') return;
    if (tcb.resetPending) {
      sendReset(tcb, now);
      tcb.end(tcb.resetCause);
      return;
    }
    const before = tcb.segmentsSent;
    // Who sent until the way was full stands behind those who found it so: a keystroke before the next of a bulk flow.
    if (!output(tcb, now)) {
      if (tcb.segmentsSent === before) this.#held.add(tcb);
      else this.#hadTurn.add(tcb);
    }
    settleFinalTimer(tcb, now);
    this.#deadlines.schedule(tcb);
  }

  /** Those that waited go before those that something else woke. */
  #release(now: Instant): void {
    const released = this.#released;
    for (const tcb of this.#held) released.push(tcb);
    this.#held.clear();
    for (let i = 0; i < released.length; i++) this.#settle(released[i]!, now);
    released.length = 0;
  }

  #feed(): void {
    for (const tcb of this.#starved) {
      tcb.writeBlocked = false;
      tcb.observer?.writable();
    }
    this.#starved.clear();
  }

  // ---- choosing our end

  #localAddressFor(remote: SocketAddress, wanted: IpAddress | undefined): IpAddress {
    const { address } = remote;
    const from = wanted ?? this.ip.sourceFor(address);
    if (!from)
      throw new TunnelError('ERR_NO_ROUTE', `This tunnel has no IPv${address.version} address.`, {
        leg: 'inside',
      });
    if (from.version !== address.version || !this.ip.isLocal(from))
      throw new TunnelError(
        'ERR_NO_ROUTE',
        `${from} is not an IPv${address.version} address of this tunnel.`,
        {
          leg: 'inside',
        },
      );
    if (!this.ip.isUnicast(address))
      throw new TunnelError('ERR_NO_ROUTE', `${address} is not the address of one host.`, { leg: 'inside' });
    if (!this.ip.hasRoute(address))
      throw new TunnelError('ERR_NO_ROUTE', `No peer's allowed IPs cover ${address}.`, { leg: 'inside' });
    return from;
  }

  #localPortFor(address: IpAddress, remote: SocketAddress, wanted: number | undefined, now: Instant): number {
    if (wanted) {
      if (!this.#isTaken({ address, port: wanted }, remote, now)) return wanted;
      const where = printSocketAddress({ address, port: wanted });
      throw new TunnelError(
        'ERR_ADDRESS_IN_USE',
        `${where} is connected to ${printSocketAddress(remote)} already.`,
      );
    }
    let tries = 0;
    let connected: ReadonlySet<number> | undefined;
    const port = this.#ports.next(address, remote.address, remote.port, (candidate) => {
      if (++tries === MANY_PORTS) connected = this.#portsTo(remote, address);
      return (
        connected?.has(candidate) ||
        this.#listeners.has(candidate) ||
        this.#isTaken({ address, port: candidate }, remote, now)
      );
    });
    if (port) return port;
    throw new TunnelError(
      'ERR_LIMIT',
      `All local ports are connected to ${printSocketAddress(remote)} already.`,
    );
  }

  /** The ports of `address` that are connected to `remote`. */
  #portsTo(remote: SocketAddress, address: IpAddress): ReadonlySet<number> {
    const ports = new Set<number>();
    for (const tcb of this.#connections.entries())
      if (
        tcb.remotePort === remote.port &&
        tcb.remoteAddress.equals(remote.address) &&
        tcb.localAddress.equals(address)
      )
        ports.add(tcb.localPort);
    return ports;
  }

  #isTaken(local: SocketAddress, remote: SocketAddress, now: Instant): boolean {
    if (this.#connections.has(local, remote) || this.#passiveOpen.queue.get(local, remote) !== NO_ROW)
      return true;
    const record = this.#timeWait.get(local, remote);
    return record !== NO_ROW && !this.#timeWait.isReusable(record, now);
  }

  // ---- segments that belong to no connection

  /** Half-open connections, then those in TIME-WAIT, then listeners. */
  #withoutConnection(packet: PacketBuffer, header: IpHeaderInfo, now: Instant): void {
    const segment = this.#segment;
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
    const listener = this.#listeners.at(ends.local.address, destinationPort);
    if (!listener) {
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
    this.drops.count('tcp_no_connection');
    if (segment.has(RST)) return;
    if (this.mayAnswer(remote.address, now)) this.#bare.resetAnswering(local, remote, segment);
    else this.drops.count('tcp_reset_rate_limit');
  }

  /**
   * TIME-WAIT: a reset must not end it (RFC 1337); a FIN that came again is acknowledged again, and so is all that lies
   * outside the window (§3.10.7.4).
   */
  #inTimeWait(row: number, { local, remote }: Ends, segment: TcpSegment, now: Instant): void {
    this.drops.count('tcp_time_wait');
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

/** Between whom the quoted segment went: if 8 bytes of its header are there. It went out, so its source is we. */
function quotedEnds(packet: PacketBuffer, header: IpHeaderInfo): Ends | undefined {
  const { view, memory, start } = packet;
  const { addresses, version } = header;
  if (packet.length < 8) return undefined;
  const local = { address: IpAddress.readFrom(memory, addresses, version), port: view.getUint16(start) };
  const remoteAddress = IpAddress.readFrom(memory, addresses + (version === 4 ? 4 : 16), version);
  return { local, remote: { address: remoteAddress, port: view.getUint16(start + 2) } };
}
