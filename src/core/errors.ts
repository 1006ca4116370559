/** Stable codes of every failure a caller can act on; each has a paragraph in src/README.md. */
export type TunnelErrorCode =
  | 'ERR_CONFIG'
  | 'ERR_IN_USE'
  | 'ERR_UNSUPPORTED'
  | 'ERR_WORKER'
  | 'ERR_RELAY_UNREACHABLE'
  | 'ERR_RELAY_AUTH'
  | 'ERR_RELAY_ORIGIN'
  | 'ERR_RELAY_DESTINATION'
  | 'ERR_RELAY_LIMIT'
  | 'ERR_HANDSHAKE_TIMEOUT'
  | 'ERR_PSK_MISMATCH'
  | 'ERR_NO_ROUTE'
  | 'ERR_NAME_NOT_RESOLVED'
  | 'ERR_CONNECTION_REFUSED'
  | 'ERR_CONNECTION_RESET'
  | 'ERR_TIMEOUT'
  | 'ERR_HOST_UNREACHABLE'
  | 'ERR_ADDRESS_IN_USE'
  | 'ERR_MESSAGE_TOO_LONG'
  | 'ERR_NOT_ALLOWED'
  | 'ERR_LIMIT'
  | 'ERR_HTTP'
  | 'ERR_TLS_UNAVAILABLE'
  | 'ERR_TLS_CERTIFICATE'
  | 'ERR_CLOSED';

/** Which part of the way failed: page to relay, relay to endpoint, the WireGuard peer, or the network inside. */
export type Leg = 'relay' | 'endpoint' | 'peer' | 'inside';

/**
 * Why a name leads nowhere: it does not exist, it has no such record, it is no name or is not asked for; of the servers, the
 * last refused, failed, did not understand, cannot answer such questions, or none answered.
 */
export type NameFailure =
  | 'no-name'
  | 'no-record'
  | 'bad-name'
  | 'not-asked'
  | 'refused'
  | 'server-failed'
  | 'not-understood'
  | 'not-implemented'
  | 'no-answer';

/** Why there is no route: the address that our end was to have is none of the tunnel's. */
export type RouteFailure = 'not-ours';

/** What a TunnelError says beside its code and its sentence. */
export interface TunnelErrorDetails {
  /** Whether trying the same again later can succeed; false if absent. */
  retryable?: boolean;
  /** Which part of the way failed. */
  leg?: Leg;
  /** Public key (base64) of the peer concerned. */
  peer?: string;
  /** Of ERR_NAME_NOT_RESOLVED: why the name leads nowhere; of ERR_NO_ROUTE, if it is our end's address. */
  reason?: NameFailure | RouteFailure;
  /** What led to it. */
  cause?: unknown;
}

/** A failure that a user can meet. Decide by `code`, never by the message; no message holds a secret. */
export class TunnelError extends Error {
  /** What to decide by; src/README.md has a paragraph on each. */
  readonly code: TunnelErrorCode;
  /** Whether trying the same again later can succeed. */
  readonly retryable: boolean;
  /** Which part of the way failed, where that is known. */
  readonly leg: Leg | undefined;
  /** Public key (base64) of the peer concerned, if one is. */
  readonly peer: string | undefined;
  /** Of ERR_NAME_NOT_RESOLVED inside the tunnel; of ERR_NO_ROUTE, if it is our end's address. */
  readonly reason: NameFailure | RouteFailure | undefined;

  /** `message` is one sentence for the user, without secrets. */
  constructor(code: TunnelErrorCode, message: string, details: TunnelErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'TunnelError';
    this.code = code;
    this.retryable = details.retryable ?? false;
    this.leg = details.leg;
    this.peer = details.peer;
    this.reason = details.reason;
  }
}

/** Why each address of a name could not be connected to: the `cause` of a TunnelError that says that none could. */
export class FailedAttempts extends AggregateError {
  readonly attempts: readonly { readonly address: string; readonly error: TunnelError }[];

  constructor(attempts: FailedAttempts['attempts']) {
    super(attempts.map(({ error }) => error));
    this.attempts = attempts;
  }
}

/**
 * A mistake of the caller that the core finds: a TypeError for whoever catches it. Its class tells it from a mistake of
 * ours, which the language throws.
 */
export class CallerTypeError extends TypeError {}

/** Likewise, a RangeError. */
export class CallerRangeError extends RangeError {}
