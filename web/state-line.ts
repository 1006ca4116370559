/** The tunnel's state in plain words. Pure: the same inputs always read the same. */
import type { TunnelStatus } from '../src/index.ts';
import { formatAge, formatAgo } from './format.ts';

export type Tone = 'idle' | 'waiting' | 'live' | 'failed';
export type Phase = 'idle' | 'opening' | 'open' | 'closing';

/** `headline` changes only when the state does; `detail` may tick every second and is not read aloud. */
export interface StateLine {
  tone: Tone;
  headline: string;
  detail?: string;
}

export const ONLY_THIS_PAGE = 'Only this page uses the tunnel; the rest of your computer does not.';

/** A session ends after 180 s (WG §6.1, Reject-After-Time); without traffic nobody starts the next. */
const SESSION_LIFE = 180_000;

/** What happened in this tunnel that its status does not tell. */
export interface Past {
  relayWasOpen: boolean;
  /** Code of the failure that is being shown. */
  failure?: string | undefined;
}

export function stateLine(
  phase: Phase,
  status: TunnelStatus | undefined,
  past: Past,
  now: number,
): StateLine {
  if (phase === 'idle') return { tone: 'idle', headline: 'Not connected' };
  if (phase === 'closing') return { tone: 'waiting', headline: 'Disconnecting…' };
  if (!status) return { tone: 'waiting', headline: 'Starting the engine…' };
  return transportLine(status, past.relayWasOpen, now) ?? peerLine(status, past.failure, now);
}

function transportLine({ transport }: TunnelStatus, wasOpen: boolean, now: number): StateLine | undefined {
  switch (transport.state) {
    case 'open':
      return undefined;
    case 'connecting':
      return {
        tone: 'waiting',
        headline: wasOpen ? 'Relay lost: reconnecting…' : 'Connecting to the relay…',
      };
    case 'waiting': {
      const headline = wasOpen ? 'Relay lost: reconnecting' : 'Relay not reached: trying again';
      const left = transport.retryAt ? Math.ceil((transport.retryAt.getTime() - now) / 1000) : 0;
      return { tone: 'waiting', headline, detail: left > 0 ? `in ${left} s` : 'now' };
    }
    case 'failed':
      return { tone: 'failed', headline: 'Stopped: the relay cannot be used' };
    case 'idle':
      return { tone: 'idle', headline: 'Resting: the next packet connects again' };
  }
}

function peerLine({ peers, transport }: TunnelStatus, failure: string | undefined, now: number): StateLine {
  const met = peers.filter((peer) => peer.latestHandshake);
  const tries = Math.max(0, ...peers.map((peer) => peer.handshakeAttempts));
  if (met.length === 0) {
    if (!peers.some((peer) => peer.endpoint))
      return { tone: 'waiting', headline: 'Ready: waiting for a peer to call' };
    if (failure === 'ERR_PSK_MISMATCH')
      return { tone: 'failed', headline: 'The peer’s answer does not open' };
    if (transport.problems.length > 0)
      return { tone: 'failed', headline: 'The peer cannot be reached from the relay' };
    return {
      tone: 'waiting',
      headline: 'Waiting for the peer’s answer',
      ...(tries > 0 && { detail: `try ${tries}` }),
    };
  }
  const age = now - Math.max(...met.map((peer) => peer.latestHandshake!.getTime()));
  if (met.every((peer) => peer.handshakeAttempts > 1))
    return {
      tone: 'waiting',
      headline: 'The peer has gone silent: asking again',
      detail: `try ${tries}, last handshake ${formatAgo(age)}`,
    };
  if (failure === 'ERR_IN_USE')
    return {
      tone: 'waiting',
      headline: 'Connected, but lost again and again',
      detail: `handshake ${formatAgo(age)}`,
    };
  if (age > SESSION_LIFE)
    return {
      tone: 'idle',
      headline: 'Connected, nothing to send',
      detail: `last handshake ${formatAge(age)} ago; the next packet starts a new one`,
    };
  const headline =
    met.length < peers.length ? `Connected to ${met.length} of ${peers.length} peers` : 'Connected';
  return { tone: 'live', headline, detail: `handshake ${formatAgo(age)}` };
}
