// The public names that are the same in a page and in Node. Everything that is named neither here nor in the entry points is
// internal.
export type {
  ConfigureReport,
  ConfigureReset,
  DnsQueryType,
  DnsRecord,
  DnsRecordData,
  DnsRecordHeader,
  DnsRecordType,
  EndpointPort,
  EndpointProblem,
  Hop,
  IcmpReason,
  NamingAuthority,
  PeerStatus,
  PingReply,
  PlainError,
  PortState,
  ServiceBinding,
  ServiceParameter,
  SocketStatus,
  StartOfAuthority,
  TcpSocketInfo,
  TransportStatus,
  TunnelStatus,
} from '../bridge/api.ts';
export {
  type Leg,
  type NameFailure,
  type RouteFailure,
  TunnelError,
  type TunnelErrorCode,
  type TunnelErrorDetails,
} from '../core/errors.ts';
export {
  type CheckedConfig,
  ConfigError,
  type ConfigIssue,
  type ConfigSeverity,
  checkConfig,
  formatConfig,
  type InterfaceConfig,
  type PeerSection,
  parseConfig,
  type TunnelConfig,
} from '../core/wireguard/config.ts';
export type { CaptureOptions } from './capture.ts';
export type { Check, DiagnoseOptions } from './diagnose.ts';
export type { CheckPortOptions, PathMtuOptions, TracerouteOptions } from './diagnostics.ts';
export type { DnsOptions } from './dns-options.ts';
export type { EngineAssets } from './engine-client.ts';
export type { ResponseHead, TunnelRequestInit, TunnelRequestOptions } from './fetch.ts';
export {
  derivePublicKey,
  generateKeyPair,
  generatePresharedKey,
  generatePrivateKey,
  importPrivateKey,
  type KeyPair,
} from './keys.ts';
export type {
  MulticastController,
  MulticastGroupOptions,
  MulticastMembership,
} from './multicast-controller.ts';
export type { PingOptions } from './ping.ts';
export type { DnsRecordsOf } from './resolve.ts';
export type { SecureTransport, Socket, SocketInfo, SocketOptions, TlsSocketOptions } from './socket.ts';
export type { SocketAddress } from './socket-address.ts';
export type {
  TCPServerSocket,
  TCPServerSocketOpenInfo,
  TCPServerSocketOptions,
} from './tcp-server-socket.ts';
export type { TCPSocket, TCPSocketOpenInfo, TCPSocketOptions } from './tcp-socket.ts';
export type { Duplex, SecureDuplex, TlsHook, TlsOptions } from './tls.ts';
export type { BoundWebSocket, ConfigureOptions, LogLevel, TunnelEvents, TunnelOptions } from './tunnel.ts';
export type { ReceivedUDPMessage, UDPMessage } from './udp-message.ts';
export type { UDPSocket, UDPSocketOpenInfo, UDPSocketOptions } from './udp-socket.ts';
export type { Handler, WebSocketErrorEvent, WebSocketEvents } from './websocket/events.ts';
export type { WebSocket } from './websocket/websocket.ts';
