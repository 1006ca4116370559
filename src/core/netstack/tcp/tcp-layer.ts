import { IpAddress, type SocketAddress } from '../../address.ts';
import { DropCounters } from '../../counters.ts';
import type { Environment } from '../../environment.ts';
import { TunnelError } from '../../errors.ts';
import type { PacketBuffer } from '../../packet-buffer.ts';
import type { Instant, Pollable } from '../../time.ts';
import { pseudoHeaderSum, sum16 } from '../../wire/checksum.ts';
import { PROTOCOL_TCP } from '../../wire/protocols.ts';
import {
  ACK,
  CHECKSUM_OFFSET,
  FIN,
  RST,
  readTcp,
  SYN,
  TCP_HEADER_LENGTH,
  TcpSegment,
  TIMESTAMPS_LENGTH,
  writeTcpHeader,
  writeTimestamps,
} from '../../wire/tcp.ts';
import type { IcmpErrorKind } from '../icmp-errors.ts';
import type { IpHeaderInfo, IpLayer } from '../ip-layer.ts';
import { PagePool } from '../page-pool.ts';
import { EphemeralPorts } from '../ports.ts';
import { TcpConnection } from './connection.ts';
import { ConnectionTable } from './connection-table.ts';
import { Deadlines } from './deadlines.ts';
import { icmpErrorArrives } from './icmp-effect.ts';
import { InitialNumbers } from './isn.ts';
import { type ListenerContext, TcpListener } from './listener.ts';
import { limitMss, negotiate } from './options.ts';
import { output, resendFirst, sendAck, sendReset } from './output.ts';
import { segmentArrives } from './segment-arrives.ts';
import { add, gt } from './sequence.ts';
import { type ConnectOptions, type ListenOptions, printSocketAddress, type TcpDropReason } from './state.ts';
import { Tcb, type TcpContext } from './tcb.ts';
import { TimeWaitRecord, TimeWaitTable } from './time-wait.ts';
import { expire, HANDSHAKE_PATIENCE, settleFinalTimer } from './timers.ts';

const MAX_CONNECTIONS = 65_536;
const DEFAULT_BACKLOG = 128;
const MAX_BACKLOG = 4096;
/** Resets to segments that belong to no connection, per second. */
const RESETS_PER_SECOND = 200;
/** How old a TIME-WAIT record must be for `connect` to use its ports again (RFC 6191 §2). */
const TIME_WAIT_REUSE = 1000;

export interface TcpLayerOptions {
  /** Bound of all socket buffers together, in bytes. */
  bufferLimit?: number;
}

/**
 * TCP (RFC 9293) above one IP layer: finds whose a segment is, keeps the deadlines of all connections, and lets every
 * connection that has something to do send once per poll, when the batch that woke it is over.
 */
export class TcpLayer implements Pollable, TcpContext, ListenerContext {
  readonly ip: IpLayer;
  readonly pages: PagePool;
  readonly drops: DropCounters<TcpDropReason> = new DropCounters<TcpDropReason>();
  readonly #ports: EphemeralPorts;
  readonly #initialNumbers: InitialNumbers;
  readonly #segment = new TcpSegment();
  readonly #connections: ConnectionTable<Tcb>;
  readonly #timeWait: TimeWaitTable;
  readonly #listeners = new Map<number, TcpListener[]>();
  readonly #deadlines = new Deadlines();
  /** Connections with something to do at the next poll. */
  #awake: Tcb[] = [];
  #settling: Tcb[] = [];
  /** Connections whose data waits for the way out. */
  readonly #held = new Set<Tcb>();
  /** Connections whose application waits for pages. */
  readonly #starved = new Set<Tcb>();
  #resetTokens = RESETS_PER_SECOND;
  #resetTokensAt: Instant = 0;

  constructor(ip: IpLayer, environment: Environment, options: TcpLayerOptions = {}) {
    this.ip = ip;
    this.pages = new PagePool(options.bufferLimit);
    this.#ports = new EphemeralPorts(environment);
    this.#initialNumbers = new InitialNumbers(environment);
    this.#connections = new ConnectionTable(environment);
    this.#timeWait = new TimeWaitTable(environment);
  }

