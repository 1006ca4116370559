// What the engine tells the page unasked: events of peers and of the transport, errors, lines for a log.
import type { EngineAnswer, EngineEvent, LogLevel, TransportStatus } from '../bridge/api.ts';
import type { Port } from '../bridge/channel.ts';
import { toPlainError } from '../bridge/errors.ts';
import { toBase64 } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { printEndpoint } from '../core/endpoint.ts';
import { TunnelError } from '../core/errors.ts';
import type { Millis } from '../core/time.ts';
import type { EndpointProblem, TransportState } from '../core/transport.ts';
import type { DeviceEvent } from '../core/wireguard/device.ts';
import { KeyConflict } from './key-conflict.ts';
import { logLinesOf } from './log-lines.ts';
import { transportStatusOf } from './status.ts';
import { TokenQuestions } from './token-questions.ts';

/** After this many unanswered initiations (10 s) we say that there is no answer; the handshake goes on trying. */
const ATTEMPTS_BEFORE_SILENCE = 3;

export class Announcer {
  readonly tokens = new TokenQuestions((event) => this.#post(event));
  readonly #clock: Clock;
  readonly #wallClock: () => Millis;
  #port: Port | undefined;
  /** By peer: signs that another device uses our key. */
  readonly #conflicts = new Map<string, KeyConflict>();
  #transportState: TransportState | undefined;

  constructor(clock: Clock, wallClock: () => Millis) {
    this.#clock = clock;
    this.#wallClock = wallClock;
  }

  /** Where events go from now on; what happened before is lost. */
  start(port: Port): void {
    this.#port = port;
    port.onmessage = ({ data }: MessageEvent<EngineAnswer>) => this.tokens.answer(data);
  }

  get isStarted(): boolean {
    return this.#port !== undefined;
  }

  /** As the transport last told of itself. */
  get transport(): TransportStatus {
    if (!this.#transportState) return { state: 'connecting', via: '', problems: [], localPorts: [] };
    return transportStatusOf(this.#transportState, this.#clock.now(), this.#wallClock());
  }

  log(level: LogLevel, message: string, fields: Record<string, unknown> = {}): void {
    this.#post({ type: 'log', level, message, fields });
  }

  error(error: unknown): void {
    this.#post({ type: 'error', error: toPlainError(error) });
  }

  /** The last event; with an error when nobody asked for the end. */
  close(error?: TunnelError): void {
    this.#post({ type: 'close', ...(error && { error: toPlainError(error) }) });
  }

  deviceEvent(event: DeviceEvent): void {
    const peer = 'publicKey' in event ? toBase64(event.publicKey) : undefined;
    for (const { level, message } of logLinesOf(event)) this.log(level, message, peer ? { peer } : {});
    if (peer === undefined) return;
    this.#peerEvent(event, peer);
    if (this.#conflictWith(peer).take(event, this.#clock.now())) this.error(inUseElsewhere(peer));
  }

  /** What was suspected of this peer's sessions, or of all, says nothing any more. */
  forgetSuspicions(peer?: string): void {
    if (peer === undefined) this.#conflicts.clear();
    else this.#conflicts.delete(peer);
  }

  transportChanged(state: TransportState): void {
    const known = new Set(this.#transportState?.problems.map(keyOf));
    const noticed = new Set(this.#transportState?.notices?.map(keyOf));
    const wasError = errorOf(this.#transportState);
    this.#transportState = state;
    this.#post({ type: 'transport', transport: this.transport });
    const error = errorOf(state);
    if (error && error.code !== wasError?.code) this.error(error);
    for (const problem of state.problems) if (!known.has(keyOf(problem))) this.error(problem.error);
    for (const notice of state.notices ?? [])
      if (!noticed.has(keyOf(notice))) this.log('info', notice.error.message, { code: notice.error.code });
  }

  #conflictWith(peer: string): KeyConflict {
    let conflict = this.#conflicts.get(peer);
    if (!conflict) this.#conflicts.set(peer, (conflict = new KeyConflict()));
    return conflict;
  }

  #peerEvent(event: DeviceEvent, peer: string): void {
    switch (event.type) {
      case 'handshake':
        this.#post({ type: 'handshake', peer });
        break;
      case 'handshake-attempt':
        this.#post({ type: 'peer', peer, change: 'attempt', attempt: event.attempt });
        // Who is not reached is not silent.
        if (event.attempt === ATTEMPTS_BEFORE_SILENCE)
          this.error(errorOf(this.#transportState) ?? silence(peer));
        break;
      case 'gave-up':
        this.#post({ type: 'peer', peer, change: 'gave-up' });
        break;
      case 'roamed':
        this.#post({ type: 'peer', peer, change: 'roamed' });
        break;
      case 'psk-mismatch':
        this.error(pskMismatch(peer));
        break;
      default:
        break;
    }
  }

  #post(event: EngineEvent): void {
    this.#port?.postMessage(event);
  }
}

/** The same for the same thing said again. */
function keyOf({ endpoint, error }: EndpointProblem): string {
  return printEndpoint(endpoint) + error.code;
}

function errorOf(state: TransportState | undefined): TunnelError | undefined {
  return state?.state === 'waiting' || state?.state === 'failed' ? state.error : undefined;
}

function inUseElsewhere(peer: string): TunnelError {
  return new TunnelError(
    'ERR_IN_USE',
    'This key is probably in use elsewhere: good connections are lost again and again as if another device had taken them over. Give each device a private key of its own.',
    { retryable: true, leg: 'peer', peer },
  );
}

function silence(peer: string): TunnelError {
  return new TunnelError(
    'ERR_HANDSHAKE_TIMEOUT',
    'The peer does not answer. WireGuard answers a wrong key with silence: the address, the port and both public keys must be right.',
    { retryable: true, leg: 'peer', peer },
  );
}

function pskMismatch(peer: string): TunnelError {
  return new TunnelError('ERR_PSK_MISMATCH', 'The peer answered, but the preshared key differs from ours.', {
    retryable: true,
    leg: 'peer',
    peer,
  });
}
