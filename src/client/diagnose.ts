import type { PeerStatus, PingReply, TransportStatus, TunnelStatus } from '../bridge/api.ts';
import type { TunnelErrorCode } from '../core/errors.ts';
import { tunnelErrorOf } from './errors.ts';

/** One leg of the way, from the page outwards. */
export interface Check {
  /** Which: from the browser outwards to a host inside. */
  leg: 'browser' | 'relay' | 'endpoint' | 'handshake' | 'inside';
  /** Whether it was seen to work; false says no more than that it was not. */
  ok: boolean;
  /** What was seen, in a sentence. */
  detail: string;
  /** What may help. */
  advice?: string;
  /** Of the failure, for whoever has words of their own. */
  code?: TunnelErrorCode;
}

/** What `tunnel.diagnose` asks, and how long it waits, in milliseconds. */
export interface DiagnoseOptions {
  /** Whom to ping inside; absent: the first host of its own in the AllowedIPs of a peer. */
  host?: string;
  /** How long to wait for what is not there yet, for each leg, in milliseconds; default 6000. */
  timeout?: number;
  /** Ends the iteration, which throws its reason. */
  signal?: AbortSignal;
}

/** As much of a Tunnel as is asked. */
export interface Diagnosed {
  status(): Promise<TunnelStatus>;
  peerReady(publicKey: string, options: { signal?: AbortSignal }): Promise<undefined>;
  ping(
    host: string,
    options: { count: number; interval: number; timeout: number; size?: number; signal?: AbortSignal },
  ): AsyncIterable<PingReply>;
}

const ADVICE: Partial<Record<TunnelErrorCode, string>> = {
  ERR_RELAY_UNREACHABLE:
    'Check the address of the relay, that it runs, and that no proxy on the way blocks WebSockets.',
  ERR_RELAY_AUTH: 'Ask the operator of the relay for a new token.',
  ERR_RELAY_ORIGIN: 'The operator of the relay has to add the origin of this page to those it allows.',
  ERR_RELAY_DESTINATION: 'Check the Endpoint line, or let the operator of the relay allow that destination.',
  ERR_RELAY_LIMIT: 'Wait a minute; it is tried again by itself.',
  ERR_PSK_MISMATCH: 'Put the same PresharedKey into both configurations.',
  ERR_NAME_NOT_RESOLVED: 'Check the name in the Endpoint line.',
};
/** Longer than it takes until the next initiation (5 s and a third, WG §6.4): what its answer tells is not missed. */
const DEFAULT_TIMEOUT = 6000;
/** Milliseconds between two looks at a relay that is being called. */
const LOOK_AGAIN = 50;
/** Of each size: both sides may have to lose one before they know what the way carries (RFC 8201 §3). */
const PINGS = 3;
const SILENCE =
  'WireGuard answers a wrong key with silence: check that `wg show` on the other side lists our public key, that the Endpoint line is right, and that UDP reaches it.';

/** Checks the legs in their order, for every peer; what lies behind a relay that is not open is not looked at. */
export async function* diagnose(tunnel: Diagnosed, options: DiagnoseOptions = {}): AsyncGenerator<Check> {
  const { signal, timeout = DEFAULT_TIMEOUT } = options;
  signal?.throwIfAborted();
  let status: TunnelStatus;
  try {
    status = await statusWhenCalled(tunnel, timeout, signal);
  } catch (error) {
    signal?.throwIfAborted();
    yield { leg: 'browser', ...failure(error), advice: 'Open a new tunnel.' };
    return;
  }
  yield { leg: 'browser', ok: true, detail: 'The engine runs and answers.' };
  const relay = relayCheck(status.transport);
  yield relay;
  if (!relay.ok) return;
  let isAnyMet = false;
  for (const { publicKey } of status.peers) {
    const shake = await handshakeCheck(tunnel, publicKey, timeout, signal);
    signal?.throwIfAborted();
    // Only now is it known whether something came from the endpoint.
    status = await tunnel.status();
    const peer = status.peers.find((peer) => peer.publicKey === publicKey);
    if (!peer) continue;
    yield endpointCheck(peer, status.transport, shake);
    yield shake;
    isAnyMet ||= shake.ok;
  }
  if (!isAnyMet) {
    yield { leg: 'inside', ok: false, detail: 'Nobody was asked inside: there was no handshake.' };
    return;
  }
  yield await insideCheck(tunnel, options.host ?? hostInside(status), status.mtu, timeout, signal);
}

