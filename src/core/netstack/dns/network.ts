import type { IpAddress, SocketAddress } from '../../address.ts';
import type { Instant } from '../../time.ts';
import type { TcpConnection } from '../tcp/connection.ts';
import type { ConnectOptions } from '../tcp/state.ts';
import type { UdpBinding, UdpOptions } from '../udp-binding.ts';

/** What the resolver and whoever connects by name need of the stack. */
export interface NameNetwork {
  /** Throws a TunnelError: ERR_NO_ROUTE, ERR_ADDRESS_IN_USE, ERR_LIMIT. */
  bindUdp(options: UdpOptions): UdpBinding;
  /** Throws a TunnelError: ERR_NO_ROUTE, ERR_LIMIT. */
  connectTcp(remote: SocketAddress, options: ConnectOptions, now: Instant): TcpConnection;
  /** Our address towards the destination, if we have one of its family. */
  sourceFor(destination: IpAddress): IpAddress | undefined;
  /** Whether a packet to the address would find a peer. */
  hasRoute(address: IpAddress): boolean;
  /** Whether there is a way to any address of the family: one of ours to come from, and a peer that takes it. */
  hasFamily(version: 4 | 6): boolean;
}
