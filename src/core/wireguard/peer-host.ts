import type { DropCounters } from '../counters.ts';
import type { Environment } from '../environment.ts';
import type { PacketBuffer } from '../packet-buffer.ts';
import type { TokenBucket } from '../token-bucket.ts';
import type { Alarm } from './alarm.ts';
import type { AllowedIps } from './allowed-ips.ts';
import type { DeviceSink } from './device.ts';
import type { DeviceDrop } from './drops.ts';
import type { IndexTable } from './index-table.ts';
import type { Jitter } from './jitter.ts';
import type { OwnIdentity } from './own-identity.ts';
import type { Peer } from './peer.ts';
import type { StagingArea } from './staging-area.ts';
import type { TimestampClock } from './tai64n.ts';

/** What the peers of a device share. Only the device changes it. */
export interface PeerHost {
  readonly environment: Environment;
  readonly identity: OwnIdentity;
  readonly sink: DeviceSink;
  /** Of inner packets, for padding. */
  mtu: number;
  isUp: boolean;
  readonly indices: IndexTable<Peer>;
  readonly allowedIps: AllowedIps<Peer>;
  readonly timestamps: TimestampClock;
  readonly jitter: Jitter;
  /** Learns of every deadline of every peer. */
  readonly alarm: Alarm;
  /** How many peers may be called at a time. */
  readonly calls: TokenBucket;
  readonly staging: StagingArea;
  /** For the datagrams that begin here: handshake messages and keepalives. */
  readonly scratch: PacketBuffer;
  readonly drops: DropCounters<DeviceDrop>;
}
