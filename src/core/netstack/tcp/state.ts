import type { IpAddress, SocketAddress } from '../../address.ts';
import type { TunnelError } from '../../errors.ts';
import { hostAndPort } from '../../host-port.ts';
import type { Millis } from '../../time.ts';

/** RFC 9293 §3.3.2. (LISTEN is a TcpListener; a connection that waits out TIME-WAIT is a small record.) */
export type TcpState =
  | 'CLOSED'
  | 'SYN-SENT'
  | 'SYN-RECEIVED'
  | 'ESTABLISHED'
  | 'FIN-WAIT-1'
  | 'FIN-WAIT-2'
  | 'CLOSE-WAIT'
  | 'CLOSING'
  | 'LAST-ACK'
  | 'TIME-WAIT';

/** What can be chosen per connection; a listener's children inherit it. */
export interface TcpOptions {
  /** Switches Nagle's algorithm off. */
  noDelay?: boolean;
  /**
   * Holds back segments that are not full, until it is taken back, the FIN comes, or nothing has been in flight for a
   * retransmission timeout.
   */
  cork?: boolean;
  /** Idle time, and time between probes, in ms; 0 or absent: no keep-alive. */
  keepAliveDelay?: Millis;
  /** Bytes; absent: as much as the path can use. */
  sendBufferSize?: number;
  /** Bytes that may wait without having been sent once; fewer are less latency. Absent: 128 KiB, or the congestion window. */
  unsentLimit?: number;
  /** Bytes that may wait to be read. */
  receiveBufferSize?: number;
  /** Give up when nothing is acknowledged for so long, in ms. Absent: about 15 minutes. */
  userTimeout?: Millis;
  /** Bytes; no segment carries more, and the peer is asked to keep to it. Absent: as the MTU allows. */
  maxSegmentSize?: number;
  /** 1–255. */
  ttl?: number;
  /** DSCP, in the upper six bits; the ECN bits are TCP's own. */
  tos?: number;
}

export interface ConnectOptions extends TcpOptions {
  localAddress?: IpAddress;
  localPort?: number;
}

export interface ListenOptions extends TcpOptions {
  /** Absent: every address of ours. */
  address?: IpAddress;
  /** Absent or 0: an unused one is chosen. */
  port?: number;
  /** Connections that may wait, both half open and unaccepted. */
  backlog?: number;
  /** For the address `::`: leave IPv4 alone. */
  ipv6Only?: boolean;
}

/** Told what happened to a connection. It must only take note: it is called in the middle of the work. */
export interface TcpObserver {
  /** ESTABLISHED: bytes can flow. */
  connected(): void;
  /** More bytes, or the end, can be read. */
  readable(): void;
  /** A write that was refused, wholly or in part, can go on. */
  writable(): void;
  /** Three timeouts in a row (RFC 9293 §3.8.3, R1): the peer, or the way to it, may be gone. We go on trying. */
  stalled?(): void;
  /** The peer marks more of its stream as urgent (RFC 9293 §3.8.5); most applications do not care. */
  urgent?(): void;
  /**
   * Once, at the end: both directions are finished or `error` ended them. Bytes that arrived before can still be
   * read.
   */
  closed(error?: TunnelError): void;
}

/** A look inside, for people and tests. Times in ms, sizes in bytes. */
export interface TcpInfo {
  state: TcpState;
  /** Smoothed; 0 until measured. */
  rtt: Millis;
  rttVariance: Millis;
  /** Least measured; 0 until measured. */
  minRtt: Millis;
  rto: Millis;
  cwnd: number;
  ssthresh: number;
  mss: number;
  bytesInFlight: number;
  /** Written and not yet sent for the first time. */
  unsentBytes: number;
  /** What the peer allows us. */
  sendWindow: number;
  /** What we allow the peer. */
  receiveWindow: number;
  bytesSent: number;
  bytesAcknowledged: number;
  bytesReceived: number;
  segmentsSent: number;
  segmentsReceived: number;
  /** Segments sent again, for whatever reason. */
  retransmits: number;
  /** Times the retransmission timer fired. */
  timeouts: number;
  /** Times that loss was found by what arrived, and not by a timeout. */
  recoveries: number;
  /** Reductions of the window that were taken back: what seemed lost was late. */
  undos: number;
  /** Tail loss probes sent (RFC 8985 §7). */
  tailProbes: number;
  /** Segments that the peer says came twice (RFC 2883). */
  duplicatesReported: number;
  /** Deemed lost and not sent again yet. */
  lostBytes: number;
  /** Sent again, and not known to have arrived. */
  resentBytes: number;
  /** Arrived out of order, as the peer reports. */
  sackedBytes: number;
  recoveryPhase: 'open' | 'recovery' | 'loss' | 'cwr';
  windowScale: { send: number; receive: number };
  timestamps: boolean;
  sack: boolean;
}

/** Why TCP refused a segment, or would not answer one. */
export type TcpDropReason =
  | 'tcp_malformed'
  | 'tcp_checksum'
  | 'tcp_port_zero'
  | 'tcp_no_connection'
  | 'tcp_reset_rate_limit'
  | 'tcp_bad_flags'
  | 'tcp_syn_queue_full'
  | 'tcp_accept_queue_full'
  | 'tcp_bad_cookie'
  | 'tcp_paws'
  | 'tcp_no_timestamp'
  | 'tcp_outside_window'
  | 'tcp_bad_reset'
  | 'tcp_unexpected_syn'
  | 'tcp_no_ack'
  | 'tcp_bad_ack'
  | 'tcp_after_fin'
  | 'tcp_memory'
  | 'tcp_ranges'
  | 'tcp_duplicate'
  | 'tcp_time_wait'
  | 'tcp_icmp_mismatch';

/** `10.0.0.1:80`, or `[fd00::1]:80`. */
export function printSocketAddress({ address, port }: SocketAddress): string {
  return hostAndPort(address.toString(), port);
}