/** The status, as soon as the relay that is being called has answered, or the time is over. */
async function statusWhenCalled(
  tunnel: Diagnosed,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<TunnelStatus> {
  for (let waited = 0; ; waited += LOOK_AGAIN) {
    const status = await tunnel.status();
    if (status.transport.state !== 'connecting' || waited >= timeout) return status;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
    signal?.throwIfAborted();
  }
}

function relayCheck({ via, state, rtt, error }: TransportStatus): Check {
  const leg = 'relay';
  if (error && state !== 'open')
    return { leg, ok: false, detail: `${via}: ${error.message}`, ...adviceFor(error.code) };
  if (state !== 'open') return { leg, ok: false, detail: `${via} is not open: its state is "${state}".` };
  if (via === 'udp') return { leg, ok: true, detail: 'There is no relay: datagrams leave by UDP.' };
  const trip = rtt === undefined ? '' : `, a round trip takes ${Math.round(rtt)} ms`;
  return { leg, ok: true, detail: `The WebSocket to ${via} is open${trip}.` };
}

function endpointCheck(
  { endpoint, publicKey, transferRx }: PeerStatus,
  transport: TransportStatus,
  shake: Check,
): Check {
  const leg = 'endpoint';
  if (endpoint === undefined)
    return { leg, ok: false, detail: `Where the peer ${publicKey} is, is not known: it must call first.` };
  const problem = transport.problems.find((problem) => problem.endpoint === endpoint)?.error;
  if (problem)
    return { leg, ok: false, detail: `${endpoint}: ${problem.message}`, ...adviceFor(problem.code) };
  // That the preshared key differs is known by an answer.
  if (transferRx > 0 || shake.code === 'ERR_PSK_MISMATCH')
    return { leg, ok: true, detail: `Datagrams have come from ${endpoint}.` };
  return { leg, ok: false, detail: `Nothing has come from ${endpoint} yet.`, advice: SILENCE };
}

async function handshakeCheck(
  tunnel: Diagnosed,
  publicKey: string,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<Check> {
  const leg = 'handshake';
  const wait = new AbortController();
  const timer = setTimeout(() => wait.abort(), timeout);
  const stop = () => wait.abort();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await tunnel.peerReady(publicKey, { signal: wait.signal });
    return { leg, ok: true, detail: `There has been a handshake with the peer ${publicKey}.` };
  } catch (error) {
    if (!wait.signal.aborted) return { leg, advice: SILENCE, ...failure(error) };
    const detail = `No handshake with the peer ${publicKey} in ${timeout} ms.`;
    return { leg, ok: false, detail, advice: SILENCE };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

async function insideCheck(
  tunnel: Diagnosed,
  host: string | undefined,
  mtu: number,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<Check> {
  const leg = 'inside';
  if (host === undefined) {
    const detail = 'Nobody was asked inside: no host is known there.';
    return { leg, ok: false, detail, advice: 'Name a host to ping there.' };
  }
  const advice =
    'Check that the host is on, that it answers pings, and that AllowedIPs on both sides cover it.';
  const answers = async (size?: number) => {
    const interval = Math.max(10, Math.ceil(timeout / 10));
    const more = { ...(size !== undefined && { size }), ...(signal && { signal }) };
    const asked = { count: PINGS, interval, timeout, ...more };
    for await (const reply of tunnel.ping(host, asked)) if (reply.ok) return true;
    return false;
  };
  try {
    if (!(await answers())) return { leg, ok: false, detail: `${host} did not answer a ping.`, advice };
    // IP and ICMP headers.
    const rest = mtu - (host.includes(':') ? 48 : 28);
    if (rest > 0 && !(await answers(rest)))
      return {
        leg,
        ok: false,
        detail: `${host} answers a small ping, but not one of ${mtu} bytes: large packets are lost on the way.`,
        advice: `Write a smaller MTU than ${mtu} under [Interface], such as 1280, and connect again.`,
      };
    return { leg, ok: true, detail: `${host} answers a ping.` };
  } catch (error) {
    signal?.throwIfAborted();
    return { leg, advice, ...failure(error) };
  }
}

/** An address that AllowedIPs name alone: somebody has it. */
function hostInside({ peers }: TunnelStatus): string | undefined {
  for (const prefix of peers.flatMap(({ allowedIps }) => allowedIps)) {
    const [, address] = /^(.+)\/(?:32|128)$/.exec(prefix) ?? [];
    if (address !== undefined && !(prefix.endsWith('/32') && address.includes(':'))) return address;
  }
  return undefined;
}

function failure(error: unknown): Pick<Check, 'ok' | 'detail' | 'advice' | 'code'> {
  const detail = error instanceof Error ? error.message : String(error);
  return { ok: false, detail, ...adviceFor(tunnelErrorOf(error)?.code) };
}

function adviceFor(code: TunnelErrorCode | undefined): { advice?: string; code?: TunnelErrorCode } {
  const advice = code && ADVICE[code];
  return { ...(code && { code }), ...(advice !== undefined && { advice }) };
}
