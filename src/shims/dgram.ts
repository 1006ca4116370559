// Node's `dgram` over a tunnel. `setDefaultTunnel` says over which.

import type { DatagramSocketOptions } from './dgram-options.ts';
import { DatagramSocket } from './dgram-socket.ts';

export { getDefaultTunnel, setDefaultTunnel } from './default-tunnel.ts';
export type { DatagramSocketOptions } from './dgram-options.ts';
export { DatagramSocket as Socket, type RemoteInfo } from './dgram-socket.ts';

export function createSocket(
  options: 'udp4' | 'udp6' | DatagramSocketOptions,
  listener?: (...message: never[]) => void,
): DatagramSocket {
  return new DatagramSocket(options, listener);
}

/** As of Node's: the module itself. */
export * as default from './dgram.ts';
