// What a page imports. Everything not named here is internal.
import type { TunnelOptions as AllTunnelOptions } from './client/tunnel.ts';
import { Tunnel as AnyTunnel } from './client/tunnel.ts';
import { launchWorkerEngine } from './client/worker-engine.ts';
import type { TunnelConfig } from './core/wireguard/config.ts';

export type {
  ConfigureReport,
  ConfigureReset,
  DnsQueryType,
  DnsRecord,
  DnsRecordType,
  Hop,
  PeerStatus,
  PingReply,
  PortState,
  TcpSocketInfo,
  TransportStatus,
  TunnelStatus,
} from './bridge/api.ts';
export type { CaptureOptions } from './client/capture.ts';
export type { Check, DiagnoseOptions } from './client/diagnose.ts';
export type { CheckPortOptions, PathMtuOptions, TracerouteOptions } from './client/diagnostics.ts';
export type { DnsOptions } from './client/dns-options.ts';
export type { ResponseHead, TunnelRequestInit, TunnelRequestOptions } from './client/fetch.ts';
export {
  derivePublicKey,
  generateKeyPair,
  generatePresharedKey,
  generatePrivateKey,
  importPrivateKey,
} from './client/keys.ts';
export type { MulticastController } from './client/multicast-controller.ts';
export type { PingOptions } from './client/ping.ts';
export type { Socket, SocketInfo, SocketOptions, TlsSocketOptions } from './client/socket.ts';
export type { SocketAddress } from './client/socket-address.ts';
export type {
  TCPServerSocket,
  TCPServerSocketOpenInfo,
  TCPServerSocketOptions,
} from './client/tcp-server-socket.ts';
export type { TCPSocket, TCPSocketOpenInfo, TCPSocketOptions } from './client/tcp-socket.ts';
export type { Duplex, TlsHook, TlsOptions } from './client/tls.ts';
export type { ConfigureOptions, LogLevel, TunnelEvents, TunnelOptions } from './client/tunnel.ts';
export type { UDPMessage } from './client/udp-message.ts';
export type { UDPSocket, UDPSocketOpenInfo, UDPSocketOptions } from './client/udp-socket.ts';
export type { WebSocketErrorEvent, WebSocketEvents } from './client/websocket/events.ts';
export type { WebSocket } from './client/websocket/websocket.ts';
export { type Leg, TunnelError, type TunnelErrorCode } from './core/errors.ts';
export {
  ConfigError,
  type ConfigIssue,
  checkConfig,
  formatConfig,
  parseConfig,
  type TunnelConfig,
} from './core/wireguard/config.ts';

/** A WireGuard tunnel whose engine runs in a dedicated worker. */
export class Tunnel extends AnyTunnel {
  /** Opens a tunnel; `options.relay` is needed, since a page cannot send UDP. */
  static open(config: string | TunnelConfig, options: AllTunnelOptions = {}): Promise<Tunnel> {
    return Tunnel.openWith(launchWorkerEngine, config, { ...options, needsRelay: true });
  }
}
