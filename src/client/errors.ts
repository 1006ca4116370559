import { TunnelError } from '../core/errors.ts';

/** The DOMException that a web standard prescribes, with the TunnelError attached as its `cause`. */
export function domException(name: string, message: string, cause?: unknown): DOMException {
  const exception = new DOMException(message, name);
  if (cause) Object.defineProperty(exception, 'cause', { value: cause, configurable: true });
  return exception;
}

/** What Direct Sockets rejects with when the network fails. */
export function networkError(cause: TunnelError): DOMException {
  return domException('NetworkError', cause.message, cause);
}

/**
 * What a socket rejects with for what the engine answered: a NetworkError, as the standard has it for every failure. Its
 * cause is the TunnelError, or, for a mistake that only the engine can see, such as port 0, a RangeError or TypeError.
 */
export function failureOf(error: unknown): DOMException {
  return error instanceof TunnelError
    ? networkError(error)
    : domException('NetworkError', error instanceof Error ? error.message : String(error), error);
}

/** What close() rejects with, and other things that cannot be done now. */
export function invalidState(message: string): DOMException {
  return domException('InvalidStateError', message);
}

/** What sockets end with when their tunnel is closed under them. */
export function closedError(): TunnelError {
  return new TunnelError('ERR_CLOSED', 'The tunnel was closed.');
}

/**
 * The SocketError of the WinterTC Sockets API: a TypeError whose message begins with that word. Of a sentence, or of what
 * went wrong, which becomes its `cause` (where that is a NetworkError, its cause does, the TunnelError).
 */
export function socketError(reason: unknown): TypeError {
  if (reason instanceof TypeError && reason.message.startsWith('SocketError: ')) return reason;
  if (typeof reason === 'string') return new TypeError(`SocketError: ${reason}`);
  const cause: unknown = reason instanceof DOMException ? (tunnelErrorOf(reason) ?? reason) : reason;
  const message = cause instanceof Error || cause instanceof DOMException ? cause.message : String(cause);
  return new TypeError(`SocketError: ${message}`, { cause });
}

/** The TunnelError that a failure is, or has as its cause. */
export function tunnelErrorOf(error: unknown): TunnelError | undefined {
  if (error instanceof TunnelError) return error;
  const cause = (error as { cause?: unknown } | undefined)?.cause;
  return cause instanceof TunnelError ? cause : undefined;
}
