import type { NameFailure } from '../core/errors.ts';
import { tunnelErrorOf } from './errors.ts';

/** What c-ares calls it. */
const CODES: Record<NameFailure, string> = {
  'no-name': 'ENOTFOUND',
  'no-record': 'ENODATA',
  'bad-name': 'EBADNAME',
  'not-asked': 'ENOTFOUND',
  refused: 'EREFUSED',
  'server-failed': 'ESERVFAIL',
  'not-understood': 'EFORMERR',
  'not-implemented': 'ENOTIMP',
  'no-answer': 'ETIMEOUT',
};

/** `queryA ENOTFOUND name`, as Node makes it. */
export function queryError(code: string, syscall: string, hostname: string, cause?: unknown): Error {
  const message = `${syscall} ${code} ${hostname}`;
  const error = cause === undefined ? new Error(message) : new Error(message, { cause });
  // Of c-ares's words none is a number, and this one is the system's.
  const errno = code === 'EINVAL' ? -22 : undefined;
  return Object.assign(error, { errno, code, syscall, hostname });
}

export function toQueryError(reason: unknown, syscall: string, hostname: string): Error {
  const failure = tunnelErrorOf(reason);
  if (!failure) return reason as Error;
  const code =
    failure.code === 'ERR_NAME_NOT_RESOLVED'
      ? CODES[(failure.reason as NameFailure | undefined) ?? 'no-answer']
      : failure.code === 'ERR_CLOSED'
        ? 'ECONNREFUSED'
        : 'ENOMEM';
  return queryError(code, syscall, hostname, failure);
}
