// Node's `net` over a tunnel. `setDefaultTunnel` says over which.
import type { ConnectListener, ConnectOptions } from './connect-options.ts';
import { connectArguments } from './connect-options.ts';
import { Server, type ServerOptions } from './server.ts';
import { Socket, type SocketOptions } from './socket.ts';

export {
  getDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout,
  setDefaultAutoSelectFamily,
  setDefaultAutoSelectFamilyAttemptTimeout,
} from './auto-select-family.ts';
export { BlockList, type Family } from './block-list.ts';
export type { ConnectListener, ConnectOptions } from './connect-options.ts';
export { getDefaultTunnel, setDefaultTunnel } from './default-tunnel.ts';
export { isIP, isIPv4, isIPv6 } from './ip.ts';
export { type ListenOptions, Server, type ServerOptions } from './server.ts';
export { type AddressInfo, Socket, type SocketOptions } from './socket.ts';
export { SocketAddress, type SocketAddressInit } from './socket-address.ts';
/** Node's older name of Socket. */
export { Socket as Stream };

/** A socket that connects. The options are those of the constructor and of `socket.connect`. */
export function connect(options: ConnectOptions & SocketOptions, listener?: ConnectListener): Socket;
export function connect(port: number | string, listener?: ConnectListener): Socket;
export function connect(port: number | string, host: string, listener?: ConnectListener): Socket;
export function connect(...args: unknown[]): Socket {
  const [options, listener] = connectArguments(args);
  return new Socket(options as SocketOptions).connect(options, listener);
}

export { connect as createConnection };

/** A server that waits for its `listen`. The listener is for 'connection'. */
export function createServer(
  options?: ServerOptions | ((socket: Socket) => void),
  listener?: (socket: Socket) => void,
): Server {
  return new Server(options, listener);
}

/** As of Node's: the module itself. */
export * as default from './net.ts';
