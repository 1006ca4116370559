import type { SocketAddress } from '../../core/address.ts';

/** One for each pair of ends. */
export function flowKey(from: SocketAddress, to: SocketAddress): string {
  return `${from.address} ${from.port} ${to.address} ${to.port}`;
}