  /** Connections that are not closed, TIME-WAIT not counted. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  get timeWaitCount(): number {
    return this.#timeWait.size;
  }

  /**
   * Starts to connect; the SYN leaves at the next poll. Throws ERR_NO_ROUTE, ERR_ADDRESS_IN_USE (the local port) or
   * ERR_LIMIT.
   */
  connect(remote: SocketAddress, options: ConnectOptions, now: Instant): TcpConnection {
    const localAddress = this.#localAddressFor(remote, options.localAddress);
    if (this.#connections.size >= MAX_CONNECTIONS)
      throw new TunnelError('ERR_LIMIT', `There are ${MAX_CONNECTIONS} TCP connections already.`);
    const local = {
      address: localAddress,
      port: this.#localPortFor(localAddress, remote, options.localPort, now),
    };
    const predecessor = this.#timeWait.table.get(local, remote);
    const tcb = new Tcb(this, local, remote, options);
    if (predecessor) this.#timeWait.remove(predecessor);
    this.#open(tcb, predecessor?.nextIss, now);
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
    const there = this.#listeners.get(port) ?? [];
    if (there.some((other) => other.overlaps(listener))) {
      const where = printSocketAddress(listener.local);
      throw new TunnelError('ERR_ADDRESS_IN_USE', `Something listens on ${where} already.`, {
        leg: 'inside',
      });
    }
    this.#listeners.set(port, [...there, listener]);
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
    const { view, memory, start } = packet;
    const { addresses, version } = header;
    if (packet.length < 8) {
      this.drops.count('tcp_icmp_mismatch');
      return;
    }
    // The quoted packet went out: its source is we.
    const size = version === 4 ? 4 : 16;
    const local = { address: IpAddress.readFrom(memory, addresses, version), port: view.getUint16(start) };
    const remoteAddress = IpAddress.readFrom(memory, addresses + size, version);
    const tcb = this.#connections.get(local, { address: remoteAddress, port: view.getUint16(start + 2) });
    if (!tcb || !icmpErrorArrives(tcb, view.getInt32(start + 4), kind)) this.drops.count('tcp_icmp_mismatch');
  }

  /** Our outer address changed, or the tunnel is back: do not wait for a timer that backed off meanwhile. */
  reconnected(now: Instant): void {
    for (const tcb of this.#connections.entries()) {
      if (tcb.isEmbryonic) tcb.sndPos = tcb.iss;
      else if (tcb.inFlight > 0) resendFirst(tcb, now);
      else continue;
      this.wake(tcb);
    }
  }

  /** Resets the connections from addresses that are ours no longer; says how many. */
  addressesChanged(): number {
    const orphans = this.#connections.entries().filter((tcb) => !this.ip.isLocal(tcb.local.address));
    for (const tcb of orphans) {
      const error = new TunnelError(
        'ERR_CONNECTION_RESET',
        `${tcb.local.address} is no longer an address of this tunnel; the connection from it was reset.`,
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
    for (const tcb of this.#connections.entries()) if (!tcb.isEmbryonic && limitMss(tcb)) this.wake(tcb);
  }

  poll(now: Instant): void {
    this.#timeWait.expire(now);
    for (let tcb = this.#deadlines.takeDue(now); tcb; tcb = this.#deadlines.takeDue(now)) {
      expire(tcb, now);
      this.wake(tcb);
    }
    if (this.#held.size > 0 && !this.ip.congested) this.#release();
    if (this.#starved.size > 0 && this.pages.pressure !== 'critical') this.#feed();
    const settling = this.#awake;
    this.#awake = this.#settling;
    this.#settling = settling;
    for (let i = 0; i < settling.length; i++) this.#settle(settling[i]!, now);
    settling.length = 0;
  }

  pollAt(): Instant {
    const canFeed = this.#starved.size > 0 && this.pages.pressure !== 'critical';
    if (this.#awake.length > 0 || canFeed || (this.#held.size > 0 && !this.ip.congested)) return 0;
    return Math.min(this.#deadlines.next, this.#timeWait.next);
  }

  // ---- TcpContext and ListenerContext

  wake(tcb: Tcb): void {
    if (tcb.isAwake) return;
    tcb.isAwake = true;
    this.#awake.push(tcb);
  }

  waitForPages(tcb: Tcb): void {
    this.#starved.add(tcb);
  }

  remove(tcb: Tcb): void {
    this.#connections.remove(tcb);
    this.#deadlines.remove(tcb);
    this.#held.delete(tcb);
    this.#starved.delete(tcb);
    tcb.listener?.forget(tcb);
  }

  enterTimeWait(tcb: Tcb, now: Instant): void {
    if (tcb.ackDue) sendAck(tcb, now);
    this.remove(tcb);
    this.#timeWait.add(new TimeWaitRecord(tcb, now));
  }

  connectionOf(tcb: Tcb): TcpConnection {
    return new TcpConnection(tcb);
  }

  stopListening(listener: TcpListener): void {
    const { port } = listener.local;
    const rest = (this.#listeners.get(port) ?? []).filter((other) => other !== listener);
    if (rest.length > 0) this.#listeners.set(port, rest);
    else this.#listeners.delete(port);
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
    if (!output(tcb, now)) this.#held.add(tcb);
    settleFinalTimer(tcb, now);
    this.#deadlines.schedule(tcb, tcb.nextDeadline());
  }

  #release(): void {
    for (const tcb of this.#held) this.wake(tcb);
    this.#held.clear();
  }

  #feed(): void {
    for (const tcb of this.#starved) {
      tcb.writeBlocked = false;
      tcb.observer?.writable();
    }
    this.#starved.clear();
  }

  #open(tcb: Tcb, iss: number | undefined, now: Instant): void {
    tcb.beginSending(iss ?? this.#initialNumbers.sequence(tcb.local, tcb.remote, now));
    tcb.tsOffset = this.#initialNumbers.timestampOffset(tcb.local, tcb.remote);
    this.#connections.add(tcb);
    this.wake(tcb);
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
    const port = this.#ports.next(
      address,
      remote.address,
      remote.port,
      (candidate) =>
        this.#listeners.has(candidate) || this.#isTaken({ address, port: candidate }, remote, now),
    );
    if (port) return port;
    throw new TunnelError(
      'ERR_LIMIT',
      `All local ports are connected to ${printSocketAddress(remote)} already.`,
    );
  }

  #isTaken(local: SocketAddress, remote: SocketAddress, now: Instant): boolean {
    if (this.#connections.has(local, remote)) return true;
    const record = this.#timeWait.table.get(local, remote);
    return record !== undefined && !(record.timestamps && now - record.since > TIME_WAIT_REUSE);
  }

  // ---- segments that belong to no connection

  #withoutConnection(packet: PacketBuffer, header: IpHeaderInfo, now: Instant): void {
    const segment = this.#segment;
    const { memory, view } = packet;
    const { addresses, version } = header;
    const { sourcePort, destinationPort } = segment;
    const { table } = this.#timeWait;
    const record = table.find(view, memory, addresses, version, sourcePort, destinationPort);
    if (record && !this.#reopens(record, segment)) {
      this.#inTimeWait(record, segment, now);
      return;
    }
    const size = version === 4 ? 4 : 16;
    const remote = { address: IpAddress.readFrom(memory, addresses, version), port: sourcePort };
    const local = { address: IpAddress.readFrom(memory, addresses + size, version), port: destinationPort };
    const listener = this.#listenerAt(local);
    if (!listener) {
      this.#nobody(local, remote, segment, now);
      return;
    }
    if (this.#mayOpen(listener, local, remote, segment, now)) {
      if (record) this.#timeWait.remove(record);
      this.#openPassively(listener, local, remote, record?.nextIss, now);
    }
  }

  /** §3.10.7.1, CLOSED. */
  #nobody(local: SocketAddress, remote: SocketAddress, segment: TcpSegment, now: Instant): void {
    this.drops.count('tcp_no_connection');
    if (segment.has(RST)) return;
    if (!this.#takeResetToken(now)) {
      this.drops.count('tcp_reset_rate_limit');
      return;
    }
    if (segment.has(ACK)) {
      this.#emitBare(local, remote, segment.acknowledgment, 0, RST, undefined, now);
      return;
    }
    const acknowledgment = add(segment.sequence, segment.length);
    this.#emitBare(local, remote, 0, acknowledgment, RST | ACK, undefined, now);
  }

  /** §3.10.7.2, LISTEN: whether the segment begins a connection. */
  #mayOpen(
    listener: TcpListener,
    local: SocketAddress,
    remote: SocketAddress,
    segment: TcpSegment,
    now: Instant,
  ): boolean {
    if (segment.has(RST)) return this.#refuse('tcp_bad_reset');
    if (segment.has(ACK)) {
      this.#nobody(local, remote, segment, now);
      return false;
    }
    if (!segment.has(SYN) || segment.has(FIN)) return this.#refuse('tcp_bad_flags');
    if (!listener.hasRoom) return this.#refuse('tcp_accept_queue_full');
    if (!listener.mayOpen(remote.address) || this.#connections.size >= MAX_CONNECTIONS)
      return this.#refuse('tcp_syn_queue_full');
    return true;
  }

  #refuse(reason: TcpDropReason): false {
    this.drops.count(reason);
    return false;
  }

  /** Text in a SYN is left for the peer to send again: it must not be delivered before the handshake ends. */
  #openPassively(
    listener: TcpListener,
    local: SocketAddress,
    remote: SocketAddress,
    iss: number | undefined,
    now: Instant,
  ): void {
    const segment = this.#segment;
    const tcb = new Tcb(this, local, remote, listener.options);
    listener.halfOpened(tcb);
    this.#open(tcb, iss, now);
    tcb.beginReceiving(segment.sequence);
    negotiate(tcb, segment, now);
    tcb.state = 'SYN-RECEIVED';
  }

  #listenerAt({ address, port }: SocketAddress): TcpListener | undefined {
    const listeners = this.#listeners.get(port);
    return (
      listeners?.find((listener) => !listener.isWildcard && listener.takes(address)) ??
      listeners?.find((listener) => listener.takes(address))
    );
  }

  /** A new SYN may end TIME-WAIT early if it is clearly newer than the old connection (MAY-2, RFC 6191). */
  #reopens(record: TimeWaitRecord, segment: TcpSegment): boolean {
    if (!segment.has(SYN) || segment.has(ACK) || segment.has(RST)) return false;
    if (record.timestamps && segment.hasTimestamps && gt(segment.tsVal, record.tsRecent)) return true;
    return gt(segment.sequence, record.rcvNxt);
  }

  /** TIME-WAIT: a reset must not end it (RFC 1337); a FIN that came again is acknowledged again (§3.10.7.4). */
  #inTimeWait(record: TimeWaitRecord, segment: TcpSegment, now: Instant): void {
    this.drops.count('tcp_time_wait');
    if (segment.has(RST) || segment.length === 0) return;
    const isLastFin = segment.has(FIN) && add(segment.sequence, segment.length) === record.rcvNxt;
    if (isLastFin) this.#timeWait.restart(record, now);
    this.#emitBare(record.local, record.remote, record.sndNxt, record.rcvNxt, ACK, record, now);
  }

