import { TunnelError } from '../../core/errors.ts';

/** What a server did that HTTP/1.1 does not allow, or that is more than we take. */
export function httpError(message: string): TunnelError {
  return new TunnelError('ERR_HTTP', message, { leg: 'inside' });
}

export function timeoutError(message: string): TunnelError {
  return new TunnelError('ERR_TIMEOUT', message, { leg: 'inside', retryable: true });
}

/** As fetch rejects: a TypeError, whose `cause` is the TunnelError; all that is no failure of the network as it is. */
export function fetchFailure(error: unknown): unknown {
  const cause = tunnelErrorOf(error);
  return cause ? new TypeError(cause.message, { cause }) : error;
}

/** Why there is no connection: an error of the network, or what a TLS layer fails with, which may be any. */
export function connectFailure(error: unknown): unknown {
  if (tunnelErrorOf(error)) return error;
  return new TypeError(error instanceof Error ? error.message : String(error), { cause: error });
}

function tunnelErrorOf(error: unknown): TunnelError | undefined {
  if (error instanceof TunnelError) return error;
  const cause = error instanceof DOMException ? (error as { cause?: unknown }).cause : undefined;
  return cause instanceof TunnelError ? cause : undefined;
}
