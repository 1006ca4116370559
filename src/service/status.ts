// The engine's state as plain data for the page.
import type { PeerStatus, TransportStatus } from '../bridge/api.ts';
import { toPlainError } from '../bridge/errors.ts';
import { printEndpoint } from '../core/endpoint.ts';
import type { Instant, Millis } from '../core/time.ts';
import type { DatagramTransport, TransportState } from '../core/transport.ts';
import type { DeviceStatus } from '../core/wireguard/device.ts';

export function transportStatusOf(state: TransportState, now: Instant, wallNow: Millis): TransportStatus {
  return {
    state: state.state,
    via: state.via,
    rtt: state.state === 'open' ? state.rtt : undefined,
    retryAt: state.state === 'waiting' ? new Date(wallNow + Math.max(0, state.retryAt - now)) : undefined,
    error: state.state === 'waiting' || state.state === 'failed' ? toPlainError(state.error) : undefined,
    problems: state.problems.map(({ endpoint, error }) => ({
      endpoint: printEndpoint(endpoint),
      error: toPlainError(error),
    })),
    notices: (state.notices ?? []).map(({ endpoint, error }) => ({
      endpoint: printEndpoint(endpoint),
      error: toPlainError(error),
    })),
    localPorts:
      state.state === 'open'
        ? [...state.localPorts].map(([endpoint, port]) => ({ endpoint: printEndpoint(endpoint), port }))
        : [],
  };
}

/** With what changes without an event. */
export function withMeasures(
  status: TransportStatus,
  { roundTrip, queuedBytes }: Pick<DatagramTransport, 'roundTrip' | 'queuedBytes'>,
): TransportStatus {
  const rtt = status.state === 'open' ? (roundTrip ?? status.rtt) : undefined;
  return { ...status, rtt, queued: queuedBytes };
}

export function peerStatusOf(peer: DeviceStatus['peers'][number]): PeerStatus {
  return {
    publicKey: peer.publicKey,
    presharedKey: peer.hasPresharedKey,
    endpoint: peer.endpoint,
    allowedIps: peer.allowedIps,
    latestHandshake: peer.latestHandshake === undefined ? undefined : new Date(peer.latestHandshake),
    transferRx: peer.rxBytes,
    transferTx: peer.txBytes,
    persistentKeepalive: peer.persistentKeepalive,
    handshakeAttempts: peer.handshakeAttempts,
    drops: peer.drops,
  };
}