  #takeResetToken(now: Instant): boolean {
    const earned = ((now - this.#resetTokensAt) * RESETS_PER_SECOND) / 1000;
    this.#resetTokens = Math.min(RESETS_PER_SECOND, this.#resetTokens + earned);
    this.#resetTokensAt = now;
    if (this.#resetTokens < 1) return false;
    this.#resetTokens--;
    return true;
  }

  /** A segment without text from no connection, or from what is left of one. */
  #emitBare(
    local: SocketAddress,
    remote: SocketAddress,
    sequence: number,
    acknowledgment: number,
    flags: number,
    record: TimeWaitRecord | undefined,
    now: Instant,
  ): void {
    const packet = this.ip.begin(remote.address.version);
    const { view } = packet;
    const headerLength = TCP_HEADER_LENGTH + (record?.timestamps ? TIMESTAMPS_LENGTH : 0);
    const at = packet.append(headerLength);
    const window = record?.window ?? 0;
    writeTcpHeader(view, at, local.port, remote.port, sequence, acknowledgment, headerLength, flags, window);
    if (record?.timestamps)
      writeTimestamps(view, at + TCP_HEADER_LENGTH, (Math.floor(now) + record.tsOffset) | 0, record.tsRecent);
    const bytes = new Uint8Array([...local.address.bytes, ...remote.address.bytes]);
    const pseudo = pseudoHeaderSum(
      new DataView(bytes.buffer),
      0,
      remote.address.version,
      PROTOCOL_TCP,
      headerLength,
    );
    view.setUint16(at + CHECKSUM_OFFSET, ~sum16(view, at, packet.end, pseudo) & 0xffff);
    this.ip.send(packet, local.address, remote.address, PROTOCOL_TCP, record?.ttl ?? 64, record?.tos ?? 0);
  }
}
