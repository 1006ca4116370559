import type { IpPrefix } from '../address.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Millis } from '../time.ts';

/** What is known of a peer beforehand. */
export interface PeerConfig {
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** 32 bytes; absent or all zero: none. */
  presharedKey?: Uint8Array;
  /** Where it was last seen; without one we wait until it calls. */
  endpoint?: Endpoint;
  allowedIps: IpPrefix[];
  /** Seconds of silence after which to send something; 0 is off. */
  persistentKeepalive: number;
}

/** What `wg show` tells about a peer. */
export interface PeerStatus {
  publicKey: string;
  hasPresharedKey: boolean;
  endpoint: string | undefined;
  allowedIps: string[];
  /** Unix time. */
  latestHandshake: Millis | undefined;
  rxBytes: number;
  txBytes: number;
  /** Seconds, 0 is off. */
  persistentKeepalive: number;
  /** Whether data can leave at once. */
  hasSession: boolean;
  /** Initiations sent since the last session began: 0 when all is well. */
  handshakeAttempts: number;
  drops: Record<string, number>;
}
