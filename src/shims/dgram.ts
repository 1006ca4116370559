// Node's `dgram` over a tunnel. `setDefaultTunnel` says over which.

import type { DatagramSocketOptions } from './dgram-options.ts';
import { DatagramSocket } from './dgram-socket.ts';

export { getDefaultTunnel, setDefaultTunnel } from './default-tunnel.ts';
export type { DatagramSocketOptions } from './dgram-options.ts';
export { DatagramSocket as Socket, type RemoteInfo } from './dgram-socket.ts';
export type { AddressInfo } from './socket.ts';

/** A socket that binds itself when it first sends. The listener is for 'message'. Throws ERR_SOCKET_BAD_TYPE. */
export function createSocket(
  options: 'udp4' | 'udp6' | DatagramSocketOptions,
  listener?: (...message: never[]) => void,
): DatagramSocket {
  return new DatagramSocket(options, listener);
}

/** As of Node's: the module itself. */
export * as default from './dgram.ts';
