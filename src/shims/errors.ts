// Failures in Node's shape: an Error with code, errno, syscall, and whom it concerned.
import { type FailedAttempts, TunnelError, type TunnelErrorCode } from '../core/errors.ts';

/** Of Linux, negative; names that resolve to nothing have libuv's. */
const ERRNO = {
  EIO: -5,
  EBADF: -9,
  EACCES: -13,
  EINVAL: -22,
  EPIPE: -32,
  EMSGSIZE: -90,
  EADDRINUSE: -98,
  EADDRNOTAVAIL: -99,
  ENETDOWN: -100,
  ENETUNREACH: -101,
  ECONNRESET: -104,
  ENOBUFS: -105,
  ETIMEDOUT: -110,
  ECONNREFUSED: -111,
  EHOSTUNREACH: -113,
  EAI_AGAIN: -3001,
  ENOTFOUND: -3008,
} as const;

export type SystemCode = keyof typeof ERRNO;

/** What libuv says in words; Node's messages have it where somebody listens. */
const WORDS: Partial<Record<SystemCode, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'address not available',
  EACCES: 'permission denied',
  EINVAL: 'invalid argument',
};

const CODES: Partial<Record<TunnelErrorCode, SystemCode>> = {
  ERR_CONNECTION_REFUSED: 'ECONNREFUSED',
  ERR_CONNECTION_RESET: 'ECONNRESET',
  ERR_TIMEOUT: 'ETIMEDOUT',
  ERR_HANDSHAKE_TIMEOUT: 'ETIMEDOUT',
  ERR_HOST_UNREACHABLE: 'EHOSTUNREACH',
  ERR_NO_ROUTE: 'ENETUNREACH',
  ERR_ADDRESS_IN_USE: 'EADDRINUSE',
  ERR_MESSAGE_TOO_LONG: 'EMSGSIZE',
  ERR_NOT_ALLOWED: 'EACCES',
  ERR_LIMIT: 'ENOBUFS',
  ERR_CLOSED: 'ENETDOWN',
  ERR_WORKER: 'ENETDOWN',
};

/** Whom a failed call concerned. */
export interface Concerned {
  address?: string | undefined;
  port?: number | undefined;
  hostname?: string | undefined;
}

export interface SystemError extends Error, Concerned {
  code: string;
  errno: number;
  syscall: string;
}

/** `connect ECONNREFUSED 10.0.0.1:22`, as Node makes it. */
export function systemError(
  code: SystemCode,
  syscall: string,
  concerned: Concerned = {},
  cause?: unknown,
): SystemError {
  const { address, port, hostname } = concerned;
  const words = syscall === 'listen' ? WORDS[code] : undefined;
  const where = hostname ?? (address && port ? `${address}:${port}` : address);
  const message = `${syscall} ${code}${words ? `: ${words}` : ''}${where ? ` ${where}` : ''}`;
  const error = cause === undefined ? new Error(message) : new Error(message, { cause });
  return Object.assign(error, { errno: ERRNO[code], code, syscall }, defined(concerned)) as SystemError;
}

/** What a socket of ours rejected with, as Node would have said it. The TunnelError is its `cause`. */
export function toSystemError(reason: unknown, syscall: string, concerned: Concerned = {}): Error {
  const failure = tunnelErrorOf(reason);
  if (failure?.code === 'ERR_NAME_NOT_RESOLVED')
    return systemError(
      failure.retryable ? 'EAI_AGAIN' : 'ENOTFOUND',
      'getaddrinfo',
      { hostname: concerned.hostname ?? concerned.address },
      failure,
    );
  if (failure?.reason === 'not-ours') return systemError('EADDRNOTAVAIL', syscall, concerned, failure);
  if (failure) return systemError(CODES[failure.code] ?? 'EIO', syscall, concerned, failure);
  return reason instanceof Error ? reason : systemError('EIO', syscall, concerned, reason);
}

/** Throws what Node throws for what is no whole number between the two. */
export function checkInteger(value: number, name: string, least: number, most = 0x7fffffff): void {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
  if (Number.isInteger(value) && value >= least && value <= most) return;
  const range = Number.isInteger(value) ? `>= ${least} && <= ${most}` : 'an integer';
  throw codedError(
    RangeError,
    'ERR_OUT_OF_RANGE',
    `The value of "${name}" is out of range. It must be ${range}. Received ${value}`,
  );
}

/** Why no connection came to be: an error for each address that was tried. */
export function connectErrors(reason: unknown, host: string, port: number): Error[] {
  const attempts = attemptsOf(tunnelErrorOf(reason)?.cause);
  if (!attempts) return [toSystemError(reason, 'connect', { address: host, port })];
  return attempts.map(({ address, error }) => toSystemError(error, 'connect', { address, port }));
}

/** The one, or as in Node an AggregateError with the code of the first. */
export function connectError(failures: readonly Error[]): Error {
  const [first] = failures as [Error & { code?: string }];
  if (failures.length === 1) return first;
  return Object.assign(new AggregateError(failures, ''), { code: first.code });
}

function attemptsOf(cause: unknown): FailedAttempts['attempts'] | undefined {
  return cause instanceof AggregateError ? (cause as Partial<FailedAttempts>).attempts : undefined;
}

/** The TunnelError that a DOMException of ours carries. */
export function tunnelErrorOf(reason: unknown): TunnelError | undefined {
  if (isTunnelError(reason)) return reason;
  const cause = (reason as { cause?: unknown } | undefined)?.cause;
  return isTunnelError(cause) ? cause : undefined;
}

/** A bundler may have made two of the class, one for the page's own source and one for its packages. */
function isTunnelError(value: unknown): value is TunnelError {
  return value instanceof TunnelError || (value instanceof Error && value.name === 'TunnelError');
}

/** One of Node's own errors, which have a code and no errno. */
export function codedError(
  kind: new (message: string) => Error,
  code: string,
  message: string,
): Error & { code: string } {
  return Object.assign(new kind(message), { code });
}

export function invalidArgType(name: string, expected: string, actual: unknown): Error {
  const what = name.includes('.') ? 'property' : 'argument';
  return codedError(
    TypeError,
    'ERR_INVALID_ARG_TYPE',
    `The "${name}" ${what} must be ${expected}. Received ${described(actual)}`,
  );
}

/** A port, from a number or its decimal text. Throws ERR_SOCKET_BAD_PORT. */
export function checkPort(port: unknown, name = 'Port', { allowsZero = true } = {}): number {
  const isNumber = typeof port === 'number' || (typeof port === 'string' && port.trim() !== '');
  const number = Number(port);
  if (isNumber && number === number >>> 0 && number <= 0xffff && (number > 0 || allowsZero)) return number;
  throw codedError(
    RangeError,
    'ERR_SOCKET_BAD_PORT',
    `${name} should be ${allowsZero ? '>=' : '>'} 0 and < 65536. Received ${described(port)}.`,
  );
}

/** Throws ERR_INVALID_ARG_TYPE for what is there and cannot be called. */
export function checkCallback(callback: unknown, name = 'callback'): void {
  if (callback !== undefined && typeof callback !== 'function')
    throw invalidArgType(name, 'of type function', callback);
}

function described(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') return `an instance of ${value.constructor?.name ?? 'Object'}`;
  const text =
    typeof value === 'string' ? `'${value.slice(0, 25)}${value.length > 25 ? '...' : ''}'` : String(value);
  return `type ${typeof value} (${text})`;
}

function defined(concerned: Concerned): Concerned {
  return Object.fromEntries(Object.entries(concerned).filter(([, value]) => value !== undefined));
}
