import type { DropCounters } from '../counters.ts';
import type { StaticIdentity } from '../crypto/identity.ts';
import type { Environment } from '../environment.ts';
import type { PacketBuffer, PacketPool } from '../packet-buffer.ts';
import type { AllowedIps } from './allowed-ips.ts';
import type { DeviceSink } from './device.ts';
import type { DeviceDrop } from './drops.ts';
import type { IndexTable } from './index-table.ts';
import type { Jitter } from './jitter.ts';
import type { Peer } from './peer.ts';
import type { TimestampClock } from './tai64n.ts';

/** What the peers of a device share. */
export interface PeerHost {
  readonly environment: Environment;
  readonly identity: StaticIdentity;
  readonly sink: DeviceSink;
  /** Of inner packets, for padding. */
  readonly mtu: number;
  readonly isUp: boolean;
  readonly indices: IndexTable<Peer>;
  readonly allowedIps: AllowedIps<Peer>;
  readonly timestamps: TimestampClock;
  readonly jitter: Jitter;
  readonly staging: PacketPool;
  /** The longest inner packet that a staging slot holds. */
  readonly stagingCapacity: number;
  /** For the datagrams that begin here: handshake messages and keepalives. */
  readonly scratch: PacketBuffer;
  readonly drops: DropCounters<DeviceDrop>;
}
