import { TunnelError } from '../core/errors.ts';

/** The DOMException that a web standard prescribes, with the TunnelError attached as its `cause`. */
export function domException(name: string, message: string, cause?: TunnelError): DOMException {
  const exception = new DOMException(message, name);
  if (cause) Object.defineProperty(exception, 'cause', { value: cause, configurable: true });
  return exception;
}

/** What Direct Sockets rejects with when the network fails. */
export function networkError(cause: TunnelError): DOMException {
  return domException('NetworkError', cause.message, cause);
}

/** What a socket rejects with for what was caught: a NetworkError, unless it is no failure but a mistake of the caller. */
export function failureOf(error: unknown): unknown {
  return error instanceof TunnelError ? networkError(error) : error;
}

/** What sockets end with when their tunnel is closed under them. */
export function closedError(): TunnelError {
  return new TunnelError('ERR_CLOSED', 'The tunnel was closed.');
}
