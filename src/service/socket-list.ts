// What is open in the tunnel, as plain data for the page: what `ss` would list.
import type { SocketStatus, TcpSocketInfo } from '../bridge/api.ts';
import type { SocketAddress } from '../core/address.ts';
import type { NetStack } from '../core/netstack/netstack.ts';
import type { TcpConnection } from '../core/netstack/tcp/connection.ts';
import type { UdpBinding } from '../core/netstack/udp-binding.ts';

/** Listeners, connections, UDP sockets, also those that nobody in the page holds any more, and the resolver's. */
export function socketsOf(stack: NetStack): SocketStatus[] {
  return [
    ...stack.tcp.listening().map(({ local }) => statusOf('tcp', 'LISTEN', local)),
    ...stack.tcp.connections().map(connectionStatus),
    ...stack.udpBindings().map(bindingStatus),
  ];
}

/** A look into a connection: no round-trip time before one was measured. */
export function tcpInfoOf(connection: TcpConnection): TcpSocketInfo {
  const info = connection.info();
  return { ...info, rtt: info.rtt || undefined };
}

function connectionStatus(connection: TcpConnection): SocketStatus {
  const { local, remote } = connection;
  const tcp = tcpInfoOf(connection);
  const { state, bytesSent, bytesReceived } = tcp;
  return { ...statusOf('tcp', state, local, remote), bytesSent, bytesReceived, tcp };
}

function bindingStatus({ local, remote, bytesSent, bytesReceived }: UdpBinding): SocketStatus {
  return {
    ...statusOf('udp', remote ? 'CONNECTED' : 'BOUND', local, remote),
    bytesSent,
    bytesReceived,
  };
}

function statusOf(
  protocol: SocketStatus['protocol'],
  state: string,
  local: SocketAddress,
  remote?: SocketAddress,
): SocketStatus {
  return {
    protocol,
    state,
    localAddress: local.address.toString(),
    localPort: local.port,
    ...(remote && { remoteAddress: remote.address.toString(), remotePort: remote.port }),
    bytesSent: 0,
    bytesReceived: 0,
  };
}
