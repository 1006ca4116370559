import type { SocketAddress } from '../../address.ts';
import { NEVER } from '../../time.ts';
import { isWindowUpdateDue } from './ack-policy.ts';
import { awaitRoom, tellWriter } from './segment-arrives.ts';
import type { TcpInfo, TcpObserver, TcpOptions, TcpState } from './state.ts';
import type { Tcb } from './tcb.ts';
import { startKeepAlive } from './timers.ts';
import { markUrgent, urgentToRead } from './urgent.ts';

/**
 * One TCP connection as an application has it. No call sends anything: it marks, and the next poll sends. Whoever is
 * done with a connection calls `close` or `abort`, also after it ended: unread bytes hold memory until then.
 */
export class TcpConnection {
  readonly #tcb: Tcb;

  constructor(tcb: Tcb) {
    this.#tcb = tcb;
  }

  get state(): TcpState {
    return this.#tcb.state;
  }

  get local(): SocketAddress {
    return this.#tcb.local;
  }

  get remote(): SocketAddress {
    return this.#tcb.remote;
  }

  get observer(): TcpObserver | undefined {
    return this.#tcb.observer;
  }

  set observer(observer: TcpObserver | undefined) {
    this.#tcb.observer = observer;
  }

  /** Why it ended, if it ended badly. */
  get error(): Error | undefined {
    return this.#tcb.error;
  }

  get readableBytes(): number {
    return this.#tcb.receiveQueue.readable;
  }

  get writableBytes(): number {
    return this.#tcb.writeRoom;
  }

