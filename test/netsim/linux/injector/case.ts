import type { Family } from '../../../core/netstack/hostile/family.ts';
import type { PeerOptions, TcpPeer } from '../../../core/netstack/hostile/tcp-peer.ts';

/** In which a TCP connection is when the packets come. Those after `ESTABLISHED` were reached with nothing sent. */
export type State =
  | 'SYN-SENT'
  | 'SYN-RECEIVED'
  | 'ESTABLISHED'
  | 'FIN-WAIT-1'
  | 'FIN-WAIT-2'
  | 'CLOSING'
  | 'TIME-WAIT'
  | 'CLOSE-WAIT'
  | 'LAST-ACK';

export interface Scene {
  readonly family: Family;
  /** Knows the connection's numbers; of the packets' source and port in any case. */
  readonly peer: TcpPeer;
  /** What the host sent while it came into its state. */
  readonly sent: readonly Uint8Array[];
}

/** Packets for a host in a known state. */
export interface Case {
  /** Of the table of hostile inputs, or of those that none of its rows has: 0. */
  readonly row: number;
  readonly name: string;
  readonly families: readonly Family[];
  /** Absent: no connection. */
  readonly state?: State;
  readonly options?: PeerOptions;
  /** Bytes that the host's application has written. */
  readonly written?: number;
  /** Its packets tell of a path. */
  readonly tellsOfPath?: boolean;
  packets(scene: Scene): Uint8Array[];
}