  /** Of which there are so many while nothing waits to be sent. */
  get mostWritableBytes(): number {
    return Math.min(this.#tcb.mostUnsent, this.#tcb.mostQueued);
  }

  /** The peer's FIN came and everything before it has been read. */
  get readEnded(): boolean {
    return this.#tcb.finReceived && this.#tcb.receiveQueue.readable === 0;
  }

  /** Takes a copy of as many bytes as there is room for and says how many; the rest stays the caller's until `writable`. */
  write(bytes: Uint8Array): number {
    const tcb = this.#tcb;
    const written = tcb.sendQueue.write(bytes, tcb.writeRoom);
    if (written < bytes.length) awaitRoom(tcb);
    if (written > 0) tcb.wake();
    return written;
  }

  /** Marks all that was written so far as urgent (RFC 9293 §3.8.5, MUST-30); RFC 6093 advises new applications not to. */
  markUrgent(): void {
    const tcb = this.#tcb;
    if (!tcb.isOpenForSending || tcb.finQueued) return;
    markUrgent(tcb);
    tcb.wake();
  }

  /** Bytes to be read until the last one that the peer marked as urgent has been (MUST-32). */
  get urgentBytes(): number {
    return urgentToRead(this.#tcb);
  }

  /** Has the observer told when there is room again, as after a `write` that took less than it was given. */
  awaitRoom(): void {
    awaitRoom(this.#tcb);
  }

  /** Copies bytes out and frees them; a window update, where one is due, leaves at the next poll. */
  readInto(target: Uint8Array): number {
    const tcb = this.#tcb;
    const length = tcb.receiveQueue.readInto(target);
    if (length > 0 && tcb.state !== 'CLOSED' && isWindowUpdateDue(tcb)) tcb.wake();
    return length;
  }

  /** Whether the application chose how many bytes may wait to be read. */
  get isReceiveBufferFixed(): boolean {
    return this.#tcb.isReceiveLimitFixed;
  }

  /** Of the bytes that `readInto` gave, so many wait elsewhere to be read: there is less room for others here. */
  set heldBytes(bytes: number) {
    const tcb = this.#tcb;
    const isLess = bytes < tcb.heldBytes;
    tcb.heldBytes = bytes;
    if (isLess && tcb.state !== 'CLOSED' && isWindowUpdateDue(tcb)) tcb.wake();
  }

  /** No more writing: a FIN follows what was accepted. Reading goes on. */
  shutdown(): void {
    const tcb = this.#tcb;
    if (tcb.finQueued || !tcb.isOpenForSending) return;
    tcb.finQueued = true;
    if (tcb.state === 'ESTABLISHED') tcb.state = 'FIN-WAIT-1';
    else if (tcb.state === 'CLOSE-WAIT') tcb.state = 'LAST-ACK';
    tcb.wake();
  }

  /**
   * The application is gone (RFC 9293 §3.10.4): what was written is still delivered, then a FIN. Unread bytes, now or
   * later, turn it into a reset, so that the peer learns of their loss (RFC 2525 §2.17).
   */
  close(): void {
    const tcb = this.#tcb;
    if (tcb.appGone) return;
    const hasUnread = tcb.receiveQueue.readable > 0;
    tcb.appGone = true;
    tcb.receiveQueue.clear();
    if (tcb.state === 'CLOSED' || tcb.state === 'TIME-WAIT') return;
    if (tcb.state === 'SYN-SENT') {
      tcb.end();
      return;
    }
    if (hasUnread) {
      reset(tcb);
      return;
    }
    this.shutdown();
    // An orphan's patience begins now, whatever was waited before; the next poll knows when that is.
    if (tcb.userTimeout === 0) tcb.waitingSince = NEVER;
    tcb.wake();
  }

  /** A reset, now; everything unsent and unread is lost. In SYN-SENT nothing is sent. */
  abort(): void {
    const tcb = this.#tcb;
    tcb.appGone = true;
    tcb.receiveQueue.clear();
    if (tcb.state === 'CLOSED' || tcb.state === 'TIME-WAIT') return;
    if (tcb.state === 'SYN-SENT') {
      tcb.end();
      return;
    }
    reset(tcb);
  }

  /** Changes what can be changed while it lives: all but maxSegmentSize and receiveBufferSize. */
  setOptions(options: TcpOptions): void {
    const tcb = this.#tcb;
    tcb.noDelay = options.noDelay ?? tcb.noDelay;
    tcb.corked = options.cork ?? tcb.corked;
    tcb.userTimeout = options.userTimeout ?? tcb.userTimeout;
    tcb.ttl = options.ttl ?? tcb.ttl;
    tcb.tos = options.tos === undefined ? tcb.tos : options.tos & 0xfc;
    if (options.keepAliveDelay !== undefined) {
      tcb.keepAliveDelay = options.keepAliveDelay;
      if (!tcb.isEmbryonic && tcb.state !== 'CLOSED') startKeepAlive(tcb);
    }
    if (options.sendBufferSize !== undefined || options.unsentLimit !== undefined) {
      tcb.sendLimit = options.sendBufferSize ?? tcb.sendLimit;
      tcb.unsentLimit = options.unsentLimit ?? tcb.unsentLimit;
      tellWriter(tcb);
    }
    tcb.wake();
  }

  info(): TcpInfo {
    const tcb = this.#tcb;
    const { roundTrip, flight } = tcb;
    return {
      state: tcb.state,
      rtt: roundTrip.smoothed,
      rttVariance: roundTrip.variance,
      minRtt: roundTrip.least === Number.POSITIVE_INFINITY ? 0 : roundTrip.least,
      rto: roundTrip.timeout,
      cwnd: tcb.cwnd,
      ssthresh: tcb.ssthresh,
      mss: tcb.mss,
      bytesInFlight: tcb.outstanding,
      unsentBytes: tcb.unsent,
      sendWindow: tcb.sndWnd,
      receiveWindow: tcb.rcvWnd,
      bytesSent: tcb.bytesSent,
      bytesAcknowledged: tcb.bytesAcknowledged,
      bytesReceived: tcb.bytesReceived,
      segmentsSent: tcb.segmentsSent,
      segmentsReceived: tcb.segmentsReceived,
      retransmits: tcb.retransmits,
      timeouts: tcb.timeouts,
      recoveries: tcb.recoveries,
      undos: tcb.undos,
      tailProbes: tcb.tailProbes,
      duplicatesReported: tcb.duplicatesReported,
      lostBytes: flight ? flight.scoreboard.countLost() : 0,
      resentBytes: flight ? flight.scoreboard.countResent() : 0,
      sackedBytes: flight?.scoreboard.sackedBytes ?? 0,
      recoveryPhase: flight?.recovery.phase ?? 'open',
      windowScale: { send: tcb.sndScale, receive: tcb.rcvScale },
      timestamps: tcb.timestamps,
      sack: tcb.sackPermitted,
    };
  }
}

function reset(tcb: Tcb): void {
  tcb.resetPending = true;
  tcb.wake();
}
